"""A runner with stock firmware: MPS2_AN385 as MicroPython makes it, and the package for ARM that `make dist` makes.

The package lies in the board's memory for code, behind a file system that hands out bytes, as a board's flash does: so
all of a module that is imported is in the heap. The tests are in a ROMFS beside it, where MicroPython runs them without
a copy in the heap.
"""

import ast
import contextlib
import functools
import hashlib
import io
import tempfile
import tokenize
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from emulated_board import ROOT
from packages.contents import PACKAGES
from packages.modules import compiled, contents_of, sources_for_arm
from qemu import Qemu
from harness import target_files
from harness.runners import QemuBoard

BOARD = "MPS2_AN385"
PLAN = ROOT / "boards" / BOARD / "physmem_board.py"
BOOT = ROOT / "firmware" / "physmem_boot.py"
ENGINE_TWIN = target_files.VIPER_ENGINE.stem
THUMB = ROOT / "build" / "thumb"
MPY_CROSS = ROOT / "build" / "mpy-cross" / "mpy-cross"
PACKAGE_AT = 0x00100000
TESTS_AT = 0x00180000
END = 0x00380000
"""Where the package and the tests lie. The firmware has 4 MiB from address 0 on: 0.7 MiB at the start, and the stack at
the end."""

TIME = """
import uctypes
_counter = uctypes.struct(0x40028018, {"at_25_mhz": uctypes.UINT32})
_seen = 0
_turns = 0
def ticks_us():
    global _seen, _turns
    now = _counter.at_25_mhz
    _turns += now < _seen
    _seen = now
    return ((_turns << 32) + now) // 25 & 0x3FFFFFFF
def ticks_ms():
    return ticks_us() // 1000
def ticks_diff(end, start):
    return (end - start) & 0x3FFFFFFF
def sleep_us(us):
    start = ticks_us()
    while ticks_diff(ticks_us(), start) < us:
        pass
def sleep_ms(ms):
    sleep_us(1000 * ms)
"""
"""The module `time`, which stock firmware of this board lacks: from the counter of the board's FPGA."""

LOCKED = """
import builtins
def heap_locked():
    try:
        bytearray(1)
        return 0
    except MemoryError:
        return 1
builtins.heap_locked = heap_locked
"""
"""micropython.heap_locked(), which stock firmware of this board lacks, for a heap that is not full."""

AS_HERE = (
    ("micropython.heap_locked()", "heap_locked()"),
    ('HAS_SMALL_HEAP = sys.platform in ("rp2", "pyboard")', "HAS_SMALL_HEAP = True"),
)
"""What is other here in the tests, (before, after): with the package in it, the heap is as full as that of a Pico."""

FORGET = """
import sys
for name in [name for name in sys.modules if name.startswith("physmem")]:
    del sys.modules[name]
"""
"""What was frozen is no longer loaded; sys.path decides what is loaded now."""

FILES = (ROOT / "benchmarks" / "on_board" / "files_in_memory.py").read_text() + "\nimport sys, vfs\n"


def image(files, base):
    """Return (bytes that hold the contents of *files*, {name: bytes}, from the address *base* on; {name: place})."""
    content, places = b"", {}
    for name, data in files.items():
        places[name] = base + len(content), len(data), len(places)
        content += data + bytes(-len(data) % 16)
    return content, places


@functools.cache
def package_files(name="arm"):
    """Return {name: bytes} of the package of that name, as `make dist` makes it."""
    return contents_of(PACKAGES[name], THUMB, MPY_CROSS)


def _functions(source):
    """Return the names of the functions at the top of *source*."""
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def _keywords_that_are_names(tree):
    """Return where the keyword arguments stand, (line, column), that something in *tree* takes as ``**names``."""
    takers = {}
    for node in ast.walk(tree):
        children = node.body if isinstance(node, ast.ClassDef) else [node]
        for child in children:
            is_maker = isinstance(child, ast.FunctionDef) and (child is node or child.name == "__init__")
            if is_maker and child.args.kwarg:
                takers[node.name] = {argument.arg for argument in (*child.args.args, *child.args.kwonlyargs)}
    return {
        (keyword.lineno, keyword.col_offset)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) in takers
        for keyword in call.keywords
        if keyword.arg and keyword.arg not in takers[call.func.id]
    }


def renamed(source, names):
    """Return *source* with the names of the library's modules as the package has them: tests look into modules.

    A name that a test imports from a module keeps its name in the test, where names of other modules may be the same
    as its new one. Keyword arguments that a function of the test takes as ``**names`` are names to be given to modules.
    """
    keywords = _keywords_that_are_names(ast.parse(source))
    bodies = [child for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef) for child in node.body]
    methods = {child.lineno for child in bodies if isinstance(child, ast.FunctionDef)}
    own = {ast.unparse(target) for child in bodies if isinstance(child, ast.Assign) for target in child.targets}
    others = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import)
        for alias in node.names
        if not alias.name.startswith("physmem")
    }
    result, before, base, imports = [], "", "", False
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]]):
        text = token.string
        if token.type in (tokenize.NEWLINE, tokenize.ENCODING):
            imports = False
        elif token.type == tokenize.NAME and text in names and text not in own:
            is_attribute = before == "." and base not in others
            if is_attribute or (before == "def" and token.start[0] in methods) or token.start in keywords:
                text = names[text]
            elif imports and before != "as":
                text = names[text] if following.string == "as" else f"{names[text]} as {text}"
        elif token.type == tokenize.STRING and "_" in text and text[1:-1] in names:
            text = text[0] + names[text[1:-1]] + text[-1]
        if before == "from" and text.startswith("physmem_"):
            imports = True
        result.append((token.type, text))
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            base, before = before, token.string.strip()
    return tokenize.untokenize(result)


def renamed_copy(path, names, folder, replacements=()):
    """Return the path of a copy, in *folder*, of the source at *path* with the *names* of a package and with these
    *replacements*, (before, after)."""
    folder = folder / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    text = path.read_text()
    for before, after in replacements:
        text = text.replace(before, after)
    text = renamed(text, names)
    if path.stem == ENGINE_TWIN:  # what it has in common with physmem_thumb, tests look up by one name in both
        there = _functions(text) & _functions((THUMB / "physmem_thumb.py").read_text()) & set(names)
        text += "".join(f"{names[name]} = {name}\n" for name in sorted(there))
    source = folder / path.name
    if not source.exists() or source.read_text() != text:
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
            file.write(text)
        Path(file.name).replace(source)
    return source


def loader(content, address):
    """Return the options that make QEMU put *content* at *address*."""
    if address + len(content) > END:
        raise RuntimeError(f"{len(content)} bytes do not fit between {address:#x} and {END:#x}")
    path = ROOT / "build" / "stock" / "tests" / f"{hashlib.sha256(content).hexdigest()[:16]}.bin"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)  # at once: another worker may look for it
    return "-device", f"loader,file={str(path).replace(',', ',,')},addr={address:#x},force-raw=on"


class StockMps2(QemuBoard):
    """MPS2_AN385 with stock firmware and the package for ARM."""

    def __init__(self, name):
        super().__init__(name)
        self.firmware = f"stock/{BOARD}"
        self._options = None
        self._names = sources_for_arm(THUMB).names

    def _emulator_for(self, file):
        if self._options is None:
            self._options = self._loaded()
        return Qemu(self.firmware, options=(*self._options, *file.options))

    def _loaded(self):
        """Return the options that put the files into the memory of the board."""
        content, self._places = image(package_files(), PACKAGE_AT)
        writer = VfsRomWriter()
        for name, data in {**self._tests(), "time.py": TIME.encode()}.items():
            writer.mkfile(name, data)
        tests = writer.finalise()
        self._size = len(tests)
        return (*loader(content, PACKAGE_AT), *loader(tests, TESTS_AT))

    def _tests(self):
        """Return {name: bytes} of all tests, with the memory plan of the board."""
        paths = [target_files.FOLDER / "runner.py", *target_files.helper_modules(), PLAN]
        paths += [file.path for file in target_files.test_files()]
        folder = ROOT / "build" / self.firmware / "tests"
        sources = [renamed_copy(path, self._names, folder, AS_HERE) for path in paths]
        return {f"{source.stem}.mpy": self._compile(source).read_bytes() for source in sources}

    def _upload(self, paths):
        memory = f"uctypes.bytearray_at({TESTS_AT}, {self._size})"
        self._execute(FILES + f"places = {self._places}\nvfs.mount(Files(), '/lib')\n" + LOCKED)
        self._execute(f"vfs.mount(vfs.VfsRom({memory}), '/tests')\nsys.path[:] = ['/tests', '/lib']")
        self._execute(BOOT.read_text())
        self._execute("from runner import run")


class PackagedMps2(StockMps2):
    """MPS2_AN385 with the project's firmware, which has timers and hard interrupts for tests, and the package in place
    of the modules that are frozen into it."""

    def __init__(self, name):
        super().__init__(name)
        self.firmware = BOARD

    def _loaded(self):
        content, self._places = image(package_files() | self._tests(), PACKAGE_AT)
        return loader(content, PACKAGE_AT)

    def _upload(self, paths):
        self._execute(FORGET + FILES + f"places = {self._places}\nvfs.mount(Files(), '/lib')\n" + LOCKED)
        self._execute("sys.path[:] = ['/lib']\n" + BOOT.read_text())
        self._execute("from runner import run")


@contextlib.contextmanager
def stock_with(package):
    """Yield a function that executes a program on MPS2_AN385 with stock firmware and that package, and returns what it
    printed. The memory plan is that of the board."""
    plan = compiled("physmem_board", PLAN.read_text(), MPY_CROSS)
    content, places = image(package_files(package) | {"physmem_board.mpy": plan}, PACKAGE_AT)
    with Qemu(f"stock/{BOARD}", options=loader(content, PACKAGE_AT)) as board:
        transport = board.connect()
        try:
            transport.exec(FILES + f"places = {places}\nvfs.mount(Files(), '/lib')\nsys.path[:] = ['/lib']")
            yield lambda program: transport.exec(program).decode().replace("\r", "")
        finally:
            transport.serial.close()
