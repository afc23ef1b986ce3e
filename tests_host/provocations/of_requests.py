"""Requests for frames that are refused."""

from provocations.provocation import refused
from provocations.worlds import (
    PAGE,
    PSRAM,
    REGISTERS,
    SRAM,
    UNKNOWN,
    alone,
    changed,
    failing,
    full,
    module,
    system,
    without_heap,
)
from support import InHandler

ADDRESS_BITS = 52  # of CPython
MOST_FRAMES = (1 << 30) - 64
ADDRESS_OUT_OF_RANGE, NOT_PERMITTED = -5, -8


def rows():
    yield from _sizes()
    yield from _constraints()
    yield from _addresses()
    yield from _choosers()
    yield from _hooks()
    yield from _nothing_free()
    yield from _without_heap()


def _sizes():
    p = system()
    for call in (p.allocate_frames, p.allocate_frames_deferred, p.allocate_scattered):
        yield refused(call, 0, says="n = 0")
        yield refused(call, -3, says="n = -3")
    yield refused(p.allocate_frames_by_bytes, 0, says="nbytes = 0")
    yield refused(p.allocate_frames_by_bytes_deferred, -7, SRAM, says="nbytes = -7")
    yield refused(p.dma_ring, PAGE + 1, says=["4097 bytes", "power of two"])
    for call, arguments in (
        (p.allocate_frames, (1, PAGE)),
        (p.allocate_frames_by_bytes, (1, PAGE)),
        (p.dma_ring, (1, PAGE)),
        (p.allocate_scattered, (1, PAGE)),
        (p.inspect_then_allocate, (print, PAGE)),
        (p.allocate_frames_at, (SRAM, 1, PAGE)),
        (p.allocate_frames_by_bytes_at, (SRAM, 1, PAGE)),
        (p.allocate_frames_deferred, (1, None, PAGE)),
        (p.allocate_frames_by_bytes_deferred, (1, None, PAGE)),
    ):
        yield refused(call, *arguments, says="without a name")


def _constraints():
    p = system()
    ask = p.allocate_frames
    yield refused(ask, 1, align=3, says=["align 3", "power of two"])
    yield refused(ask, 1, boundary=5, says=["boundary 5", "power of two"])
    yield refused(ask, 1, low=9, high=7, says=["low 9", "high 7"])
    yield refused(ask, 2, boundary=PAGE, region="sram", says=["2 frames", "boundary of 4096 bytes"])
    yield refused(ask, 1, require="DMA", forbid="DMA FAST", says="DMA is in forbid and in require")
    yield refused(ask, 1, require=1 << 20, says=["require 0x100000", "DMA"])
    yield refused(ask, 1, forbid="FST", says=["forbid 'FST'", "FAST", "RESERVED"])
    yield refused(ask, 1, require="RETAINED", says=["require RETAINED", "sram: DMA FAST"])
    yield refused(ask, 1, region="nowhere", says=["region nowhere", "sram", "psram"])
    yield refused(ask, 1, region=p.Region("mine", UNKNOWN, PAGE), says=["region mine", "sram", "psram"])
    yield refused(ask, 1, region=3, says=["region must be a Region", "int"])
    yield refused(ask, 1, zero=1, says=["zero must be a bool", "int"])


def _addresses():
    p = system()
    at = p.allocate_frames_at
    yield refused(at, -1, 1, says=["-1", "0"])
    yield refused(at, UNKNOWN, 2, says=["n = 2", hex(UNKNOWN)])
    start = SRAM + 63 * PAGE
    yield refused(p.allocate_frames_by_bytes_at, start, PAGE + 1, says=["nbytes = 4097", hex(start)])
    yield refused(at, SRAM + 6 * PAGE, 3, says=["3 frames", "frame 6", "sram"])
    last = (1 << ADDRESS_BITS) - PAGE
    yield refused(at, last, 2, unknown=True, says=[hex(last), f"2**{ADDRESS_BITS}"])
    start = PSRAM - 2 * PAGE
    yield refused(at, start, 3, unknown=True, says=[hex(start), hex(start + 3 * PAGE), f"psram at {PSRAM:#x}"])
    held = at(REGISTERS + PAGE, 1)
    start = REGISTERS + PAGE
    yield refused(at, start, 2, unknown=True, says=[hex(start), hex(REGISTERS + 2 * PAGE)])
    held.free()
    yield refused(at, UNKNOWN, MOST_FRAMES + 1, unknown=True, says=[str(MOST_FRAMES + 1), f"most {MOST_FRAMES}"])
    # A frame of the registers, and as many behind it as one region has no room for.
    p = alone()
    says = [str(MOST_FRAMES + 1), f"most {MOST_FRAMES}"]
    yield refused(p.allocate_frames_at, start, MOST_FRAMES, unknown=True, says=says)
    # What `request_at` never asks for.
    upkeep, registers, end = module("physmem_upkeep"), p.region("registers"), REGISTERS + 2 * PAGE
    yield refused(upkeep.extend_region, registers, end + 1, says=[hex(end + 1), "multiple of 4096"])
    yield refused(upkeep.extend_region, registers, "3", says=["end must be an int", "str"])
    yield refused(upkeep.extend_region, registers, end, says=[hex(end), "registers"])


def _choosers():
    p = system()
    inspect = p.inspect_then_allocate
    yield refused(inspect, 3, says=["chooser must be callable", "int"])
    yield refused(inspect, lambda region, first, count: 7, says=["7", "None, STOP or (first, n)"])
    yield refused(inspect, lambda region, first, count: (2, 0), says=["0 frames", "frame 2"])
    yield refused(inspect, lambda region, first, count: (6, 3), says=["3 frames from 6", "8 from 0"])

    def remove(region, first, count):
        region.free(8)
        p.remove_region(region)
        return first, count

    yield refused(inspect, remove, says=["8 frames from frame 0", "sram"])


def _hooks():
    p = system()
    yield refused(p.on_exhausted, 3, says=["hook must be callable", "int"])
    p.on_exhausted(lambda request: request.suits(3))
    yield refused(p.allocate_frames, 96 + 1, says="97 frames")
    yield refused(p.allocate_frames, 96, region="psram", low=PSRAM + 1, says="96 frames")
    p.region("psram").alloc(1)
    yield refused(p.allocate_frames, 96, says=["region must be a Region", "int"])


def _nothing_free():
    p = full()
    free = f"sram has {PAGE} bytes free in 1 run, at most {PAGE} in one"
    yield refused(p.allocate_frames, 2, says=["2 frames", free])
    yield refused(p.allocate_frames, 2, within=InHandler(), says="no free frames")
    p = system()
    yield refused(p.allocate_scattered, 97, says=["97 frames", f"psram has {96 * PAGE} bytes free in 1 run"])
    yield refused(p.allocate_frames, 97, region="sram", within=InHandler(), says="only SHARED")
    # Where there is no heap for a sentence with numbers.
    allocate = module("physmem_allocate")
    yield refused(p.allocate_frames, 97, within=failing(allocate, "_requests"), says="no free frames")
    without = failing(allocate, "_requests")
    yield refused(p.allocate_frames, 1, region="nowhere", within=without, says="no region suits")


def _without_heap():
    p = system()
    large = 1 << 29
    yield refused(p.allocate_frames_by_bytes, large, within=without_heap(), says="2**29 or more needs heap")
    yield refused(
        p.allocate_frames_by_bytes_at, SRAM, large, within=without_heap(), says="2**29 bytes or more needs heap"
    )
    yield refused(p.dma_ring, large, within=without_heap(), says="dma_ring() of 2**29 bytes or more needs heap")
    with p.scope():
        says = "an allocation in a scope() needs heap"
        yield refused(p.allocate_frames, 1, within=without_heap(), says=says)
        yield refused(p.allocate_frames_at, SRAM, 1, within=without_heap(), says=says)
        yield refused(p.allocate_frames, 1, within=failing(module("physmem_scope"), "_context"), says=says)
    says = "a region for unknown addresses needs heap"
    at = p.allocate_frames_at
    yield refused(at, UNKNOWN, 1, unknown=True, within=without_heap("physmem_setup"), says=says)
    yield refused(at, UNKNOWN, 1, unknown=True, within=failing(module("physmem_system"), "reserved_region"), says=says)
    sram = p.region("sram")
    yield refused(at, SRAM, 1, within=changed(sram, "alloc_at", lambda frame, n: NOT_PERMITTED), says="only SHARED")
    # Only a region that is removed meanwhile lacks frames that it had.
    gone = changed(sram, "alloc_at", lambda frame, n: ADDRESS_OUT_OF_RANGE)
    yield refused(at, SRAM + PAGE, 3, within=gone, says=["3 frames from frame 1", "sram"])
