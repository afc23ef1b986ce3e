"""Measure what it costs to have physmem: the same firmware with it and without, on RPI_PICO and on MPS2_AN385.

"Stock" is MicroPython's own board of that name, built from the same tree with the same compiler: firmware/stock.
"""

import ast
import struct
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from elftools.elf.elffile import ELFFile

from bench.board import BOARD, COUNTING, BenchBoard
from bench.gdb import Recorder
from emulated_board import ROOT, firmware
from layers import ORDER
from packages.contents import PACKAGES
from packages.modules import compiled, contents_of
from rp2_emulator import Rp2Emulator
from qemu import Qemu

PICO = "RPI_PICO"
PROMPT = "pyexec_friendly_repl"
"""The C function that is the prompt: both firmwares start with it after boot.py and main.py."""
SECONDS = 60
FIRST = ", first call"
COUNTER = 0x40028018
"""The counter of benchmarks/on_board/instructions.py: 0 at the reset, and 25.6 ticks an instruction."""
DONE_AT = 0x21FFFFFC
"""A word at the end of the board's PSRAM."""

# A heap that holds nothing but this. `mark` is BKPT 0x50 (Pico.marks).
MARKED_COLLECTION = """
import gc, micropython
@micropython.asm_thumb
def mark():
    data(2, 0xBE50)
def collection(mark=mark, collect=gc.collect):
    mark()
    mark()
    collect()
    mark()
"""

# The same with COUNTER.
_COUNTED_COLLECTION = """
import gc, micropython
@micropython.viper
def now() -> int:
    return ptr32(0x40028018)[0] & 0x3FFFFFFF
def collection(now=now, collect=gc.collect):
    start = now()
    middle = now()
    collect()
    end = now()
    return start, middle, end
"""

_STACK = """
import micropython, physmem
@micropython.asm_thumb
def mark():
    data(2, 0xBE50)
def stack(call, argument, mark=mark):
    mark()
    result = call(argument)
    mark()
    return result
def retain(name):
    return physmem.retain(name, 1024)
"""

STACK_CALLS = {
    "allocate_frames(1)": ("physmem.allocate_frames, 1", "frames.free()"),
    "allocate_frames_deferred(1)": ("physmem.allocate_frames_deferred, 1", "frames[0].free(); frames[1].commit()"),
    "retain(name, 1024), new": ("retain, 'log'", "physmem.release('log')"),
}
"""Statement -> (call and argument for `stack` on the board, what undoes its result, `frames`)."""


def symbol(path, name):
    """Return the address of the function *name* in the ELF file *path*, without the bit that says Thumb."""
    with open(path, "rb") as file:
        (found,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(name)
        return found["st_value"] & ~1


def _bytes_in_use(transport):
    transport.exec("import gc")
    return int(transport.exec("gc.collect()\nprint(gc.mem_alloc())"))


def _reach_the_prompt(board, name):
    board.watch(symbol(firmware(name), PROMPT))
    deadline = time.monotonic() + SECONDS
    while board.reached() is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not reach its prompt within {SECONDS} s: {board.failure()}")
        time.sleep(0.01)
    return board.reached()


def pico(name):
    """Return the figures of the Pico's firmware *name*, RPI_PICO or stock/RPI_PICO."""
    with Rp2Emulator(name, options=("--unpaced",)) as board:
        transport = board.connect()  # the first start makes the file system in flash, the second finds it
        try:
            in_use = _bytes_in_use(transport)
            transport.exec(MARKED_COLLECTION)
            transport.exec("collection()")  # the garbage that the lines above have left
            board.reset_statistics()
            transport.exec("collection()")
            first, second, third = (mark["instructions"] for mark in board.marks())
        finally:
            transport.serial.close()
        return {
            "bytes of heap at the prompt": in_use,
            "gc.collect() at the prompt": (third - second) - (second - first),
            "start to the prompt": _reach_the_prompt(board, name),
        }


def _ending_at_the_prompt(name, path):
    """Write the firmware *name* to *path* with one change: at the prompt it writes the counter to DONE_AT and stops."""
    code = (0x4803, 0x6800, 0x4903, 0x6008, 0xE7FE, 0xBF00, 0xBF00, 0xBF00)
    # ldr r0, counter; ldr r0, [r0]; ldr r1, done; str r0, [r1]; b .; and three nops up to the two addresses
    patch = struct.pack("<8H2I", *code, COUNTER, DONE_AT)
    with open(firmware(name), "rb") as file:
        elf = ELFFile(file)
        (function,) = elf.get_section_by_name(".symtab").get_symbol_by_name(PROMPT)
        address, size = function["st_value"] & ~1, function["st_size"]
        if address & 2:
            patch = struct.pack("<H", 0xBF00) + patch  # the addresses must be at a multiple of 4
        (offset,) = elf.address_offsets(address, len(patch))
        if size < len(patch):
            raise RuntimeError(f"{PROMPT} has no room for {len(patch)} bytes of code")
        file.seek(0)
        image = bytearray(file.read())
    image[offset : offset + len(patch)] = patch
    path.write_bytes(image)


def _mps2_start(name):
    """Return how many instructions the firmware *name* of MPS2_AN385 executes from the reset to its prompt."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "firmware.elf"
        _ending_at_the_prompt(name, path)
        with Qemu(name, options=(*COUNTING, "-kernel", str(path))) as board:  # QEMU uses the last -kernel
            deadline = time.monotonic() + SECONDS
            while not (ticks := board.word(DONE_AT)):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{name} did not reach its prompt within {SECONDS} s")
                time.sleep(0.01)
    return round(ticks / 25.6)


def mps2(name):
    """Return the same figures of the firmware *name*, MPS2_AN385 or stock/MPS2_AN385."""
    with Qemu(name, options=COUNTING) as board:
        transport = board.connect()
        try:
            in_use = _bytes_in_use(transport)
            transport.exec(_COUNTED_COLLECTION)
            transport.exec("collection()")
            start, middle, end = ast.literal_eval(transport.exec("print(collection())").decode())
        finally:
            transport.serial.close()
        ticks = ((end - middle) & 0x3FFFFFFF) - ((middle - start) & 0x3FFFFFFF)
    return {
        "bytes of heap at the prompt": in_use,
        "gc.collect() at the prompt": round(ticks / 25.6),
        "start to the prompt": _mps2_start(name),
    }


def mps2_stack():
    """Return {statement: bytes of stack that a later call takes below its caller} on MPS2_AN385: see `pico_stack`."""
    figures = {}
    with Recorder(BOARD) as board:
        transport = board.connect()
        try:
            # There `mark` returns the address of its second instruction plus 4, and it is where the board stops.
            transport.exec(_STACK.replace("data(2, 0xBE50)", "mov(r0, pc)"))
            mark = int(transport.exec("print(mark())")) - 4
            for call, undo in STACK_CALLS.values():
                transport.exec(f"frames = stack({call})\n{undo}")
            board.attach(mark)
            for statement, (call, undo) in STACK_CALLS.items():
                program = f"frames = stack({call})\n{undo}"
                lowest, highest = board.record(partial(transport.exec_raw_no_follow, program))
                transport.follow(SECONDS)
                board.pause()
                figures[statement] = highest - lowest
        finally:
            transport.serial.close()
    return figures


def pico_stack():
    """Return {statement: bytes of stack that it takes below its caller} on the Pico, also of the first call.

    The caller is a bytecode function. Interrupt handlers are not included.
    """
    figures = {}
    with Rp2Emulator(PICO, options=("--unpaced",)) as board:
        _reach_the_prompt(board, PICO)
        transport = board.connect()
        try:
            transport.exec(_STACK)
            for statement, (call, undo) in STACK_CALLS.items():
                for kind in (FIRST, ""):
                    board.reset_statistics()
                    transport.exec(f"frames = stack({call})")
                    _, mark = board.marks()
                    transport.exec(undo)
                    figures[statement + kind] = mark["highest"] - mark["lowest"]
        finally:
            transport.serial.close()
    return figures


FILES_AT = 0x21F00000
"""Where the board finds the files to import: in the last MiB of its PSRAM, which stock firmware does not use."""

_FILES = (ROOT / "benchmarks" / "on_board" / "files_in_memory.py").read_text()
_IN_USE = """
import gc, sys, vfs
def in_use():
    gc.collect()
    return gc.mem_alloc()
def is_enough(n):
    # Whether physmem can be imported with n bytes of the heap free.
    gc.collect()
    taken = bytearray(gc.mem_free() - n)
    try:
        import physmem
        return True
    except MemoryError:
        return False
"""

ALONE = "import physmem_region"
"""What a program needs of the library for regions of its own and their raw calls."""
FIRST_REGION = "import physmem; physmem.boot_in_heap(16384)"
_OF_THE_REGION = 16384 + 4096
"""Bytes of heap that the region of FIRST_REGION lies in, with what its alignment takes."""
EVERYTHING, RAW = "arm", "arm-raw"
"""The packages that are measured."""


def packaged(name):
    """Return {name: bytes} of the package *name*, as `make dist` makes it, and of the memory plan of MPS2_AN385."""
    mpy_cross = ROOT / "build" / "mpy-cross" / "mpy-cross"
    plan = (ROOT / "boards" / BOARD / "physmem_board.py").read_text()
    files = contents_of(PACKAGES[name], ROOT / "build" / "thumb", mpy_cross)
    return {"physmem_board.mpy": compiled("physmem_board", plan, mpy_cross)} | files


def _fewest(is_enough):
    """Return the fewest KiB, up to 128, that are enough."""
    low, high = 0, 128
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


class _Packaged:
    """The package *name* beside the heap of stock MPS2_AN385, ready to be imported there."""

    def __init__(self, name):
        self.contents = packaged(name)
        self.places, image = {}, b""
        for number, (file, content) in enumerate(self.contents.items()):
            self.places[file] = FILES_AT + len(image), len(content), number
            image += content + bytes(-len(content) % 16)
        path = ROOT / "build" / "bench" / f"{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
        self._options = (*COUNTING, "-device", f"loader,file={path},addr={FILES_AT:#x},force-raw=on")

    @contextmanager
    def board(self):
        """Yield two functions for a board that was just started: one evaluates an expression there, the other executes
        a statement and returns the bytes of heap that are in use more than at first."""
        with BenchBoard(self._options, name=f"stock/{BOARD}") as board:
            transport = board.transport

            def evaluate(expression):
                return ast.literal_eval(transport.exec(f"print({expression})").decode())

            def after(statement):
                transport.exec(statement)
                return evaluate("in_use()") - before

            transport.exec(_FILES + _IN_USE)
            places = f"places.update({self.places!r})"
            transport.exec(f"{places}\nvfs.mount(Files(), '/lib')\nsys.path.append('/lib')\nin_use()")
            before = evaluate("in_use()")
            yield evaluate, after

    def first_region(self):
        """Return the bytes of heap after each step to a first region in the heap, without that region's memory."""
        with self.board() as (_, after):
            alone = after(ALONE)
        with self.board() as (_, after):
            basic = after("import physmem")
            first = after("physmem.boot_in_heap(16384)") - _OF_THE_REGION
        return {ALONE: alone, "import physmem": basic, FIRST_REGION: first}

    def is_enough(self, kib):
        """Return whether physmem can be imported with that much heap free."""
        with self.board() as (evaluate, _):
            return evaluate(f"is_enough({1024 * kib})")


def imported():
    """Return the bytes of heap that importing the packages for ARM takes on stock MPS2_AN385, and those of the files of
    `arm`."""
    arm = _Packaged(EVERYTHING)
    with arm.board() as (evaluate, after):
        booted = after("import physmem\nphysmem.boot()\nphysmem.boot_complete()")
        loaded = set(evaluate("list(sys.modules)"))
        opened = dict(zip(arm.contents, evaluate("list(opened)")))
        # Not those again that boot() has loaded and dropped: nothing loads these together with all others.
        fresh = [name[:-4] for name, once in opened.items() if not once and name.endswith(".mpy")]
        fresh.sort(key=ORDER.index, reverse=True)
        everything = after("\n".join(f"__import__({module!r})" for module in fresh) + "\nNone")
    return {
        RAW: _Packaged(RAW).first_region(),
        EVERYTHING: arm.first_region()
        | {
            "import physmem; physmem.boot()": booted,
            "the same and every other module": everything,
            "free heap that import physmem needs": 1024 * _fewest(arm.is_enough),
        },
        "modules that boot() leaves loaded": ", ".join(module for module in ORDER if module in loaded),
        "bytes of all files": sum(map(len, arm.contents.values())),
    }
