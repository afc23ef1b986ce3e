"""Record sound in a hard interrupt handler: it fills one frame while the program works on the one before.

The handler takes frames with raw calls of a SHARED region, and gives them back if the program is late. It never needs
the heap. In a driver a sample comes from an ADC. Here the samples count, so that you see whether one is missing. Runs
where machine.Timer has `hard`, and on an RP2040 or RP2350. Prints how many blocks there were and how many were dropped.
"""

import sys

import machine
import physmem

RATE = 8000  # samples a second
BLOCK = 128  # samples of 2 bytes: fits into the smallest frames
BLOCKS = 4
WORD = bytearray(4)  # a DMA channel does not keep its buffers from being collected, but this name does


class Recorder:
    """Make it before the interrupts start: attributes and bound methods need heap."""

    def __init__(self, region):
        self.alloc, self.free, self.addr = region.alloc, region.free, region.addr
        self.sample = self.dropped = 0
        self.full, self.filling = -1, self.alloc(1)  # frames; -1: none waits for the program
        self.start = self.addr(self.filling)

    def on_sample(self, timer):
        """Store a sample. This is hard: there is no heap, so no address above 0x3FFFFFFF."""
        machine.mem16[self.start + self.sample % BLOCK * 2] = self.sample & 0xFFFF
        self.sample += 1
        if self.sample % BLOCK:
            return
        frame = self.alloc(1)
        if frame < 0:  # no memory: fill this one again
            self.dropped += 1
            return
        if self.full >= 0:  # the program is late: give its frame back
            self.dropped += 1
            self.free(self.full)
        self.full, self.filling, self.start = self.filling, frame, self.addr(frame)

    def fetch(self):
        """Return a full frame, which is now yours to free, or -1."""
        state = machine.disable_irq()
        frame, self.full = self.full, -1
        machine.enable_irq(state)
        return frame


def start(handler):
    """Have `handler` called in a hard interrupt RATE times a second. Return a function that stops it."""
    try:
        return machine.Timer(-1, freq=RATE, callback=handler, hard=True).deinit
    except (AttributeError, TypeError):  # ports/rp2 has hard timers from MicroPython 1.26 on, and DMA before
        import rp2
    timer0 = 0x50000420 if "RP2040" in sys.implementation._machine else 0x50000440  # TREQ_SEL 0x3B
    machine.mem32[timer0] = 1 << 16 | machine.freq() // RATE  # one transfer in so many clock cycles
    channel = rp2.DMA()
    fields = {"inc_read": False, "inc_write": False, "ring_size": 0, "chain_to": channel.channel}

    def on_transfer(channel):
        channel.active(True)  # the next one
        handler(channel)

    channel.irq(on_transfer, hard=True)
    control = channel.pack_ctrl(treq_sel=0x3B, irq_quiet=False, **fields)
    channel.config(read=WORD, write=WORD, count=1, ctrl=control, trigger=True)
    return channel.close


def record(recorder, region):
    """Return how many of BLOCKS blocks are whole.

    In a function, whose names are local: a handler may miss its global names while the program adds one.
    """
    stop = start(recorder.on_sample)
    try:
        fetched = whole = 0
        while fetched < BLOCKS:
            frame = recorder.fetch()
            if frame < 0:
                machine.idle()  # until the next interrupt
                continue
            addr = region.addr(frame)
            samples = [machine.mem16[addr + 2 * i] for i in range(BLOCK)]
            whole += samples[0] % BLOCK == 0 and samples == list(range(samples[0], samples[0] + BLOCK))
            region.free(frame)
            fetched += 1
    finally:
        stop()
    return whole


with physmem.allocate_frames(1, require="SHARED", prefer="FAST") as frames:
    region = frames.region
recorder = Recorder(region)
try:
    whole = record(recorder, region)
except ImportError:
    print("audio_double_buffer.py needs hard interrupts: a machine.Timer that takes hard=True, or rp2.DMA")
    sys.exit(1)
finally:
    for frame in (recorder.fetch(), recorder.filling):
        if frame >= 0:
            region.free(frame)
print("%d blocks of %d samples, %d of them whole; %d dropped" % (BLOCKS, BLOCK, whole, recorder.dropped))
assert whole == BLOCKS
