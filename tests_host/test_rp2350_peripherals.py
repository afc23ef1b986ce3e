"""The peripherals of the RP2350 emulator, register by register, where no program of the firmware reaches them.

Expected values come from the RP2350 datasheet; the numbers beside them are its sections.
"""

import math
import struct

import pytest
from unicorn import arm_const

import dma_mover
import psram
from block import BusError
from chip import Chip
from double_coprocessor import DoubleCoprocessor, double_words, single_word
from fault import Fault, Lockup
from flash_chip import program

SRAM, CODE = 0x20001000, 0x20000000
DMA, WATCHDOG, TIMER0, RESETS, BOOT_RAM = 0x50000000, 0x400D8000, 0x400B0000, 0x40020000, 0x400E0000
PSM_FRCE_OFF = 0x40018004
QMI, XIP_CTRL, GPIO47_CTRL = 0x400D0000, 0x400C8000, 0x40028000 + 8 * 47 + 4
XOR, SET, CLEAR = 0x1000, 0x2000, 0x3000
MIB = 1 << 20


@pytest.fixture
def chip():
    """Return a chip without PSRAM."""
    return new_chip()


@pytest.fixture
def psram_chip():
    """Return a chip whose 8 MiB of PSRAM are set up as MicroPython does it."""
    return set_up(new_chip(psram_size=8 * MIB))


def new_chip(**options):
    """Return a chip of which core 0 executes what a test tells it, and core 1 is held in reset (7.4)."""
    chip = Chip(b"", **options)
    write(chip, PSM_FRCE_OFF, 1 << 24)
    return chip


def execute(chip, code, *arguments):
    """Execute the halfwords *code* with *arguments* in r0 and so on. Return r0."""
    program_bytes = struct.pack(f"<{len(code) + 1}H", *code, 0xBF00)
    chip.uc.mem_write(CODE, program_bytes)
    chip.uc.ctl_flush_tb()
    core = chip.cores[0]
    if core.is_cold:
        chip.run(1)  # the first instruction of the boot ROM
    for register, value in enumerate(arguments):
        chip.uc.reg_write(arm_const.UC_ARM_REG_R0 + register, value)
    core.pc = CODE
    chip.run(len(code))
    return chip.uc.reg_read(arm_const.UC_ARM_REG_R0)


def load(chip, address):
    return execute(chip, [0x6800], address)  # ldr r0, [r0]


def store(chip, address, value):
    execute(chip, [0x6001], address, value)  # str r1, [r0]


def write(chip, address, value, size=4):
    chip.peripherals.bus.write(address, size, value)


def read(chip, address, size=4):
    return chip.peripherals.bus.read(address, size)


def pass_cycles(chip, cycles):
    chip.state.count += cycles
    chip.peripherals.tick()


# ---- the bus


def test_atomic_aliases(chip):
    """2.1.3: XOR at 0x1000, set at 0x2000, clear at 0x3000."""
    scratch = 0x40008000  # SYSCFG, which keeps what is written
    write(chip, scratch, 0b1100)
    for alias, expected in ((SET, 0b1110), (CLEAR, 0b1100), (XOR, 0b1110)):
        write(chip, scratch + alias, 0b0010)
        assert read(chip, scratch) == expected


def test_narrow_accesses(chip):
    """2.1.5: a register receives a byte or half on all its lanes; the boot RAM (4.3) is memory and takes it alone."""
    write(chip, 0x40008001, 0xAB, size=1)
    assert read(chip, 0x40008000) == 0xABABABAB
    assert read(chip, 0x40008002, size=2) == 0xABAB
    write(chip, BOOT_RAM, 0x11223344)
    write(chip, BOOT_RAM + 2, 0xAA, size=1)
    assert read(chip, BOOT_RAM) == 0x11AA3344


@pytest.mark.parametrize("address", [0x40004000, 0x40170000, 0x50110000 + 0x4000, 0x60000000])
def test_where_nothing_is(chip, address):
    with pytest.raises(BusError, match="where nothing is"):
        read(chip, address)
    with pytest.raises(Lockup, match=f"where nothing is at {address:#010x}"):  # there is no handler
        load(chip, address)


def test_what_has_no_model_is_recorded(chip):
    write(chip, 0x40040004, 0x56)
    read(chip, 0x40040004)
    lines = chip.peripherals.describe_touched()
    assert lines == ["PADS_QSPI+0x004 read 1 times", "PADS_QSPI+0x004 write 1 times"]


# ---- DMA

CHANNEL = 0x40
EN, WORDS, READ_UP, WRITE_UP = 1, 2 << 2, 1 << 4, 1 << 6
READ_REVERSED, WRITE_REVERSED, UNPACED, QUIET = 1 << 5, 1 << 7, 63 << 17, 1 << 23
BUSY = 1 << 26


def control(n, *bits, chain_to=None):
    """Return a CTRL with *bits* that is enabled and unpaced and triggers nobody."""
    return sum(bits) | EN | UNPACED | (n if chain_to is None else chain_to) << 13


def start(chip, n, source, target, count, ctrl):
    base = DMA + n * CHANNEL
    for offset, value in enumerate((source, target, count, ctrl)):
        write(chip, base + 4 * offset, value)


def words(chip, address, count):
    return list(struct.unpack(f"<{count}I", chip.uc.mem_read(address, 4 * count)))


def put_words(chip, address, values):
    chip.uc.mem_write(address, struct.pack(f"<{len(values)}I", *values))


def is_busy(chip, n):
    return bool(read(chip, DMA + n * CHANNEL + 12) & BUSY)


def raised(chip):
    return read(chip, DMA + 0x400)


def test_a_transfer_takes_a_cycle(chip):
    put_words(chip, SRAM, range(10))
    put_words(chip, SRAM + 0x100, [77] * 10)
    start(chip, 0, SRAM, SRAM + 0x100, 10, control(0, WORDS, READ_UP, WRITE_UP))
    pass_cycles(chip, 4)
    assert words(chip, SRAM + 0x100, 10) == [0, 1, 2, 3] + [77] * 6
    assert read(chip, DMA + 8) == 6 and is_busy(chip, 0) and not raised(chip)
    pass_cycles(chip, 6)
    assert words(chip, SRAM + 0x100, 10) == list(range(10))
    assert read(chip, DMA) == SRAM + 40 and not is_busy(chip, 0) and raised(chip) == 1


def test_addresses_that_go_down_or_skip(chip):
    """12.6.3.1: INCR_x_REV with INCR_x decrements; alone it skips every second place."""
    put_words(chip, SRAM, range(8))
    start(chip, 0, SRAM + 12, SRAM + 0x100, 4, control(0, WORDS, READ_UP, READ_REVERSED, WRITE_UP))
    start(chip, 1, SRAM, SRAM + 0x200, 4, control(1, WORDS, READ_REVERSED, WRITE_UP))
    pass_cycles(chip, 4)
    assert words(chip, SRAM + 0x100, 4) == [3, 2, 1, 0]
    assert words(chip, SRAM + 0x200, 4) == [0, 2, 4, 6]


@pytest.mark.parametrize("shift", [-2, 1, 3])
def test_overlapping_blocks_are_moved_one_after_another(chip, shift):
    """What an earlier transfer has written, a later one reads."""
    values = list(range(20))
    put_words(chip, SRAM, values)
    start(chip, 0, SRAM + 16, SRAM + 16 + 4 * shift, 10, control(0, WORDS, READ_UP, WRITE_UP))
    pass_cycles(chip, 10)
    for i in range(4, 14):
        values[i + shift] = values[i]
    assert words(chip, SRAM, 20) == values


@pytest.mark.parametrize("size", [0, 1, 2])
def test_blocks_and_single_transfers_agree(chip, size, monkeypatch):
    """Byte swap and a ring on either side, once in blocks and once transfer by transfer."""
    results = []
    for is_single in (False, True):
        if is_single:
            monkeypatch.setattr(dma_mover.Mover, "_block", lambda *_: 0)
        for ring_on_write in (0, 1 << 12):
            chip.uc.mem_write(SRAM, bytes(range(256)) * 2)
            bits = size << 2, READ_UP, WRITE_UP, 4 << 8, ring_on_write, 1 << 24
            start(chip, 0, SRAM + 8, SRAM + 0x100, 24, control(0, *bits))
            pass_cycles(chip, 24)
            results.append((bytes(chip.uc.mem_read(SRAM, 512)), read(chip, DMA), read(chip, DMA + 4)))
    assert results[:2] == results[2:]
    assert results[0] != results[1]


def test_control_blocks(chip):
    """12.6.9: a channel writes the registers of another one, which triggers it again; a null block ends the chain.

    The second one is quiet: its only interrupt is that of the null trigger (12.6.3.2).
    """
    put_words(chip, SRAM, [11, 22, 33])
    blocks = SRAM + 0x400
    loud = control(1, WORDS, QUIET, chain_to=0)
    put_words(chip, blocks, [SRAM, SRAM + 0x100, 1, loud, SRAM + 8, SRAM + 0x104, 1, loud, 0, 0, 0, 0])
    ring_of_16 = (1 << 12) + (4 << 8)
    start(chip, 0, blocks, DMA + CHANNEL, 4, control(0, WORDS, READ_UP, WRITE_UP, ring_of_16, QUIET))
    pass_cycles(chip, 100)
    assert words(chip, SRAM + 0x100, 2) == [11, 33]
    assert read(chip, DMA) == blocks + 48
    assert raised(chip) == 0b10
    assert not is_busy(chip, 0) and not is_busy(chip, 1)


def test_channels_that_start_one_another_for_ever(chip):
    """Time goes on, and an abort ends it (12.6.8.3)."""
    for n, other in ((0, 1), (1, 0)):
        write(chip, DMA + n * CHANNEL + 8, 1)
        write(chip, DMA + n * CHANNEL + 16, control(n, WORDS, QUIET, chain_to=other))
        write(chip, DMA + n * CHANNEL, SRAM)
        write(chip, DMA + n * CHANNEL + 4, SRAM + 4)
    write(chip, DMA + 0x450, 1)
    for _ in range(50):
        pass_cycles(chip, 7)
        assert is_busy(chip, 0) != is_busy(chip, 1)
    write(chip, DMA + 0x464, 3)
    assert read(chip, DMA + 0x464) == 0
    assert not is_busy(chip, 0) and not is_busy(chip, 1)


def test_modes_of_the_transfer_count(chip):
    """12.6.2.2: mode 1 triggers itself again at its end, with an interrupt each time; mode 15 never ends."""
    start(chip, 0, SRAM, SRAM + 4, 1 << 28 | 10, control(0, WORDS))
    start(chip, 1, SRAM, SRAM + 4, 0xFFFFFFFF, control(1, WORDS, READ_UP))
    for _ in range(3):
        pass_cycles(chip, 10)
        assert raised(chip) == 1
        write(chip, DMA + 0x400, 1)
    assert is_busy(chip, 0) and is_busy(chip, 1)
    assert read(chip, DMA + CHANNEL) == SRAM + 4 * 30
    write(chip, DMA + 0x464, 3)
    pass_cycles(chip, 100)
    assert raised(chip) == 0 and read(chip, DMA + CHANNEL) == SRAM + 4 * 30


@pytest.mark.parametrize(("x", "y", "cycles", "transfers"), [(1, 4, 43, 10), (3, 10, 100, 30), (0, 4, 10**6, 0)])
def test_pacing_timers(chip, x, y, cycles, transfers):
    """12.6.8: X / Y transfers a cycle."""
    write(chip, DMA + 0x440 + 4 * 2, x << 16 | y)  # timer 2
    start(chip, 0, SRAM, SRAM + 4, 1000, WORDS + EN + (61 << 17))
    pass_cycles(chip, cycles)
    assert read(chip, DMA + 8) == 1000 - transfers


def test_requests_of_peripherals_never_come(chip):
    start(chip, 0, SRAM, SRAM + 4, 1, WORDS + EN + (5 << 17))
    pass_cycles(chip, 10**6)
    assert is_busy(chip, 0)


@pytest.mark.parametrize(
    ("source", "target", "bit"), [(0x40004000, SRAM, 30), (SRAM, 0xD0000010, 29), (SRAM + 2, SRAM, 30)]
)
def test_bus_errors_halt_a_channel(chip, source, target, bit):
    """12.6.3.3: the error stays until a 1 is written to it, and the interrupt comes even from a quiet channel. The SIO
    is not on the bus (2.2)."""
    start(chip, 0, source, target, 4, control(0, WORDS, READ_UP, WRITE_UP, QUIET, chain_to=1))
    pass_cycles(chip, 4)
    ctrl = DMA + 0x10  # the alias that does not trigger
    assert read(chip, ctrl) >> 29 == 0b100 | 1 << bit - 29
    assert not is_busy(chip, 0) and not is_busy(chip, 1) and raised(chip) == 1
    write(chip, ctrl, 0)
    assert read(chip, ctrl) >> 29 == 0b100 | 1 << bit - 29
    write(chip, ctrl, 1 << bit)
    assert read(chip, ctrl) >> 29 == 0


def test_a_channel_that_is_disabled_pauses(chip):
    """12.6.3: BUSY stays high."""
    start(chip, 0, SRAM, SRAM + 4, 10, control(0, WORDS))
    pass_cycles(chip, 3)
    write(chip, DMA + CLEAR + 0x10, EN)
    pass_cycles(chip, 100)
    assert read(chip, DMA + 8) == 7 and is_busy(chip, 0)
    write(chip, DMA + SET + 0x10, EN)
    pass_cycles(chip, 7)
    assert not is_busy(chip, 0)


def test_a_channel_writes_registers(chip):
    """A register's model sees the write, and an atomic alias acts."""
    put_words(chip, SRAM, [0b0110])
    write(chip, 0x40008000, 0b0011)
    start(chip, 0, SRAM, 0x40008000 + XOR, 1, control(0, WORDS))
    start(chip, 1, SRAM, WATCHDOG + 0x0C, 1, control(1, WORDS))
    pass_cycles(chip, 1)
    assert read(chip, 0x40008000) == 0b0101
    assert chip.peripherals.watchdog.scratch[0] == 0b0110


def test_interrupts_of_the_dma(chip):
    """12.6.6: INTS = INTR masked by INTE, or what INTF forces; lines 10 to 13."""
    start(chip, 2, SRAM, SRAM + 4, 1, control(2, WORDS))
    pass_cycles(chip, 1)
    lines = chip.cores[0].nvic
    assert not lines.ready & 0xF << 16 + 10
    for n in range(4):
        base = DMA + 0x404 + 0x10 * n
        write(chip, base, 4)
        write(chip, base + 4, 1)
        assert read(chip, base + 8) == 5
    write(chip, DMA + 0x41C, 4)  # through INTS1
    assert raised(chip) == 0 and read(chip, DMA + 0x40C) == 1


def test_rings_do_not_wrap_with_the_fault():
    for faults, last in (((), SRAM), (("dma-ring",), SRAM + 16)):
        chip = new_chip(faults=faults)
        start(chip, 0, SRAM, SRAM + 0x100, 4, control(0, WORDS, READ_UP, WRITE_UP, 4 << 8))
        pass_cycles(chip, 4)
        assert read(chip, DMA) == last


# ---- PSRAM, its window, and the XIP cache

CACHED, UNCACHED, MAINTENANCE = 0x11000000, 0x15000000, 0x18000000
M1 = QMI + 0x20
TIMING, RFMT, RCMD, WFMT, WCMD = 0x61A48102, 0x000612AA, 0xEB, 0x000012AA, 0x38
"""What MicroPython's rp2_psram.c writes at 150 MHz for an APS6404L in QPI mode."""
NOTHING = 0xFFFFFFFF


def direct(chip, *entries):
    """Make transfers with chip 1 selected. Return what is received."""
    write(chip, QMI, 1 | 1 << 3)
    received = []
    for entry in entries:
        write(chip, QMI + 4, entry)
        received.append(read(chip, QMI + 8))
    write(chip, QMI, 0)
    return received


def set_up(chip):
    write(chip, GPIO47_CTRL, 9)
    direct(chip, 0x35)
    for i, value in enumerate((TIMING, RFMT, RCMD, WFMT, WCMD)):
        write(chip, M1 + 4 * i, value)
    write(chip, XIP_CTRL + SET, 1 << 11)
    return chip


def is_memory(chip):
    store(chip, CACHED, 0x12345678)
    return load(chip, CACHED) == 0x12345678


@pytest.mark.parametrize("size", psram.SIZES)
def test_the_identity_tells_the_size(size):
    """APS6404L datasheet, 9.5: after 9Fh and three bytes of address 0Dh, 5Dh and the density in three bits."""
    chip = new_chip(psram_size=size)
    write(chip, GPIO47_CTRL, 9)
    *_, maker, die, density = direct(chip, 0x9F, *[0xFF] * 6)
    assert (maker, die) == (0x0D, 0x5D)
    assert density >> 5 == {8: 2, 4: 1, 2: 0, 1: 3}[size // MIB]
    assert density != 0x26  # which rp2_psram.c takes for 8 MiB, whatever its density
    direct(chip, 0x35)
    assert direct(chip, 0x9F, *[0xFF] * 6) == [0xFF] * 7  # a serial command in QPI mode
    direct(chip, 0xF5 | 1 << 19 | 2 << 16)
    assert direct(chip, 0x9F, *[0xFF] * 6)[5] == 0x5D


def test_no_psram_answers_nothing(chip):
    write(chip, GPIO47_CTRL, 9)
    assert direct(chip, 0x9F, *[0xFF] * 6) == [0xFF] * 7
    set_up(chip)
    assert not is_memory(chip) and load(chip, CACHED) == NOTHING


def test_a_size_that_no_chip_has():
    with pytest.raises(ValueError, match="no PSRAM chip with 3145728 bytes: use"):
        Chip(b"", psram_size=3 * MIB)


@pytest.mark.parametrize("size", psram.SIZES)
def test_a_small_chip_repeats_in_the_window(size):
    chip = set_up(new_chip(psram_size=size))
    store(chip, CACHED + 16 * MIB - 4, 0xCAFE)
    assert load(chip, CACHED + size - 4) == 0xCAFE
    assert load(chip, CACHED) == 0


STAYS, IS_LOST, IS_WRITTEN = (0xAAAA5555, 0xAAAA5555), (NOTHING, 0xAAAA5555), (NOTHING, 0x12345678)
"""What a read gives after a write of 0x12345678 to 0xAAAA5555, and what it gives when the set-up is right again."""
BROKEN = {
    "no select pin": (GPIO47_CTRL, 31, IS_LOST),
    "clock of 150 MHz": (M1, TIMING & ~0xFF | 1, IS_LOST),
    "selected for too long": (M1, TIMING | 0x3F << 17, IS_LOST),
    "no limit of the select": (M1, TIMING & ~(0x3F << 17), IS_LOST),
    "serial reads": (M1 + 4, 0x1000, IS_WRITTEN),
    "4 dummy cycles": (M1 + 4, RFMT & ~(7 << 16) | 4 << 16, IS_WRITTEN),
    "command 03h": (M1 + 8, 0x03, IS_WRITTEN),
    "serial writes": (M1 + 12, 0x1000, STAYS),
    "command of the flash": (M1 + 16, 0x32, STAYS),
    "read-only": (XIP_CTRL, 0x83, STAYS),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_set_up_is_no_memory(psram_chip, what):
    """What does not reach the chip is lost without a fault (4.4.5, WRITABLE_M1), and a read gives undriven lines."""
    chip = psram_chip
    store(chip, CACHED, 0xAAAA5555)
    address, value, (seen, kept) = BROKEN[what]
    before = read(chip, address)
    write(chip, address, value)
    store(chip, CACHED, 0x12345678)
    assert [load(chip, CACHED) for _ in range(3)] == [seen] * 3
    write(chip, address, before)
    assert load(chip, CACHED) == kept


def test_a_read_without_set_up_never_gives_the_content(psram_chip):
    """Nor does it lose it, whatever happens to the cache meanwhile."""
    chip = psram_chip
    for address in (CACHED + 4092, CACHED + 4096):
        store(chip, address, 0x12345678)
    chip.peripherals.xip_cache.clean_all()
    store(chip, CACHED + 4096, 5)
    write(chip, M1 + 4, 0)
    for _ in range(2):
        assert load(chip, CACHED + 4094) == load(chip, UNCACHED + 4092) == load(chip, 0x1D000000) == NOTHING
        chip.peripherals.xip_cache.invalidate_all()
    write(chip, M1 + 4, RFMT)
    for base in (CACHED, UNCACHED, 0x1D000000):
        assert load(chip, base + 4092) == load(chip, base + 4096) == 0x12345678


def test_the_dma_sees_what_the_cores_see(psram_chip):
    chip = psram_chip
    put_words(chip, SRAM, [0x12345678])
    copies = {}
    for what, address, value in (("right", M1 + 4, RFMT), ("wrong", M1 + 4, 0), ("direct", QMI, 1)):
        write(chip, address, value)
        start(chip, 0, CACHED, SRAM + 4, 1, control(0, WORDS) | 1 << 30)
        pass_cycles(chip, 1)
        copies[what] = words(chip, SRAM + 4, 1)[0], read(chip, DMA + 0x10) >> 31
    assert copies == {"right": (0, 0), "wrong": (NOTHING, 0), "direct": (NOTHING, 1)}
    write(chip, QMI, 0)
    write(chip, M1 + 4, RFMT)
    start(chip, 0, SRAM, CACHED, 1, control(0, WORDS) | 1 << 30)
    pass_cycles(chip, 1)
    assert load(chip, CACHED) == 0x12345678 and load(chip, UNCACHED) == 0


def test_the_fault_of_the_set_up():
    chip = set_up(new_chip(psram_size=8 * MIB, faults=("psram-set-up",)))
    assert not is_memory(chip)


def test_direct_mode_is_a_bus_error(psram_chip):
    write(psram_chip, QMI, 1)
    with pytest.raises(Lockup, match="in direct mode at 0x11000000"):
        load(psram_chip, CACHED)


def test_the_boot_rom_leaves_a_set_up_that_has_to_be_restored(psram_chip):
    """5.4.8.9: flash_exit_xip makes both windows serial; the PSRAM is still in QPI mode."""
    chip = psram_chip
    assert is_memory(chip)
    chip.peripherals.qmi.leave_xip()
    assert not is_memory(chip)
    for i, value in enumerate((TIMING, RFMT, RCMD)):
        write(chip, M1 + 4 * i, value)
    assert is_memory(chip)


def maintain(chip, offset):
    execute(chip, [0x7001], MAINTENANCE + offset, 0)  # strb r1, [r0]


def clean_by_set_and_way(chip, first=0, last=2048):
    """Do it from the last 16 KiB of the maintenance space, as MicroPython and the SDK do."""
    for line in range(first, last):
        maintain(chip, 0x3FFC000 + 8 * line + 1)


@pytest.mark.parametrize("cleans", [False, True])
def test_what_is_not_clean_is_lost(psram_chip, cleans):
    """4.4.1: the boot ROM's flash_flush_cache drops the cache's lines, as a flash write needs it. That is why the port
    cleans first."""
    chip = psram_chip
    for address in (CACHED, CACHED + 0x3456 * 4, CACHED + 8 * MIB - 4):
        store(chip, address, 0x600DCAFE)
    assert load(chip, UNCACHED) == 0
    if cleans:
        clean_by_set_and_way(chip)
    chip.peripherals.xip_cache.invalidate_all()
    for address in (CACHED, CACHED + 0x3456 * 4, CACHED + 8 * MIB - 4, UNCACHED):
        assert load(chip, address) == (0x600DCAFE if cleans else 0)


@pytest.mark.parametrize("cleans", [False, True])
@pytest.mark.parametrize("is_cold", [False, True])
def test_a_reset_loses_what_is_not_clean(psram_chip, cleans, is_cold):
    chip = psram_chip
    store(chip, CACHED + 64, 0x600DCAFE)
    if cleans:
        chip.peripherals.xip_cache.clean_all()
    chip.reset(cold=is_cold)
    write(chip, PSM_FRCE_OFF, 1 << 24)
    assert load(chip, CACHED + 64) == NOTHING  # the firmware has not set it up yet
    direct(chip, 0xF5 | 1 << 19 | 2 << 16)  # it is still in QPI mode
    set_up(chip)
    assert load(chip, CACHED + 64) == (0x600DCAFE if cleans else 0)


def test_a_part_of_the_cache_is_cleaned(psram_chip):
    """A set has two ways, and either may have the line: 1,024 sets of 8 bytes, ways 8 KiB apart."""
    chip = psram_chip
    for offset in (0, 8, 8192):
        store(chip, CACHED + offset, 1 + offset)
    clean_by_set_and_way(chip, 0, 1)  # set 0, way 0
    pass_cycles(chip, 30_000)
    assert [load(chip, UNCACHED + offset) for offset in (0, 8, 8192)] == [0, 0, 0]
    for first in (0, 1024):  # set 0, both ways
        clean_by_set_and_way(chip, first, first + 1)
    pass_cycles(chip, 30_000)
    assert [load(chip, UNCACHED + offset) for offset in (0, 8, 8192)] == [1, 0, 8193]


def test_maintenance_by_address(psram_chip):
    """Operations 2 and 3 in the lowest bits: invalidate and clean the line of an address."""
    chip = psram_chip
    for offset in (0, 8):
        store(chip, CACHED + offset, 5)
    maintain(chip, 0x01000000 + 3)
    assert [load(chip, UNCACHED + offset) for offset in (0, 8)] == [5, 0]
    store(chip, CACHED, 6)
    maintain(chip, 0x01000000 + 2)
    maintain(chip, 0x01000008 + 2)
    assert [load(chip, CACHED + offset) for offset in (0, 8)] == [5, 0]


def test_flash_takes_whole_pages(chip):
    with pytest.raises(Fault, match="flash: cannot program 100 bytes at offset 0x0, in units of 256"):
        program(chip.flash, 0, bytes(100))


# ---- SIO, timers, watchdog


def test_fifos_have_four_words(chip):
    """3.1.5: the fifth is lost and sets WOF of its writer; a read of nothing sets ROE of its reader."""
    fifos = chip.peripherals.fifos
    for word in range(5):
        assert bool(fifos.status(0) & 2) == (word < 4)
        fifos.write(0, word)
    assert fifos.status(0) == 4 and fifos.status(1) == 3
    assert [fifos.read(1) for _ in range(5)] == [0, 1, 2, 3, 0]
    assert fifos.status(1) == 8 | 2
    fifos.clear_sticky(1)
    assert fifos.status(1) == 2


def test_doorbells_ring_at_the_other_core(chip):
    """3.1.6."""
    store(chip, 0xD0000180, 0b101)
    assert load(chip, 0xD0000180) == 0b101 and load(chip, 0xD0000188) == 0
    assert chip.cores[1].nvic.lines >> 16 + 26 & 1 and not chip.cores[0].nvic.lines >> 16 + 26 & 1
    store(chip, 0xD0000184, 0b101)
    assert not chip.cores[1].nvic.lines >> 16 + 26 & 1


def test_pins(chip):
    """3.1.3: put, set, clear and XOR of pins 0 to 31 and 32 to 47. Nothing is connected, so an input reads 0."""
    for offset, value in ((0x10, 0b1100), (0x18, 0b0001), (0x20, 0b0100), (0x28, 0b0010), (0x30, 0b0011), (0x14, 1)):
        store(chip, 0xD0000000 + offset, value)
    assert load(chip, 0xD0000010) == 0b1011 and load(chip, 0xD0000004) == 0b0011
    assert load(chip, 0xD0000014) == 1 and load(chip, 0xD0000008) & 0xFFFF == 0
    pins = chip.peripherals.gpio
    pins.write_one(0, 0, 0)  # coprocessor 0 puts pins 0 to 31 only
    assert pins.read2(0, 0) == (0, 1)
    pins.write(4, 4, 40, 1)  # and enables pin 40
    assert pins.oe == 0b0011 | 1 << 40


def test_an_alarm_of_a_timer(chip):
    """12.8: the alarm fires when the low 32 bits match, and is not armed any more."""
    write(chip, TIMER0 + 0x40, 2)
    at = read(chip, TIMER0 + 0x28) + 100
    write(chip, TIMER0 + 0x14, at)
    assert read(chip, TIMER0 + 0x20) == 2
    pass_cycles(chip, 99 * 150)
    assert read(chip, TIMER0 + 0x48) == 0
    pass_cycles(chip, 150)
    assert read(chip, TIMER0 + 0x48) == 2 and read(chip, TIMER0 + 0x20) == 0
    write(chip, TIMER0 + 0x3C, 2)
    assert read(chip, TIMER0 + 0x48) == 0


def test_a_peripheral_is_reset_alone(chip):
    """7.5: bit 23 is TIMER0."""
    write(chip, RESETS, 0)
    pass_cycles(chip, 150_000)
    assert read(chip, TIMER0 + 0x28) >= 1000
    write(chip, RESETS + SET, 1 << 23)
    assert read(chip, RESETS + 8) >> 23 & 1 == 0 and read(chip, TIMER0 + 0x28) == 0


def test_the_watchdog_remembers_over_its_reset(chip):
    """12.9: REASON and the scratch registers survive the watchdog's reset. RUN clears them (7.3)."""
    write(chip, WATCHDOG + 0x0C, 42)
    write(chip, WATCHDOG + 4, 1000)
    write(chip, WATCHDOG, 1 << 30)
    pass_cycles(chip, 999 * 150)
    assert read(chip, WATCHDOG + 8) == 0 and read(chip, WATCHDOG) & 0xFFFFFF == 1
    pass_cycles(chip, 150)
    for is_cold, reason, scratch in ((False, 1, 42), (True, 0, 0)):
        chip.reset(cold=is_cold)
        assert (read(chip, WATCHDOG + 8), read(chip, WATCHDOG + 0x0C)) == (reason, scratch)
        assert read(chip, WATCHDOG) >> 30 == 0


# ---- doubles

ADD, SUBTRACT, MULTIPLY, DIVIDE, ROOT, CONVERT = range(1, 12, 2)
INF, NAN, TINY = math.inf, math.nan, 5e-324
DOUBLES = [
    (ADD, 0.1, 0.2, 0.1 + 0.2),
    (ADD, INF, -INF, NAN),
    (ADD, 1e308, 1e308, INF),
    (SUBTRACT, 1.0, 1.0, 0.0),
    (SUBTRACT, -0.0, 0.0, -0.0),
    (MULTIPLY, 1e200, 1e200, INF),
    (MULTIPLY, 0.0, INF, NAN),
    (MULTIPLY, 1e-200, -1e-200, -0.0),
    (DIVIDE, 1.0, 3.0, 1 / 3),
    (DIVIDE, -1.0, 0.0, -INF),
    (DIVIDE, 1.0, -0.0, -INF),
    (DIVIDE, 0.0, 0.0, NAN),
    (ROOT, 2.0, 0.0, math.sqrt(2)),
    (ROOT, -1.0, 0.0, NAN),
    (ROOT, -0.0, 0.0, -0.0),
    (ADD, TINY, 0.0, 0.0),
    (DIVIDE, 1.0, NAN, NAN),
]


@pytest.mark.parametrize(("operation", "x", "y", "result"), DOUBLES)
def test_doubles(operation, x, y, result):
    """IEEE 754, rounded to nearest even; denormals are zeros."""
    doubles = DoubleCoprocessor()
    doubles.write(1, 0, *struct.unpack("<II", struct.pack("<d", x)))
    doubles.write(1, 1, *struct.unpack("<II", struct.pack("<d", y)))
    assert doubles.engaged_flags() == 8
    assert doubles.read2(operation, 0) == double_words(result)
    assert doubles.engaged_flags() == 0


@pytest.mark.parametrize(
    ("x", "y", "flags"), [(1.0, 2.0, 8), (2.0, 1.0, 2), (1.0, 1.0, 6), (0.0, -0.0, 6), (NAN, 1.0, 1), (-INF, INF, 8)]
)
def test_comparisons(x, y, flags):
    """N, Z, C, V as a comparison of integers sets them; V alone if the two are unordered."""
    doubles = DoubleCoprocessor()
    for register, number in enumerate((x, y)):
        doubles.write(1, register, *double_words(number))
    assert doubles.read(0, 1) == flags << 28


@pytest.mark.parametrize(
    ("x", "single"),
    [
        (1.0, 0x3F800000),
        (1 + 2.0**-24, 0x3F800000),
        (1 + 3 * 2.0**-24, 0x3F800002),
        (3.5e38, 0x7F800000),
        (-1e-40, 0x80000000),
        (NAN, 0x7FC00000),
    ],
)
def test_singles(x, single):
    """Ties go to the even one; too large is infinite; a denormal is zero."""
    doubles = DoubleCoprocessor()
    doubles.write(1, 0, *double_words(x))
    assert doubles.read(2, 5) == single == single_word(x)


@pytest.mark.parametrize(
    ("x", "rounding", "opcode", "integer"),
    [
        (-2.7, 2, 0, -2),
        (-2.7, 3, 0, -3),
        (2.5, 3, 0, 2),
        (3e9, 2, 0, 2**31 - 1),
        (3e9, 2, 1, 3 * 10**9),
        (-1.0, 2, 1, 0),
        (INF, 2, 1, 2**32 - 1),
        (NAN, 2, 0, 0),
    ],
)
def test_integers(x, rounding, opcode, integer):
    """Truncated (2) or rounded (3), signed (0) or not (1), and the nearest one if it does not fit."""
    doubles = DoubleCoprocessor()
    doubles.write(8, 0, *double_words(x))
    doubles.compute(8, rounding)
    assert doubles.read(3, opcode) == integer & 0xFFFFFFFF


def test_a_sequence_that_an_interrupt_cuts_continues():
    """3.6.2.6: the handler saves X, Y and the flags if a sequence is under way, and restores them."""
    doubles = DoubleCoprocessor()
    doubles.write(1, 0, *double_words(2.5))
    doubles.write(1, 1, *double_words(4.0))
    saved = [doubles.read2(0, register) for register in (8, 9, 10)]
    assert doubles.engaged_flags() == 0
    doubles.write(1, 0, *double_words(7.0))
    doubles.read2(CONVERT, 0)
    for register, both in enumerate(saved):
        doubles.write(0, register, *both)
    assert doubles.read2(MULTIPLY, 0) == double_words(10.0)


# ---- USB


@pytest.mark.parametrize("descriptors", [b"", bytes([9, 2, 9, 0, 0, 1, 0, 0x80, 50]), bytes(9), b"\x09"])
def test_a_device_without_a_serial_port_gets_no_bytes(chip, descriptors):
    """USB 2.0, 9.6: each descriptor starts with its length. Nothing is sent to an endpoint that is not there."""
    host = chip.peripherals.usb
    host._requests = host._enumerate()
    host.send(b"typed")
    for answer in (None, b"", bytes([9, 2, len(descriptors), 0]), descriptors, b"", b""):
        host._ask(answer)
    assert host._requests is None
    assert list(host._outgoing) == [b"typed"]
