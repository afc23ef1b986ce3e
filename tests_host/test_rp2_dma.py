"""The emulators of both RP2 chips have a DMA controller: rings, chains, byte swap, pacing, interrupts and bus errors.

Expected values come from the datasheets: harness/rp2_chips.py. Numbers in the tests are sections of the RP2040 and of
the RP2350 datasheet.
"""

import pytest

from harness import rp2_board
from harness.rp2_chips import RP2040, RP2350

chip, shared, board = rp2_board.chip, rp2_board.shared, rp2_board.board

# MicroPython 1.25 has wrong defaults for chain_to, ring_size and ring_sel on the RP2350, so each program gives them.
DMA = """
import rp2, uctypes, machine, time
def pack(dma, chain_to=None, ring_size=0, ring_sel=0, **others):
    chain_to = dma.channel if chain_to is None else chain_to  # no chain
    return dma.pack_ctrl(chain_to=chain_to, ring_size=ring_size, ring_sel=ring_sel, **others)
def wait(dma):
    for _ in range(100000):
        if not dma.active():
            return
    raise RuntimeError('the channel is still active')
def aligned(size):
    raw = bytearray(3 * size)
    at = (uctypes.addressof(raw) + size - 1) & ~(size - 1)
    return raw, at, at - uctypes.addressof(raw)
"""


def field(chip, control, name):
    """Return the field *name* of *control*, a value of the CTRL register."""
    lowest, bits = chip.control[name]
    return control >> lowest & (1 << bits) - 1


def fields(chip, control):
    return {name: field(chip, control, name) for name in ("chain_to", "ring_size", "ring_sel")}


PACKED = """
channels = [rp2.DMA() for _ in range(6)]
for dma in channels:
    print(dma.channel, {pack})
for dma in channels:
    dma.close()
"""


def packed(board, pack):
    """Return what the expression *pack* packs for six channels: number of the channel -> value of CTRL."""
    return dict(map(int, line.split()) for line in board.run(DMA + PACKED.format(pack=pack)).splitlines())


def test_pack_ctrl_with_all_of_ring_and_chain(chip, board):
    found = packed(board, "pack(dma)")
    assert len(found) == 6
    for channel, control in found.items():
        assert fields(chip, control) == {"chain_to": channel, "ring_size": 0, "ring_sel": 0}
    for control in packed(board, "pack(dma, chain_to=11, ring_size=9, ring_sel=1)").values():
        assert fields(chip, control) == {"chain_to": 11, "ring_size": 9, "ring_sel": 1}


@rp2_board.only(RP2040)
def test_pack_ctrl_defaults_to_no_ring_and_no_chain(chip, board):
    for channel, control in packed(board, "dma.pack_ctrl()").items():
        assert fields(chip, control) == {"chain_to": channel, "ring_size": 0, "ring_sel": 0}


@rp2_board.only(RP2350)
def test_pack_ctrl_defaults_are_those_of_one_of_the_chips(chip, board):
    """MicroPython 1.25 puts the channel where the RP2040 has CHAIN_TO, from bit 11 on: over RING_SIZE, RING_SEL and
    CHAIN_TO. Later versions put it where the RP2350 has CHAIN_TO. What holds for one channel holds for all.
    """
    found = packed(board, "dma.pack_ctrl()")
    assert len(found) == 6
    right = {channel: {"chain_to": channel, "ring_size": 0, "ring_sel": 0} for channel in found}
    wrong = {channel: fields(chip, channel << RP2040.control["chain_to"][0]) for channel in found}
    assert [channel for channel in found if right[channel] == wrong[channel]] in ([], [0])
    assert {channel: fields(chip, control) for channel, control in found.items()} in (right, wrong)


@pytest.mark.parametrize("selected", [0, 1])
def test_dma_ring(board, selected):
    """2.5.1.1 and 12.6.2.1: RING_SIZE 4 wraps the read (RING_SEL 0) or write address every 16 bytes.

    Nothing else is touched.
    """
    source = (
        DMA
        + f"""
raw, at, offset = aligned(16)
source = bytearray(range(40))
target = bytearray(b'\\xff' * 40)
dma = rp2.DMA()
control = pack(dma, size=0, ring_sel={selected}, ring_size=4, treq_sel=0x3f)
if {selected}:
    for i in range(48): raw[i] = 0xEE
    dma.config(read=source, write=at, count=40, ctrl=control, trigger=True)
    wait(dma)
    print(list(raw[offset:offset + 16]), set(raw[:offset]) | set(raw[offset + 16:]) == {{0xEE}}, hex(dma.write - at))
else:
    for i in range(16): raw[offset + i] = i
    dma.config(read=at, write=target, count=40, ctrl=control, trigger=True)
    wait(dma)
    print(list(target), hex(dma.read - at))
dma.close()
"""
    )
    if selected:
        last = list(range(32, 40)) + list(range(24, 32))
        assert board.run(source) == f"{last} True 0x8\n"
    else:
        assert board.run(source) == f"{[i % 16 for i in range(40)]} 0x8\n"


def test_dma_chain(board):
    """2.5.2.2 and 12.6.3.2: when one channel ends, the next one starts; each raises its interrupt."""
    source = (
        DMA
        + """
a, b = rp2.DMA(), rp2.DMA()
one, two, three = bytearray(b'chained!'), bytearray(8), bytearray(8)
b.config(read=two, write=three, count=2, ctrl=pack(b, size=2, irq_quiet=False))
a.config(read=one, write=two, count=2, ctrl=pack(a, size=2, chain_to=b.channel, irq_quiet=False))
print(a.active(), b.active(), bytes(three))
a.active(1)
wait(a)
wait(b)
print(bytes(two), bytes(three), mem32[DMA_INTR] >> a.channel & 1, mem32[DMA_INTR] >> b.channel & 1)
a.close(); b.close()
"""
    )
    assert board.run(source) == "False False b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\nb'chained!' b'chained!' 1 1\n"


def test_dma_channels_that_start_one_another_for_ever(board):
    """The cores continue meanwhile, and an abort ends it (2.5.5.3 and 12.6.8.3).

    A channel runs for longer than it takes to look at both, so nearly every look sees one at work.
    """
    source = (
        DMA
        + """
a, b = rp2.DMA(), rp2.DMA()
one, two = bytearray(8), bytearray(8)
for dma, other in (a, b), (b, a):
    control = pack(dma, size=2, inc_read=False, inc_write=False, chain_to=other.channel)
    dma.config(read=one, write=two, count=5000, ctrl=control)
a.active(1)
ran = 0
for i in range(100):
    ran += a.active() or b.active()
mem32[DMA_CHAN_ABORT] = 1 << a.channel | 1 << b.channel
print(ran > 80, mem32[DMA_CHAN_ABORT], a.active(), b.active())
a.close(); b.close()
"""
    )
    assert board.run(source) == "True 0 False False\n"


@pytest.mark.parametrize(("size", "swapped"), [(1, b"badc"), (2, b"dcba")])
def test_dma_byte_swap(board, size, swapped):
    """2.5.7 and 12.6.10, CTRL.BSWAP."""
    source = (
        DMA
        + f"""
dma, target = rp2.DMA(), bytearray(4)
dma.config(read=b'abcd', write=target, count=4 >> {size}, ctrl=pack(dma, size={size}, bswap=True), trigger=True)
wait(dma)
print(bytes(target))
dma.close()
"""
    )
    assert board.run(source) == f"{swapped!r}\n"


@pytest.mark.parametrize("timer", [0, 3])
def test_dma_pacing_timer(chip, board, timer):
    """2.5.5.1 and 12.6.8.1: the rate is X / Y of the system clock, here 10,000 a second: 100 transfers in 10 ms."""
    source = (
        DMA
        + f"""
dma, target = rp2.DMA(), bytearray(100)
mem32[DMA_TIMER0 + 4 * {timer}] = 1 << 16 | {chip.system_clock // 10_000}
dma.config(read=bytearray(100), write=target, count=100, ctrl=pack(dma, size=0, treq_sel=0x3B + {timer}))
start = time.ticks_us()
dma.active(1)
while dma.active():
    pass
print(time.ticks_diff(time.ticks_us(), start))
dma.close()
"""
    )
    assert 9_800 <= int(board.run(source)) <= 10_300


def test_dma_interrupt(board):
    source = (
        DMA
        + """
dma = rp2.DMA()
class Seen:
    def __init__(self): self.calls = 0
    def call(self, dma): self.calls += 1
seen = Seen()
dma.irq(handler=seen.call, hard=True)
target = bytearray(64)
for i in range(3):
    dma.config(read=bytearray(64), write=target, count=16, ctrl=pack(dma, size=2, irq_quiet=False), trigger=True)
    wait(dma)
print(seen.calls, mem32[DMA_INTR] >> dma.channel & 1)
dma.close()
"""
    )
    assert board.run(source) == "3 0\n"


def test_dma_bus_error(chip, board):
    """2.5.7 and 12.6.7: it sets READ_ERROR and AHB_ERROR of CTRL, and the channel halts."""
    source = (
        DMA
        + """
dma, target = rp2.DMA(), bytearray(8)
dma.config(read=0xF0000000, write=target, count=2, ctrl=pack(dma, size=2), trigger=True)
wait(dma)
print(dma.registers[3], bytes(target))
dma.close()
"""
    )
    control, target = board.run(source).split(maxsplit=1)
    errors = {name: field(chip, int(control), name) for name in ("read_error", "write_error", "ahb_error")}
    assert errors == {"read_error": 1, "write_error": 0, "ahb_error": 1}
    assert target == "b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\n"


def test_masked_interrupts_stay_away_from_a_sleeping_core(board):
    """With PRIMASK set, WFI ends when an interrupt is pending, but no handler runs.

    Source: ARMv6-M manual B1.5.18; ARMv8-M manual, Wait For Interrupt.
    """
    source = (
        DMA
        + """
class Handler:
    def __init__(self): self.calls = 0
    def call(self, dma): self.calls += 1
@micropython.asm_thumb
def mask():
    cpsid(0)
@micropython.asm_thumb
def sleep():
    wfi()
@micropython.asm_thumb
def unmask():
    cpsie(0)
handler = Handler()
dma = rp2.DMA()
dma.irq(handler=handler.call, hard=True)
mem32[DMA_TIMER0] = 1 << 16 | 62500  # timer 0: some 2,000 transfers a second
control = pack(dma, size=0, treq_sel=0x3B, irq_quiet=False)
source, target = bytearray(100), bytearray(100)  # rp2.DMA holds no reference to them
dma.config(read=source, write=target, count=100, ctrl=control)
mask()
dma.active(1)
while dma.active():
    sleep()
during = handler.calls
unmask()
print(during, handler.calls)
dma.close()
"""
    )
    assert board.run(source) == "0 1\n"
