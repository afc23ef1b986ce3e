"""A program to look at with `make map`: a display, a sensor's ring, a log and packets that come and go by a timer.

    make map BOARD=PIMORONI_PICO_PLUS2 MAP_ARGS="--program examples/busy_frames.py"

The main program ends, so that the prompt is free; the timer goes on until a reset. Needs machine.Timer.
"""

import random

import physmem
from machine import Timer

KIB = 1024
MOST_PACKETS = 40

physmem.debug(owners=True)  # so that the map tells whose frames these are
largest = physmem.stats()[None]["largest_bytes"]
is_roomy = largest > 512 * KIB
width, height = (320, 240) if is_roomy else (64, 48)

ring = physmem.dma_ring(16 * KIB if is_roomy else 4 * KIB, owner="sensor")
ring.map()  # the DMA controller owns it
log = physmem.retain("log", 2 * KIB, owner="log")
SIZES = (1, 4, 9, 16, 40) if is_roomy else (1, 2, 3, 5, 8)  # in KiB, or in 4 KiB
pixels = [physmem.allocate_frames_by_bytes(width * height * 2, owner="display") for _ in range(2)]
pixels[0].map()  # the display shows this one while the program draws into the other
packets = []


def on_timer(timer):
    """Let a packet come, and some go. The scheduler runs this, with the heap unlocked."""
    while packets and (len(packets) >= MOST_PACKETS or random.random() < 0.5):
        packets.pop(random.randrange(len(packets))).free()
    try:
        nbytes = random.choice(SIZES) * (4 * KIB if is_roomy else KIB)
        packets.append(physmem.allocate_frames_by_bytes(nbytes, owner="network"))
    except MemoryError:
        pass  # this packet is lost


for _ in range(2 * MOST_PACKETS):
    on_timer(None)
timer = Timer(period=40, callback=on_timer)
