"""A Pico with MicroPython's own firmware: mpremote installs a package, and README.md is typed word by word."""

import fnmatch
import re

import pytest

from emulated_board import ROOT
from harness.package_server import server
from harness.typed_board import TypedBoard
from rp2_emulator import Rp2Emulator

pytestmark = pytest.mark.xdist_group("stock Pico")

BOARD = "stock/RPI_PICO"
SECTION = re.compile(r"^## Two minutes on a stock Pico$(.*?)^## ", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    (\S.*)$", re.MULTILINE)
LINES = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r" *# -> (.*)$")
MADE_BEFORE = "make mip"
TOO_LITTLE = (
    r"import physmem needs more heap than the (\d+) bytes that are free: "
    "import it before your program takes heap, or build firmware that has it"
)
BOOT = "import physmem\nheap = physmem.boot_in_heap(40 * 1024)\nring = heap.addr(heap.alloc_aligned(4, 4))\n"


@pytest.fixture(scope="module")
def board():
    with Rp2Emulator(BOARD, options=("--unpaced",)) as emulator:
        yield TypedBoard(emulator)


@pytest.fixture(scope="module")
def raw(board):
    """Return the board with the package of raw calls, which mpremote got from a server."""
    with server() as address:
        printed = board.mpremote("mip", "install", f"{address}/arm-raw")
    assert printed.rstrip().endswith("Done")
    return board


def test_package_from_a_server_gives_an_aligned_ring(raw):
    """Four frames of 1,024 bytes, at a multiple of their size."""
    printed = raw.execute(BOOT + "print(ring % 4096, heap.frame_size, physmem.__file__)")
    assert printed == "0 1024 /lib/physmem.mpy\n"


def test_package_is_there_after_a_reset(raw):
    raw.press_reset()
    assert raw.execute(BOOT + "print(ring % 4096, physmem.direct_calls)") == "0 True\n"


def test_what_the_raw_package_lacks(raw):
    assert raw.failure_of(BOOT + "physmem.debug(poison=True)") == (
        "AttributeError: debug needs more than is installed (no module named 'physmem_debug'): "
        "install the package arm, or source if this is not ARM"
    )


def test_no_memory_plan(raw):
    assert "or on a Pico physmem_claim.boot(nbytes)" in raw.failure_of("import physmem\nphysmem.boot()")


def test_too_little_heap_for_the_import(raw):
    """The heap is full but for 14 KB: the import says so, each time, and works when the memory is free again."""
    printed = raw.execute(
        """
import gc, sys
gc.collect()
full = [bytearray(1024) for _ in range((gc.mem_free() - 14000) // 1040)]
for _ in range(2):
    try:
        import physmem
    except MemoryError as error:
        print(error)
    print([name for name in sys.modules if name.startswith("physmem")])
full = None
import physmem
print(physmem.Region)
"""
    ).splitlines()
    for line in printed[0], printed[2]:
        found = re.fullmatch(TOO_LITTLE, line)
        assert found and 1000 < int(found[1]) < 14000, line  # what is half loaded is still in use
    assert printed[1] == printed[3] == "[]"
    assert printed[4:] == ["<class 'Region'>"]


def readme():
    """Return the commands of the section of README.md, and its lines to type with what each prints, or None."""
    text = SECTION.search((ROOT / "README.md").read_text())[1]
    commands = COMMAND.findall(LINES.sub("", text))
    lines = [(PRINTED.sub("", line), PRINTED.search(line)) for line in "".join(LINES.findall(text)).splitlines()]
    return commands, [(line, printed and printed[1]) for line, printed in lines]


def test_two_minutes_of_the_readme_word_by_word(board):
    """The packages are made already. Where several boards are connected, mpremote gets the name of the port as well."""
    commands, lines = readme()
    assert commands[0].partition("#")[0].strip() == MADE_BEFORE
    for command in commands[1:]:
        if command.startswith("mpremote repl"):
            break
        said = command.partition("# -> ")[2]
        assert fnmatch.fnmatchcase(board.shell(command), f"*{said}*"), command
    assert command.startswith("mpremote repl")
    printed = board.type(line for line, _ in lines)
    for (line, expected), text in zip(lines, printed, strict=True):
        assert "Traceback" not in text, (line, text)
        if expected is not None:
            assert fnmatch.fnmatchcase(text, re.sub(r"([*?[])", r"[\1]", expected).replace("...", "*")), (line, text)


def test_readme_over_a_hard_reset(board):
    """What the section retains is there after the RUN pin, which leaves the SRAM of an RP2040 alone."""
    board.press_reset()
    log = ("import physmem", 'log = physmem.retain("log", 1024)', "log.fresh", "bytes(log.view[:5])")
    assert board.type(log)[2:] == ["False", "b'hello'"]
