"""Split a program between the two cores of an RP2040 or RP2350: core 0 fills frames, core 1 reads and frees them.

Both make raw calls of the same SHARED region, whenever they like. A frame belongs to one core at a time: core 0 puts it
into a free place of the array `handed`, and core 1 frees the frame and then the place. Prints how much core 1 has done.
"""

import gc
import sys
import time
from array import array

import physmem
from machine import mem8

try:
    import _thread
except ImportError:
    print("two_cores.py needs _thread: run it on a board with an RP2040 or RP2350")
    sys.exit(1)

BLOCKS = 24
NBYTES = 200  # of a block
NONE = -1

with physmem.allocate_frames(1, require="SHARED", prefer="FAST") as frames:
    region = frames.region
alloc, free, addr = region.alloc, region.free, region.addr
frames_of_block = -(-NBYTES // region.frame_size)
handed = array("h", [NONE] * 4)
sums = array("I", [0] * BLOCKS)
ended = bytearray(1)


def core_1():
    """Work on the blocks with raw calls and small integers: nothing here needs the heap, which core 0 is using."""
    for number in range(BLOCKS):
        place = number % len(handed)
        while handed[place] == NONE:
            pass
        first = handed[place]
        for at in range(addr(first), addr(first) + NBYTES):
            sums[number] += mem8[at]
        free(first)
        handed[place] = NONE
    ended[0] = 1


def core_0():
    """In a function, whose names are local: the other core may miss a global name while this one adds another."""
    for number in range(BLOCKS):
        place = number % len(handed)
        while handed[place] != NONE:
            pass
        first = alloc(frames_of_block)
        while first < 0:  # until core 1 has freed one
            first = alloc(frames_of_block)
        for at in range(addr(first), addr(first) + NBYTES):
            mem8[at] = number
        handed[place] = first
    while not ended[0]:
        pass
    time.sleep_ms(10)  # until MicroPython has ended the thread


gc.collect()
gc.disable()  # a collection does not stop the other core, and raw calls start none
try:
    _thread.start_new_thread(core_1, ())
    core_0()
finally:
    gc.enable()
right = sum([sums[number] == number * NBYTES for number in range(BLOCKS)])
print("core 0 filled %d blocks of %d bytes, and core 1 summed %d of them right" % (BLOCKS, NBYTES, right))
assert right == BLOCKS
