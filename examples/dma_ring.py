"""Let a DMA channel write to a ring, on a board with an RP2040 or RP2350; `make run` sends this file to such a board.

In a driver the channel is paced by a peripheral, such as the ADC. Here it copies a buffer as fast as it can, so that
you can see what the ring holds afterwards.
"""

import sys

import physmem

try:
    import rp2
except ImportError:
    print("dma_ring.py needs rp2.DMA: run it on a board with an RP2040 or RP2350")
    sys.exit(1)

RING = 4096  # bytes: a power of two, up to 32 KiB
SOURCE = 10000  # bytes: almost two and a half laps


def control_of_ring(channel, nbytes, **fields):
    """Return the control word with which the DMA channel writes to a ring of `nbytes` bytes, over and over.

    The other arguments are those of rp2.DMA.pack_ctrl. Without chain_to and ring_size MicroPython 1.25 sets what is
    right on an RP2040 and wrong on an RP2350: there the channel wraps where you do not want it, and starts another
    channel when it ends. So name both in every call of pack_ctrl; ring_size=0 stands for no ring.
    """
    size = 0
    while 1 << size < nbytes:
        size += 1
    return channel.pack_ctrl(ring_sel=True, ring_size=size, chain_to=channel.channel, **fields)


source = bytearray(SOURCE)
for i in range(SOURCE):
    source[i] = i * 7 & 0xFF

ring = physmem.dma_ring(RING).map()  # the hardware owns it now: free() refuses
channel = rp2.DMA()
try:
    control = control_of_ring(channel, RING, size=0, inc_read=True, inc_write=True)
    channel.config(read=source, write=ring.addr, count=SOURCE, ctrl=control, trigger=True)
    while channel.active():
        pass
    end = channel.write - ring.addr  # where the next byte would go: what is older starts here
finally:
    channel.close()  # stop the channel first
    ring.unmap()

print("a ring of %d bytes at %#x, %d bytes written, the next would go to byte %d" % (RING, ring.addr, SOURCE, end))
newest = bytes(ring.view[end:]) + bytes(ring.view[:end])
ring.free()
assert end == SOURCE % RING
assert newest == source[-RING:]
print("it holds the last %d bytes of them" % RING)
