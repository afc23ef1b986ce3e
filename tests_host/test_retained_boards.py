"""The memory for records of each board keeps its content over resets.

Start-up code and MicroPython do not touch it, and physmem touches only the records that it writes.
"""

import pytest

from board_list import port_of
from emulated_board import BOOT_SECONDS, memory_map
from emulators import emulator_of
from qemu import QEMU_MACHINES
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

# A pattern where start-up code does write. The GC heap of ports/qemu is part of .bss. Those of ports/stm32 and of
# ports/rp2 are not, but the end of a variable that nothing uses is: of a timer's handle, of the USB endpoints' states.
FILL_HEAP = """
import uctypes
pattern = b"pattern in the heap " * 50
block = bytearray(pattern)
print(uctypes.addressof(block))
"""
FILL_VARIABLE = """
import uctypes
pattern = b"pattern in a variable " * 2
address = {} - len(pattern)
uctypes.bytearray_at(address, len(pattern))[:] = pattern
print(address)
"""
UNUSED_VARIABLES = {"stm32": "TIM5_Handle", "rp2": "hw_endpoints"}

AIRCR_RESET = "import machine; machine.mem32[0xE000ED0C] = 0x05FA0004"
SYSTEM_RESETS = {"rp2": "import machine; machine.reset()"}  # SYSRESETREQ of the RP2350 leaves the peripherals alone

BOARDS = (*QEMU_MACHINES, "RPI_PICO", "RPI_PICO2")


@pytest.fixture(scope="module", params=BOARDS)
def board(request):
    return request.param


@pytest.fixture(scope="module")
def transport(board):
    with emulator_of(board) as emulator:
        transport = emulator.connect()
        yield transport
        transport.close()


@pytest.fixture
def reset_system(board, transport):
    """Return what resets the processor and its peripherals, and enters the raw REPL afterwards."""
    return lambda: _reset_system(transport, SYSTEM_RESETS.get(port_of(board), AIRCR_RESET))


def _reset_system(transport, source):
    transport.exec_raw_no_follow(source)
    banner = transport.read_until(1, b">>> ", timeout=BOOT_SECONDS)
    assert b"MicroPython" in banner, banner
    transport.enter_raw_repl(soft_reset=False)


def look(transport):
    """Return (bytes that changed, number of resets, the lists as text) of the memory for records."""
    changed, resets, lists = transport.exec(LOOK).decode().strip().split(" ", 2)
    return int(changed), int(resets), lists


def test_it_is_a_number_of_whole_records(board):
    base, size = memory_map(board)["RETAINED_RECORDS"]
    assert base % 64 == 0 and size % 64 == 0 and size >= 3 * 64
    assert base + size <= 0x40000000  # addresses up to there are small integers
    assert all("RETAINED" in region[4].split() for region in memory_map(board)["REGIONS"])


def test_nothing_touches_it_over_a_reset(transport, reset_system):
    transport.exec(FILL)
    changed, resets, lists = look(transport)
    assert (changed, lists) == (0, "[] [] [] []")
    reset_system()
    assert look(transport) == (0, resets + 1, lists)
    transport.enter_raw_repl(soft_reset=True)
    assert look(transport) == (0, resets + 2, lists)
    reset_system()
    assert look(transport) == (0, resets + 3, lists)


def test_start_up_code_touches_what_it_initializes(board, transport, reset_system):
    """The test above relies on this: the reset is a system reset, and its changes are seen."""
    fill = FILL_HEAP
    if variable := UNUSED_VARIABLES.get(port_of(board)):
        image = image_of(board)
        fill = FILL_VARIABLE.format(image.value(variable) + image.size(variable))
    address = int(transport.exec(fill))
    bytes_there = f"bytes(uctypes.bytearray_at({address}, len(pattern)))"
    assert transport.exec(f"print({bytes_there} == pattern)").strip() == b"True"
    size = int(transport.exec("print(len(pattern))"))
    reset_system()
    after = transport.exec(f"import uctypes; print(bytes(uctypes.bytearray_at({address}, {size})).count(b'pattern'))")
    assert int(after) == 0
