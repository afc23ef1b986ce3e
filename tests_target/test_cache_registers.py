"""The registers of cache care on real cores: what is there, what is left alone, the machine code of the barrier, and
calls in hard interrupt handlers.

QEMU's Cortex-M7 has the registers and no cache: it accepts the stores and does nothing. Nor can the bit that says that
the data cache is on be set there. So no runner shows that a store has its effect on a cache.
"""

import sys
from array import array

import hard_interrupts
import micropython
from cached_core import BOTH, CLEAN, HIGH, INVALIDATE, SPACE, WORKS, cached, lines_of
from machine import mem32
from physmem_board import NAME
from support import fresh_physmem
from uctypes import addressof, bytes_at

NEEDS = ("hard interrupts",)
QEMU = ("-icount", "shift=6,sleep=off")

CCR = 0xE000ED14
DATA_CACHE_ON = 1 << 16
IS_ARMV6M = sys.implementation._mpy >> 10 == 4  # MicroPython's documentation, ".mpy files": armv6m


def cache_module():
    """Return the module, as a program that has made a CACHED region finds it."""
    physmem = fresh_physmem()
    physmem.init([("ram", HIGH, 4096, 64, "CACHED SHARED")])
    return physmem, sys.modules["physmem_cache"]


def test_cores_with_and_without_registers():
    """Armv7-M and Armv8-M have the System Control Space with the registers. Armv6-M has none of them."""
    _, cache = cache_module()
    assert cache._step == 0
    if IS_ARMV6M:
        assert cache._space == 0 and cache._barrier is None
    else:
        assert cache._space & 0xFFFFFFFF == SPACE and callable(cache._barrier)


def code_of(function, nbytes):
    """Return the half words of the machine code of an assembler function: its object has their address as word 2."""
    objects = array("O", (function,))
    words = array("I", bytes(objects))
    code = array("I", bytes_at(words[0], 12))[2]
    return list(array("H", bytes_at(code & ~1, nbytes)))


def test_the_barrier_is_dsb_and_isb():
    """``push {r1, r4-r7, lr}``, DSB, ISB, ``pop {r1, r4-r7, pc}``; Arm DDI 0403E, A7.7."""
    import physmem_thumb

    del sys.modules["physmem_thumb"]
    code = code_of(physmem_thumb.synchronize, 12)
    assert code == [0xB5F2, 0xF3BF, 0x8F4F, 0xF3BF, 0x8F6F, 0xBDF2], [hex(half) for half in code]
    physmem_thumb.synchronize()
    if not IS_ARMV6M:
        assert code_of(cache_module()[1]._barrier, 12) == code


def test_no_data_cache_is_on():
    """QEMU keeps the bit of CCR clear, also when it is set; so do cores that have no data cache. Armv6-M is not
    asked."""
    _, cache = cache_module()
    if IS_ARMV6M:
        assert cache._space == 0
        return
    before = mem32[CCR]
    assert not before & DATA_CACHE_ON
    mem32[CCR] = before | DATA_CACHE_ON
    try:
        assert not mem32[CCR] & DATA_CACHE_ON
        assert cache._log_of_line(cache._space) == 0
    finally:
        mem32[CCR] = before


def test_stores_to_the_real_registers():
    """A Cortex-M7 takes them, and what is in memory is the same before and after. No other core here has them: there
    the calls store nothing."""
    physmem, cache = cache_module()
    memory = bytearray(3 * 64)
    base = addressof(memory) + -addressof(memory) % 64
    for i in range(len(memory)):
        memory[i] = i ^ 0x5A
    content = bytes(memory)
    if NAME == "MPS2_AN500":
        for work in WORKS:
            cache._each_line(cache._space, work, 0, base, 0, 128, 5, cache._barrier)
            cache._each_line(cache._space, work, 0, HIGH, 64, 4096 - 64, 5, cache._barrier)
    frames = physmem.allocate_frames(3)
    with frames.for_device():
        frames.clean().invalidate(64)
    frames.map().unmap()
    assert bytes(memory) == content


class Handler:
    """Makes a call in a hard interrupt handler."""

    def __init__(self, call):
        self.call = call
        self.result = self.fault = None
        self.function = self.run  # a bound method takes heap

    def run(self, timer):
        try:
            self.result = self.call()
        except BaseException as error:
            self.fault = error

    def made(self):
        hard_interrupts.once(50, self.function)
        while self.result is None and self.fault is None:
            pass
        hard_interrupts.stop()
        if self.fault is not None:
            raise self.fault
        return self.result


def test_in_hard_interrupt_handlers():
    """All of them, on frames above 0x3FFFFFFF, with and without a cache; they return the frames."""
    physmem, core = cached(HIGH, attrs="CACHED SHARED")
    frames = physmem.allocate_frames_at(HIGH + 128, 2)
    lines = lines_of(HIGH + 128, 128)
    for is_on in (True, False):
        core.turn(is_on)
        for call, work in (
            (frames.clean, CLEAN),
            (frames.invalidate, INVALIDATE),
            (frames.map, BOTH),
            (frames.unmap, INVALIDATE),
        ):
            assert Handler(call).made() is frames
            assert core.touched() == ((work, lines) if is_on else None)
        assert Handler(lambda: frames.invalidate(64, 64)).made() is frames
        assert core.touched() == ((INVALIDATE, lines[2:]) if is_on else None)
    core.leave()


def test_in_handlers_on_the_real_core():
    """Where there is no cache, or no register, a handler may call them all the same."""
    physmem, cache = cache_module()
    frames = physmem.allocate_frames(2)
    for call in (frames.clean, frames.invalidate, frames.map, frames.unmap):
        assert Handler(call).made() is frames


def test_the_loop_itself_needs_no_heap():
    """Whatever it is given: addresses that are not small integers, and the last line of memory."""
    physmem, core = cached(HIGH)
    core.leave()
    each_line, registers = core.cache._each_line, core.registers
    space = addressof(registers)
    counted = array("I", [0])

    def barrier():
        counted[0] += 1

    for base, offset in ((HIGH, 0), (0xFFFFF000, 4096 - 64), (0x40000000, 64), (0x3FFFFFC0, 64)):
        core.turn(True)
        micropython.heap_lock()
        try:
            each_line(space, WORKS[1], 1, base, offset, 64, 5, barrier)
        finally:
            micropython.heap_unlock()
        assert list(registers[WORKS[1] : WORKS[1] + 3]) == [base + offset, base + offset + 32, 1]
    assert counted[0] == 8
