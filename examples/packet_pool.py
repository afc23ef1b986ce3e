"""Receive packets by DMA into a pool, on an RP2040 or RP2350: the handler takes a packet, the program gives it back.

All packets are parts of one allocation. Their numbers go through two RingIO, each with one writer and one reader, so
neither side masks interrupts, and the handler never needs the heap. In a driver a peripheral paces the DMA. Here the
program starts it where a packet would arrive. Prints how many packets were received and how many had no room.
"""

import sys

import physmem
from micropython import RingIO

try:
    import rp2
except ImportError:
    print("packet_pool.py needs rp2.DMA: run it on a board with an RP2040 or RP2350")
    sys.exit(1)

PACKETS = 8
NBYTES = 256  # of a packet
CONTENTS = [bytes([number]) * NBYTES for number in range(10)]


class Receiver:
    """Make it before the interrupts start: attributes, the view and bound methods need heap."""

    def __init__(self, frames):
        self.base, self.view = frames.addr, frames.view
        self.empty, self.full = RingIO(PACKETS), RingIO(PACKETS)
        self.empty.write(bytes(range(1, PACKETS)))
        self.receiving = bytearray([0])  # the number of the packet that the DMA writes
        self.missed = 0
        self.channel = channel = rp2.DMA()
        control = channel.pack_ctrl(size=0, ring_size=0, chain_to=channel.channel, irq_quiet=False)
        channel.config(write=self.base, count=NBYTES, ctrl=control)
        channel.irq(self.on_packet, hard=True)

    def on_packet(self, channel):
        """A packet is complete: find room for the next. This is hard: there is no heap."""
        if self.empty.any():
            self.full.write(self.receiving)
            self.empty.readinto(self.receiving)
        else:
            self.missed += 1  # the next one overwrites it
        channel.write = self.base + self.receiving[0] * NBYTES

    def packets(self):
        """Generate views of the packets that are there. Each is yours until you ask for the next."""
        while self.full.any():
            number = self.full.read(1)
            yield self.view[number[0] * NBYTES : (number[0] + 1) * NBYTES]
            self.empty.write(number)


def arrive(receiver, content):
    """Have the DMA write a packet, as if it came from a peripheral."""
    receiver.channel.config(read=content, trigger=True)
    while receiver.channel.active():
        pass


def main(receiver):
    """In a function, whose names are local: a handler may miss its global names while the program adds one."""
    for _ in range(2):
        missed = receiver.missed
        for content in CONTENTS:
            arrive(receiver, content)  # more than there is room for
        received = [bytes(packet) for packet in receiver.packets()]
        counts = len(CONTENTS), len(received), receiver.missed - missed
        print("%d packets have arrived: %d received, no room for %d" % counts)
        assert received == CONTENTS[: PACKETS - 1]


frames = physmem.allocate_frames_by_bytes(PACKETS * NBYTES, require="DMA").map()  # the hardware owns it: free() refuses
receiver = Receiver(frames)
try:
    main(receiver)
finally:
    receiver.channel.close()  # stop the channel first
    frames.unmap().free()
