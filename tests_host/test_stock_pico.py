"""A Pico with MicroPython's own firmware: mpremote installs the package of raw calls from a server.

test_typed_pages.py installs the package `arm` as README.md says.
"""

import re

import pytest

from emulated_board import ROOT
from folder_server import served
from harness.typed_board import TypedBoard
from rp2_emulator import Rp2Emulator

pytestmark = pytest.mark.xdist_group("stock Pico")

BOARD = "stock/RPI_PICO"
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
    with served(ROOT / "build" / "dist" / "mip") as address:
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
