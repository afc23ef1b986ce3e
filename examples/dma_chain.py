"""Send memory that lies in pieces with one DMA transfer: a chain of control blocks, on an RP2040 or RP2350.

In a fragmented region there may be no room for one long buffer. `allocate_scattered` returns the frames in as few
pieces as there are, and the DMA reads from a control block for each piece where to go on. In a driver it writes to a
peripheral. Here it writes to a buffer, which is then compared. Prints how many pieces there were.
"""

import struct
import sys

import physmem
import uctypes

try:
    import rp2
except ImportError:
    print("dma_chain.py needs rp2.DMA: run it on a board with an RP2040 or RP2350")
    sys.exit(1)

FRAMES = 5
BLOCK = 16  # bytes: the registers READ_ADDR, WRITE_ADDR, TRANS_COUNT and CTRL_TRIG of a channel


def fragment(region):
    """Leave every second frame of the region free, as if it had been in use for long. Return the others."""
    frames = [physmem.allocate_frames(1, region=region) for _ in range(region.free_frames)]
    for free in frames[::2]:
        free.free()
    return frames[1::2]


def send(pieces, blocks, target):
    """Copy all bytes of `pieces` to the address `target`, and wait for the end. `blocks` has room for the chain."""
    data, control = rp2.DMA(), rp2.DMA()
    try:
        fields = data.pack_ctrl(size=2, ring_size=0, chain_to=control.channel)  # words; at their end the next block
        view, at = blocks.view, 0
        for piece in pieces:
            struct.pack_into("<4I", view, at, piece.addr, target, piece.nbytes // 4, fields)
            target += piece.nbytes
            at += BLOCK
        struct.pack_into("<4I", view, at, 0, 0, 0, 0)  # a control word of 0 starts nothing: the end of the chain
        for frames in [blocks] + pieces:
            frames.map()  # the hardware owns them now: free() refuses
        fields = control.pack_ctrl(size=2, ring_sel=True, ring_size=4, chain_to=control.channel)  # writes in 16 bytes
        control.config(read=blocks.addr, write=data.registers[0:4], count=4, ctrl=fields, trigger=True)
        while control.read != blocks.addr + at + BLOCK or control.active():
            pass
    finally:
        data.close()  # stop the channels first
        control.close()
        for frames in [blocks] + pieces:
            if frames.state == physmem.MAPPED:
                frames.unmap()


with physmem.scope():  # frees all frames at its end
    blocks = physmem.allocate_frames_by_bytes((FRAMES + 1) * BLOCK, require="DMA", prefer="FAST")
    fragment(blocks.region)
    pieces = physmem.allocate_scattered(FRAMES, region=blocks.region)
    expected = bytearray()
    for number, piece in enumerate(pieces):
        piece.view[:] = bytes([number + 1]) * piece.nbytes
        expected += piece.view
    received = bytearray(len(expected))
    send(pieces, blocks, uctypes.addressof(received))
    assert received == expected
    print("%d bytes in %d pieces, sent by one chain: all are there" % (len(received), len(pieces)))
