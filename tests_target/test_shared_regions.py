"""A SHARED region beside a plain one: the same results, frames and counts, whatever is called.

The lock that a SHARED region takes must show in nothing but time. test_interrupted_calls.py and test_interrupts.py,
which run on the boards, test what happens when an interrupt comes in between.
"""

import physmem
from random_numbers import RandomNumbers
from support import fresh_physmem, raises, scaled

BASE = 0x60000000  # a big integer on 32-bit boards
FRAME_SIZE = 256


class Twins:
    """A plain and a SHARED region of the same frames, which do everything together."""

    def __init__(self, frames, first_number, module=physmem):
        base = BASE + first_number * FRAME_SIZE
        self.frames = frames
        self.plain = module.Region("plain", base, frames * FRAME_SIZE, FRAME_SIZE)
        self.shared = module.Region("shared", base, frames * FRAME_SIZE, FRAME_SIZE, module.SHARED)

    def do(self, name, *arguments):
        """Call the method of that name on both. The results are the same, and so is everything you can see."""
        answer = getattr(self.plain, name)(*arguments)
        other = getattr(self.shared, name)(*arguments)
        assert answer == other, "%s%r of %d frames: %r, not %r" % (name, arguments, self.frames, other, answer)
        for count in ("free_frames", "peak_used", "failed"):
            assert getattr(self.plain, count) == getattr(self.shared, count), (name, arguments, count)
        return answer

    def same(self):
        assert list(self.plain.runs()) == list(self.shared.runs())
        for align in (1, 4, 64):
            self.do("largest_free", align)
        assert self.plain.check() == self.shared.check() == []


BAD_CALLS = (
    ("alloc", 0),
    ("alloc", -1),
    ("alloc", 1 << 30),
    ("alloc", (1 << 64) + 1),
    ("alloc_aligned", 0, 4),
    ("alloc_aligned", 1, 3),
    ("alloc_aligned", 1, 0),
    ("alloc_at", 0, 0),
    ("alloc_at", -1, 1),
    ("alloc_at", 0, 1 << 20),
    ("free", -1),
    ("free", 1 << 20),
    ("free", (1 << 32) + 1),
)


def test_calls_have_the_same_answers():
    """Seeded raw calls and allocations by constraints, good and bad, on regions of many sizes."""
    numbers = RandomNumbers(37)
    below = numbers.below
    granted = failed = 0
    for frames in (1, 31, 32, 33, 100, 1000, 1025, 2100, 33000)[: scaled(9, 8)]:
        twins = Twins(frames, below(1 << 10))
        live = []
        for step in range(scaled(1500, 150)):
            kind = below(12)
            n = 1 + below(40) if below(8) else 1 + below(frames + 1)
            answer = -1
            if kind < 3:
                answer = twins.do("alloc", n)
            elif kind < 5:
                answer = twins.do("alloc_aligned", n, 1 << below(9))
            elif kind == 5:
                answer = twins.do("alloc_at", below(frames), n)
            elif kind == 6:
                boundary = 0 if below(2) else 64 * FRAME_SIZE
                low = BASE + below(frames) * FRAME_SIZE if below(2) else 0
                answer = twins.do("allocate_within", min(n, 64), FRAME_SIZE << below(4), boundary, low, None)
            elif kind == 7:
                assert twins.do(*numbers.choice(BAD_CALLS)) < 0
            elif kind == 8:
                frame = below(frames)
                if frame not in live:
                    assert twins.do("free", frame) == physmem.NOT_ALLOCATED
            elif live:
                assert twins.do("free", live.pop(below(len(live)))) > 0
            if answer >= 0:
                live.append(answer)
                granted += 1
            if step % 50 == 0:
                twins.same()
        for frame in live:
            assert twins.do("free", frame) > 0
        twins.same()
        failed += twins.plain.failed
    assert granted > 100 and failed > 20  # the mixture tries both


def test_owners_of_shared_frames():
    """Allocation, split, merge, deferral and free of frames in a SHARED region of the system."""
    module = fresh_physmem()
    twins = Twins(40, 3, module)
    module.init([twins.shared])
    shared = twins.shared
    whole = module.allocate_frames(10, require=module.SHARED)
    assert whole.region is shared and (whole.first, whole.count) == (0, 10)
    head, rest = whole.split_at(4)
    raises(module.PhysMemError, whole.free, code="NotAllocated")
    assert [(first, count) for first, count, free in shared.runs() if not free] == [(0, 4), (4, 6)]
    middle, one, last = rest.split_range(2, 1)
    assert middle.merge(one) is middle and middle.count == 3
    assert head.free() == 4 and shared.alloc(5) == 10 and shared.alloc(4) == 0
    assert middle.merge(last).free() == 6
    frames, action = module.allocate_frames_deferred(6)
    action.commit()
    assert frames.first == 4 and frames.free() == 6
    assert shared.free(0) == 4 and shared.free(10) == 5
    assert shared.used_frames == 0 and shared.peak_used == 15 and module.check() == []
