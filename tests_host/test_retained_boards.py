"""The memory for records of each board keeps its content over resets.

Start-up code and MicroPython do not touch it, and physmem touches only the records that it writes.
"""

import pytest

from board_list import port_of
from emulated_board import BOOT_SECONDS, memory_map
from qemu import QEMU_MACHINES, Qemu
from harness.firmware_image import image_of

# Runs on the board: fill everything except the magic of each record, which stays 0 so that there are no records.
FILL = """
import uctypes
import physmem, physmem_board
base, size = physmem_board.RETAINED_RECORDS
memory = uctypes.bytearray_at(base, size)
assert physmem.retained() == physmem.quarantined() == physmem.dropped() == []
for i in range(128, size):
    if i % 64 >= 4:
        memory[i] = (i * 7 + (i >> 8) + 13) & 0xFF
"""

LOOK = """
import uctypes
import physmem, physmem_board
base, size = physmem_board.RETAINED_RECORDS
memory = uctypes.bytearray_at(base, size)
changed = 0
for i in range(128, size):
    if memory[i] != ((i * 7 + (i >> 8) + 13) & 0xFF if i % 64 >= 4 else 0):
        changed += 1
resets = max([int.from_bytes(memory[i + 4 : i + 8], "little") for i in (0, 64) if memory[i : i + 4] == b"PMR1"])
print(changed, resets, physmem.retained(), physmem.quarantined(), physmem.dropped(), physmem.check())
"""

# A pattern where start-up code does write. The GC heap of ports/qemu is part of .bss; that of ports/stm32 is not, but a
# timer's handle is, and nothing uses it.
FILL_HEAP = """
import uctypes
pattern = b"pattern in the heap " * 50
block = bytearray(pattern)
print(uctypes.addressof(block))
"""
FILL_HANDLE = """
import uctypes
pattern = b"pattern in the handle " * 2
uctypes.bytearray_at({0}, len(pattern))[:] = pattern
print({0})
"""
UNUSED_HANDLE = "TIM5_Handle"

AIRCR_RESET = "import machine; machine.mem32[0xE000ED0C] = 0x05FA0004"


@pytest.fixture(scope="module", params=QEMU_MACHINES)
def board(request):
    return request.param


@pytest.fixture(scope="module")
def transport(board):
    with Qemu(board) as emulator:
        transport = emulator.connect()
        yield transport
        transport.close()


def reset_system(transport):
    """Reset the processor and its peripherals, and enter the raw REPL afterwards."""
    transport.exec_raw_no_follow(AIRCR_RESET)
    banner = transport.read_until(1, b">>> ", timeout=BOOT_SECONDS)
    assert b"MicroPython" in banner, banner
    transport.enter_raw_repl(soft_reset=False, timeout_overall=BOOT_SECONDS)


def look(transport):
    """Return (bytes that changed, number of resets, the lists as text) of the memory for records."""
    changed, resets, lists = transport.exec(LOOK).decode().strip().split(" ", 2)
    return int(changed), int(resets), lists


def test_it_is_a_number_of_whole_records(board):
    base, size = memory_map(board)["RETAINED_RECORDS"]
    assert base % 64 == 0 and size % 64 == 0 and size >= 3 * 64
    assert base + size <= 0x40000000  # addresses up to there are small integers
    assert all("RETAINED" in region[4].split() for region in memory_map(board)["REGIONS"])


def test_nothing_touches_it_over_a_reset(transport):
    transport.exec(FILL)
    changed, resets, lists = look(transport)
    assert (changed, lists) == (0, "[] [] [] []")
    reset_system(transport)
    assert look(transport) == (0, resets + 1, lists)
    transport.enter_raw_repl(soft_reset=True)
    assert look(transport) == (0, resets + 2, lists)
    reset_system(transport)
    assert look(transport) == (0, resets + 3, lists)


def test_start_up_code_touches_what_it_initializes(board, transport):
    """The test above relies on this: the reset is a system reset, and its changes are seen."""
    fill = FILL_HANDLE.format(image_of(board).value(UNUSED_HANDLE)) if port_of(board) == "stm32" else FILL_HEAP
    address = int(transport.exec(fill))
    bytes_there = f"bytes(uctypes.bytearray_at({address}, len(pattern)))"
    assert transport.exec(f"print({bytes_there} == pattern)").strip() == b"True"
    size = int(transport.exec("print(len(pattern))"))
    reset_system(transport)
    after = transport.exec(f"import uctypes; print(bytes(uctypes.bytearray_at({address}, {size})).count(b'pattern'))")
    assert int(after) == 0
