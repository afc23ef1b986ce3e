"""Machines that run test functions: the unix port of MicroPython, and boards in an emulator.

A machine starts afresh for each test file. When a test hangs it or brings it down, the file's other tests fail too, and
say why; the next file finds a new machine.
"""

import os
import re
import selectors
import subprocess
import time

from mpremote.transport import TransportError

from boards import mpy_cross_option
from emulator import MACHINES, ROOT, RP2040_BOARDS, Emulator, Rp2040Emulator, firmware
from harness import imports, target_files


RESULT = "physmem-test-result"
"""What tests_target/runner.py puts before a result."""
FAULT = b" exception caught:"
"""What the port prints on a processor fault."""
UPLOAD_CHUNK = 2048


class MachineDown(Exception):
    """The machine no longer runs tests; the text says since when and why."""


class Machine:
    """What the kinds of machine have in common; `name` stands in the ids of the tests."""

    def __init__(self, name):
        self.name = name
        self._file = None
        self._down = None

    def run(self, file, function):
        """Run *function* of the TargetFile *file*: (passed, what it printed). Raises MachineDown."""
        try:
            if self._file != file:
                self._file = file
                self._down = None
                self.start(file)
            elif self._down:
                raise MachineDown(f"not run: {self._down}")
            return self._result(self.execute(file, function))
        except (OSError, RuntimeError, TransportError, TimeoutError) as error:
            self._down = f"{self.name} went down in {function} of {file.path.stem}: {self.explain(error)}"
            self.stop()
            raise MachineDown(self._down) from error

    def explain(self, error):
        """What to say of *error*, which has brought the machine down."""
        return error

    @staticmethod
    def _result(output):
        text, mark, result = output.rpartition(RESULT)
        if not mark:
            raise RuntimeError(f"the machine gave no result:\n{output}")
        return result.split()[0] == "pass", text


class UnixPort(Machine):
    """The unix port as a process that reads the names of tests from its standard input."""

    program = ROOT / "build" / "UNIX" / "micropython"

    def __init__(self, name):
        super().__init__(name)
        self._process = None

    def start(self, file):
        self.stop()
        if not self.program.exists():
            raise RuntimeError("the unix port is not built: run make build")
        self._process = subprocess.Popen(
            [self.program, "-c", "import runner; runner.serve()"],
            cwd=self.program.parent,
            env=dict(os.environ, MICROPYPATH=f".frozen:{file.path.parent}:{target_files.FOLDER}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def execute(self, file, function):
        self._process.stdin.write(f"{file.path.stem} {function}\n".encode())
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
                    raise RuntimeError(f"it ended with status {status}:\n{output.decode(errors='replace')}")
                output += data
        return output.decode(errors="replace")

    def stop(self):
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Board(Machine):
    """A board in an emulator, driven through mpremote's transport; test files arrive as .mpy files, with the modules
    that they need. Subclasses say how the emulator is made and how files get onto the board."""

    def __init__(self, name):
        super().__init__(name)
        self._emulator = None
        self._transport = None

    def start(self, file):
        emulator = self._emulator_for(file)
        if self._emulator is None or self._emulator.options != emulator.options:
            self.stop()
            if not firmware(self.name).exists():
                raise RuntimeError(f"the firmware of {self.name} is not built: run make build")
            self._emulator = emulator
            self._emulator.start()
            self._transport = self._emulator.connect()
        else:
            self._transport.enter_raw_repl(soft_reset=True)
        self._upload([*imports.needed(file.path, target_files.helper_modules()), file.path])

    def execute(self, file, function):
        return self._execute(f"run({file.path.stem!r}, {function!r})", file.timeout)

    def stop(self):
        if self._transport:
            self._transport.serial.close()
            self._transport = None
        if self._emulator:
            self._emulator.stop()
            self._emulator = None

    def explain(self, error):
        return self._emulator and self._emulator.failure() or error

    def _compile(self, path):
        """The .mpy file of the module at *path*, for the machine code of this board."""
        output = ROOT / "build" / self.name / "tests" / f"{path.stem}.mpy"
        output.parent.mkdir(exist_ok=True)
        mpy_cross = ROOT / "build" / "mpy-cross" / "mpy-cross"
        command = [mpy_cross, mpy_cross_option(self.name), "-s", path.name, "-o", output, path]
        compiler = subprocess.run(command, capture_output=True, text=True)
        if compiler.returncode:
            raise RuntimeError(f"{path.name} does not compile:\n{compiler.stderr}")
        return output.read_bytes()

    def _execute(self, source, seconds=target_files.DEFAULT_TIMEOUT):
        """Execute *source* on the board: what it printed. Raises RuntimeError, TimeoutError."""
        output = bytearray()
        deadline = time.monotonic() + seconds

        def consume(data):
            output.extend(data)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no end of output within {seconds} s:\n{text()}")
            if data == b"\n" and FAULT in output:
                raise RuntimeError(f"processor fault:\n{text()}")

        def text():
            return output.replace(b"\r", b"").replace(b"\x04", b"").decode(errors="replace")

        self._transport.exec_raw_no_follow(source)
        try:
            _, error = self._transport.follow(seconds, consume)
        except TransportError as problem:
            raise TimeoutError(f"no result within {seconds} s:\n{text()}") from problem
        if error:
            raise RuntimeError(text() + error.decode(errors="replace"))
        return text()


class QemuBoard(Board):
    """A board under QEMU. It has no file system: files lie in the GC heap."""

    def _emulator_for(self, file):
        return Emulator(self.name, options=file.options)

    def _upload(self, paths):
        for harness in ("runner", "uploaded_files"):
            self._execute((target_files.FOLDER / f"{harness}.py").read_text())
        for path in paths:
            data = self._compile(path)
            name = f"{path.stem}.mpy"
            for start in range(0, len(data), UPLOAD_CHUNK):
                self._execute(f"uploaded_files.add({name!r}, {data[start : start + UPLOAD_CHUNK]!r})")


class Rp2040Board(Board):
    """A board of the RP2040 in this project's emulator. Files lie in its flash, where they outlast soft resets; each is
    written when it is first needed, or has changed."""

    def __init__(self, name):
        super().__init__(name)
        self._written = {}

    def stop(self):
        super().stop()
        self._written = {}

    def _emulator_for(self, file):
        return Rp2040Emulator(self.name)

    def _upload(self, paths):
        for path in [target_files.FOLDER / "runner.py", *paths]:
            data = self._compile(path)
            if self._written.get(path.stem) != data:
                self._execute(f"file = open('{path.stem}.mpy', 'wb')")
                for start in range(0, len(data), UPLOAD_CHUNK):
                    self._execute(f"file.write({data[start : start + UPLOAD_CHUNK]!r})")
                self._execute("file.close()")
                self._written[path.stem] = data
        self._execute("from runner import run")


def all_machines():
    """Every machine, not yet started, by name."""
    boards = {name: QemuBoard(name) for name in MACHINES} | {name: Rp2040Board(name) for name in RP2040_BOARDS}
    return {"UNIX": UnixPort("UNIX")} | boards
