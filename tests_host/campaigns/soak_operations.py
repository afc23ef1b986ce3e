"""Seeded operations on regions of many sizes, with the results that the placement model gives: for soak.py.

A *chunk* is OPERATIONS_OF_CHUNK operations that depend only on its number. It consists of *segments*. Each segment uses
its own region, from empty to full and back several times.
"""

import random
from array import array
from dataclasses import dataclass, field

from campaigns.soak_worker import ALLOC, ALLOC_ALIGNED, ALLOC_AT, CHECK, FRAME_SIZE, FREE, LARGEST_FREE
from models.placement_model import PlacementModel

OPERATIONS_OF_CHUNK = 50_000
SEGMENTS = 5  # of a chunk
FRAMES = (1, 31, 32, 33, 100, 1000, 4095, 4096)  # in turn, of every second segment; others have 2 to 4,096
SHARED = 32  # attribute of a region: its raw calls use the critical section

_LAST_NUMBER = (1 << 64) // FRAME_SIZE - FRAMES[-1]  # of a first frame, at most: addresses have 64 bits
_CHECK_AFTER = 1000  # operations between two probes, on average
_PHASE = 400  # operations of filling, draining or neither in a row, on average
_NAMES = {
    ALLOC: "alloc({0})",
    ALLOC_ALIGNED: "alloc_aligned({0}, {1})",
    ALLOC_AT: "alloc_at({0}, {1})",
    FREE: "free({0})",
    LARGEST_FREE: "largest_free({0})",
    CHECK: "len(check())",
}


@dataclass
class Segment:
    """Operations on one region, three integers each, and their answers, four each, as arrays for soak_worker.py."""

    frames: int
    first_number: int
    attrs: int
    operations: array = field(default_factory=lambda: array("q"))
    answers: array = field(default_factory=lambda: array("i"))

    def __len__(self):
        return len(self.answers) // 4

    def region(self):
        """Return a description of the region."""
        kind = "SHARED region" if self.attrs & SHARED else "region"
        return f"{kind} of {self.frames} frames, first number {self.first_number}"

    def call(self, i):
        """Return operation `i` as Python source."""
        return _NAMES[self.operations[3 * i]].format(*self.operations[3 * i + 1 : 3 * i + 3])

    def header(self):
        """Return the header that soak_worker.py reads before the operations."""
        return array("q", [self.frames, self.first_number, self.attrs, len(self)])


class Player:
    """Chooses operations and gets the answers from the model."""

    def __init__(self, segment, numbers):
        self.segment = segment
        self.model = PlacementModel(segment.frames, segment.first_number)
        self.numbers = numbers
        self.live = []  # first frames of allocations
        self.frees = 0.5  # the current share of operations that free
        self.short = numbers.random()  # the share of requests for a few frames, in this region
        self.longest = numbers.choice((4, 8, 40, 40, 40, 128, segment.frames))  # the most frames of a usual request
        self.calls = {
            ALLOC: lambda n, _: self.model.alloc(n),
            ALLOC_ALIGNED: self.model.alloc_aligned,
            ALLOC_AT: self.model.alloc_at,
            FREE: lambda frame, _: self.model.free(frame),
            LARGEST_FREE: lambda align, _: self.model.largest(align),
            CHECK: lambda *_: 0,
        }

    def do(self, kind, one=0, other=0):
        """Add an operation and its answer. Return the answer."""
        answer = self.calls[kind](one, other)
        if kind in (ALLOC, ALLOC_ALIGNED, ALLOC_AT) and answer >= 0:
            self.live.append(answer)
        model = self.model
        self.segment.operations.extend((kind, one, other))
        self.segment.answers.extend((answer, model.free_frames, model.peak_used, model.failed))
        return answer

    def free_one(self):
        """Free a random allocation."""
        i = int(self.numbers.random() * len(self.live))
        frame = self.live[i]
        self.live[i] = self.live[-1]
        self.live.pop()
        self.do(FREE, frame)

    def size(self):
        """Return a number of frames to request, which may or may not fit."""
        random_number = self.numbers.random
        kind = random_number()
        if kind < self.short:
            return 1 + int(random_number() * min(4, self.segment.frames))
        if kind < 0.97:
            return 1 + int(random_number() * min(self.longest, self.segment.frames))
        if kind < 0.98:
            return 1 + int(random_number() * self.segment.frames)
        runs = self.model.runs()
        if not runs:
            return 1
        # A whole run, or one frame more: ties and near misses.
        first, end = runs[int(random_number() * len(runs))]
        return min(end - first + (kind > 0.99), self.segment.frames)

    def align(self):
        """Return an alignment in frames, a power of two."""
        random_number = self.numbers.random
        return 1 << int(random_number() * (8 if random_number() < 0.95 else 30))

    def place(self):
        """Return a frame and a number of frames in the region; they are often free."""
        if self.numbers.random() < 0.5:
            runs = self.model.runs()
            if runs:
                first, end = self.numbers.choice(runs)
                frame = self.numbers.randrange(first, end)
                return frame, self.numbers.randint(1, min(end - frame + 1, self.segment.frames - frame))
        frame = self.numbers.randrange(self.segment.frames)
        return frame, min(self.size(), self.segment.frames - frame)

    def mistake(self):
        """Add a call with one mistake."""
        numbers, frames = self.numbers, self.segment.frames
        good = self.numbers.randrange(frames)
        wide = numbers.choice((-1, -frames, 1 << 30, -(1 << 30), 1 << 31, 1 << 32, -(1 << 32), -(1 << 63), 1 << 62))
        wide += good if -(1 << 62) < wide < -frames or wide > 0 else 0  # truncated, it is a frame of the region
        kind = numbers.randrange(10)
        if kind == 0:
            self.do(ALLOC, numbers.choice((0, wide, frames + 1, frames + numbers.randrange(1, 1 << 29))))
        elif kind == 1:
            self.do(ALLOC_ALIGNED, numbers.choice((0, wide, frames + 1)), self.align())
        elif kind == 2:
            self.do(ALLOC_ALIGNED, self.size(), numbers.choice((0, 3, 6, 48, (1 << 30) - 1, wide)))
        elif kind == 3:
            self.do(ALLOC_AT, good, numbers.choice((0, wide, frames + 1)))
        elif kind == 4:
            self.do(ALLOC_AT, numbers.choice((frames, wide, frames + 31)), 1)
        elif kind == 5:
            self.do(ALLOC_AT, good, frames - good + 1 if good else frames + 1)
        elif kind == 6:
            self.do(FREE, numbers.choice((frames, frames + 31, wide, (1 << 29) + good)))
        else:
            while good in self.model.allocations:  # a frame inside an allocation, or a free one
                good += 1
            self.do(FREE, good)

    def probe(self):
        """Add a call for the largest run, allocations of one frame more and of exactly that many, and a check."""
        align = self.align() if self.numbers.random() < 0.5 else 1
        largest = self.do(LARGEST_FREE, align)
        if align == 1:
            self.do(ALLOC, largest + 1)
            self.do(ALLOC, largest)
        else:
            self.do(ALLOC_ALIGNED, largest + 1, align)
            self.do(ALLOC_ALIGNED, largest, align)
        if largest:
            self.do(FREE, self.live.pop())
        self.do(CHECK)

    def one(self):
        """Add one random operation, or a few that belong together."""
        random_number = self.numbers.random
        kind = random_number()
        if random_number() < 1 / _PHASE:
            self.frees = self.numbers.choice((0.2, 0.35, 0.48, 0.65))
        if kind < self.frees:
            if self.live:
                self.free_one()
                return
            kind = self.frees
        kind = (kind - self.frees) / (1 - self.frees)
        if kind < 0.66:
            self.do(ALLOC, self.size())
        elif kind < 0.84:
            self.do(ALLOC_ALIGNED, self.size(), self.align())
        elif kind < 0.94:
            self.do(ALLOC_AT, *self.place())
        else:
            self.mistake()
        if random_number() < 1 / _CHECK_AFTER:
            self.probe()


def segments(chunk):
    """Yield the segments of the chunk with that number."""
    numbers = random.Random(chunk)
    count = OPERATIONS_OF_CHUNK // SEGMENTS
    for i in range(SEGMENTS):
        turn = SEGMENTS * chunk + i
        frames = numbers.randint(2, FRAMES[-1]) if turn % 2 else FRAMES[turn // 2 % len(FRAMES)]
        near_the_end_of_small_integers = (1 << 30) - frames // 2
        first_number = numbers.choice((0, numbers.randrange(64), 0x21000, near_the_end_of_small_integers))
        if not numbers.randrange(4):
            first_number = numbers.randrange(_LAST_NUMBER)
        segment = Segment(frames, first_number, SHARED if numbers.randrange(2) else 0)
        player = Player(segment, numbers)
        while len(segment) < count:
            player.one()
        del segment.operations[3 * count :]
        del segment.answers[4 * count :]
        yield segment
