"""Make raw calls on the unix port's engine, which is machine code, and send the results: for soak.py.

Reads orders from standard input and writes answers to standard output, both as arrays of integers, until the input
ends. An order is a header of four signed 64-bit integers, which makes a region,

    frames, frame number of the first frame, attributes, number of operations

and three more for each operation: which call, and its two arguments. The answer has four signed 32-bit integers for
each operation: what the call returned, then free frames, peak and failed requests of the region.
"""

import sys

from array import array

FRAME_SIZE = 32  # bytes: the smallest, so that every frame number up to 2**59 has an address

# Calls, with their two arguments.
ALLOC = 0  # n, none
ALLOC_ALIGNED = 1  # n, align
ALLOC_AT = 2  # frame, n
FREE = 3  # frame, none
LARGEST_FREE = 4  # align, none
CHECK = 5  # none: the number of broken invariants


def answers_of(region, operations, answers):
    """Do `operations` on `region` and store the answers in the array `answers`."""
    alloc, alloc_aligned, alloc_at, free = region.alloc, region.alloc_aligned, region.alloc_at, region.free
    at = 0
    for i in range(0, len(operations), 3):
        kind = operations[i]
        if kind == ALLOC:
            answer = alloc(operations[i + 1])
        elif kind == FREE:
            answer = free(operations[i + 1])
        elif kind == ALLOC_ALIGNED:
            answer = alloc_aligned(operations[i + 1], operations[i + 2])
        elif kind == ALLOC_AT:
            answer = alloc_at(operations[i + 1], operations[i + 2])
        elif kind == LARGEST_FREE:
            answer = region.largest_free(operations[i + 1])
        else:
            answer = len(region.check())
        answers[at] = answer
        answers[at + 1] = region.free_frames
        answers[at + 2] = region.peak_used
        answers[at + 3] = region.failed
        at += 4


def read(words):
    """Fill the array `words` from standard input. Return False at the end of the input."""
    return sys.stdin.buffer.readinto(words) == 8 * len(words)


def serve():
    from physmem_region import Region  # imported here: the host uses this module's constants and has no engine

    header = array("q", bytearray(4 * 8))
    while read(header):
        frames, first_number, attrs, count = header
        region = Region("soak", first_number * FRAME_SIZE, frames * FRAME_SIZE, FRAME_SIZE, attrs)
        operations = array("q", bytearray(3 * 8 * count))
        if not read(operations):
            return
        answers = array("i", bytearray(4 * 4 * count))
        answers_of(region, operations, answers)
        sys.stdout.buffer.write(answers)


if __name__ == "__main__":
    serve()
