"""The firmware of each board stays out of the memory that physmem hands out: proved on the ELF file."""

import pytest

from emulator import MACHINES, ROOT, firmware, memory_map
from harness.firmware_image import FirmwareImage, faults

REGION = ("sram", 0x2000, 0x1000, 256, "DMA")
BLOCK = ("micropython", 0x1000, 0x1000)


@pytest.fixture(scope="module", params=MACHINES)
def board(request):
    return request.param


@pytest.fixture(scope="module")
def board_map(board):
    return memory_map(board)


@pytest.fixture(scope="module")
def image(board):
    return FirmwareImage(firmware(board))


def test_image_data_heap_and_stack_lie_in_occupied_blocks_outside_every_region(image, board_map):
    names = {name for name, _, _ in image.parts}
    assert any(name.startswith("load image") for name in names)
    assert {".text", ".bss", "gc_heap", "stack"} <= names
    assert faults(image.parts, board_map["REGIONS"], board_map["OCCUPIED"]) == []


def test_records_lie_in_memory_that_nothing_else_uses(image, board_map):
    """Neither what start-up code writes (.data, .bss with the heap, the stack) nor what is handed out."""
    records = ("records", *board_map["RETAINED_RECORDS"])
    assert records[2] > 0
    assert faults(image.parts, [*board_map["REGIONS"], records], board_map["OCCUPIED"]) == []


@pytest.mark.parametrize("place", [".data", ".bss", "gc_heap", "stack", "sram", "psram"])
def test_records_in_memory_that_is_used_are_found(image, board_map, place):
    name, base, size = next(part[:3] for part in [*image.parts, *board_map["REGIONS"]] if part[0] == place)
    records = ("records", base + size - 64, 192)
    found = faults(image.parts, [*board_map["REGIONS"], records], board_map["OCCUPIED"])
    assert any(name in fault and "records" in fault for fault in found)


def test_stack_and_static_memory_do_not_meet(image, board_map):
    assert image.value("_ebss") <= image.value("_estack") - board_map["STACK_SIZE"]


def test_linker_uses_the_numbers_of_the_board(image, board_map):
    blocks = {name: (base, size) for name, base, size in board_map["OCCUPIED"]}
    base, size = blocks["micropython"]
    assert image.value("_estack") == base + size
    assert image.vectors == (base + size, blocks["firmware"][0])
    assert image.value("_sdata") == base
    assert image.size("gc_heap") == board_map["GC_HEAP_SIZE"]
    assert image.value("physmem_stack_size") == board_map["STACK_SIZE"]


def test_library_board_and_boot_stage_are_frozen_in(image):
    library = [path.name for path in (ROOT / "lib").glob("*.py")]
    assert "physmem.py" in library
    names = [*library, "physmem_board.py", "physmem_boot.py"]
    assert [name for name in names if not image.has_string(name)] == []
    assert not image.has_string("physmem_absent.py")


@pytest.mark.parametrize(
    ("parts", "regions", "occupied", "fault"),
    [
        ([(".bss", 0x1F00, 0x100)], [REGION], [BLOCK], None),
        ([(".bss", 0x1F00, 0x101)], [], [BLOCK], ".bss at 0x00001f00, 0x101 bytes, is outside every occupied block"),
        ([(".bss", 0x2FFF, 1)], [REGION], [("all", 0, 0x8000)], ".bss at 0x00002fff overlaps region sram"),
        ([], [REGION], [("micropython", 0x1001, 0x1000)], "sram overlaps micropython"),
        ([], [REGION, ("psram", 0x2FFF, 1)], [], "sram overlaps psram"),
    ],
)
def test_faults_are_found(parts, regions, occupied, fault):
    found = faults(parts, regions, occupied)
    assert fault in found if fault else found == []


def test_wrong_map_is_found(image, board_map):
    occupied = [(name, base, size // 64) for name, base, size in board_map["OCCUPIED"]]
    assert any("gc_heap" in fault for fault in faults(image.parts, board_map["REGIONS"], occupied))
    regions = [("heap", image.value("gc_heap"), 4096, 4096, "DMA")]
    assert any("overlaps region heap" in fault for fault in faults(image.parts, regions, board_map["OCCUPIED"]))
