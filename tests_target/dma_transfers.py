"""Transfers of the DMA controller of an RP2040 or RP2350 for the tests: contents, control words, waiting for the end.

Source: RP2040 datasheet, 2.5; RP2350 datasheet, 12.6.
"""

import time

import rp2

AT_TIMER0, AT_ONCE = 0x3B, 0x3F  # TREQ_SEL
BYTES, WORDS = 0, 2  # DATA_SIZE
MILLISECONDS = 500


def pattern(nbytes, seed):
    """Return bytes that do not repeat with the period of any ring. Each is below 163."""
    data = bytearray(nbytes)
    for i in range(nbytes):
        data[i] = (i * 7 + (i >> 8) * 13 + seed) % 163
    return data


def control(channel, ring=0, chain_to=None, **fields):
    """Return the control word with these fields of rp2.DMA.pack_ctrl, for a ring of `ring` bytes if that is not 0.

    MicroPython 1.25's default for the ring and the chain is wrong on the RP2350: docs/pitfalls.md.
    """
    power = 0
    while 1 << power < ring:
        power += 1
    next_channel = channel.channel if chain_to is None else chain_to.channel  # a channel that names itself ends there
    return channel.pack_ctrl(ring_size=power, chain_to=next_channel, **fields)


def wait(channel):
    """Wait until the channel has finished."""
    begin = time.ticks_ms()
    while channel.active():
        assert time.ticks_diff(time.ticks_ms(), begin) < MILLISECONDS, "the DMA does not finish"


def copy(read, write, count, **fields):
    """Let the DMA copy `count` bytes from `read` to `write`, buffers or addresses, and wait until it has."""
    channel = rp2.DMA()
    try:
        fields = control(channel, size=BYTES, **fields)
        channel.config(read=read, write=write, count=count, ctrl=fields, trigger=True)
        wait(channel)
    finally:
        channel.close()
