"""A region of any size: its numbers are symbols, and each word that is read is one, with what is known of it.

What holds of all words is used for the words that a proof names: it asks for the facts. An *observed* word is any word
of the region: what is proven of it holds of all.
"""

from proof.contract.regions import BASE, HEADER, ROW
from proof.contract.specification import CLASSES
from proof.logic.arrays import AnyArray, Content, KnownArray
from proof.logic.terms import FALSE, any_of, bits, joined, some
from proof.machine.exploration import Segment

LARGEST_FRAMES = (1 << 30) - 1  # what the contract allows


class AnyRegion:
    """The state of a region with `frames` frames in `words` words, as symbols. `lock` is its lock word."""

    def __init__(self, solver, lock=0):
        self.solver = solver
        self.words, self.frames = some("words"), some("frames")
        self.span, self.phase = some("span"), some("phase")
        self.free, self.fewest, self.failed, self.version = (
            some(name) for name in ("free", "fewest", "failed", "version")
        )
        self.tops = [some(f"top {c}") for c in range(CLASSES)]
        self.lock = bits(lock) if isinstance(lock, int) else lock
        self.spin_lock = (self.lock.number or 0) & ~3  # the address of its register; 0: there is none
        self.spin_lock_free, self.spin_lock_taken = some("spin lock, free"), some("spin lock, taken")
        words, frames, span = self.words, self.frames, self.span
        solver.assume((frames >= 1) & (frames <= LARGEST_FRAMES))
        solver.assume(words == (frames + 31) >> 5)
        solver.assume(span < 16)
        used = (words + 31) >> 5
        solver.assume(used <= bits(32) << span)
        solver.assume((span == 0) | ((bits(32) << (span - 1)) < used))
        self.groups = ((used + (bits(1) << span) - 1) >> span) << span
        solver.assume((self.phase < 1 << 30) & (self.version < 1 << 30))
        solver.assume((self.fewest <= self.free) & (self.free <= frames))
        for top in self.tops:  # invariant 6: no group that is not there
            solver.assume((top >> (self.groups >> span)) == 0)
        self.planes_word = (words << 1) + ROW + 2
        self.row_start = bits(BASE + 4 * ROW)
        self.starts_start = self.row_start + ((words + 1) << 2)
        self.planes_start = bits(BASE) + (self.planes_word << 2)
        self.row0 = Content("row", solver, self._of_row)
        self.starts0 = Content("starts", solver, self._of_starts)
        self.planes0 = Content("planes", solver, self._of_planes, self.same_plane)
        self._small_groups = {}
        self.has_one_group_each = False  # each bit of a top, as `span` is 0
        self.watchers = []  # called with (index, word) for each word of the row that is read for the first time

    def header(self, tops=None, **changed):
        """Return the words of the header at the call, or with the ones that have `changed`."""
        named = {name: getattr(self, name) for name in HEADER if name != "planes"} | {"planes": self.planes_word}
        named |= changed
        return [*(named[name] for name in HEADER), *(tops or self.tops), self.span]

    def arrays(self):
        return {
            "header": KnownArray(self.header()),
            "row": AnyArray(self.row0.read, self.words + 1),
            "starts": AnyArray(self.starts0.read, self.words + 1),
            "planes": AnyArray(self.planes0.read, self.groups * CLASSES, same=self.same_plane),
            **({"spin lock": KnownArray([self.spin_lock_free])} if self.spin_lock else {}),
        }

    def segments(self):
        return [
            Segment("header", BASE, ROW),
            Segment("row", self.row_start, self.words + 1),
            Segment("starts", self.starts_start, self.words + 1),
            Segment("planes", self.planes_start, self.groups * CLASSES),
            *([Segment("spin lock", self.spin_lock, 1)] if self.spin_lock else []),
        ]

    # Addresses.

    def R(self, word):
        return self.row_start + (word << 2)

    def S(self, word):
        """The address of the word of starts."""
        return self.starts_start + (word << 2)

    def planes_of(self, group):
        return self.planes_start + group * (4 * CLASSES)

    def plane_index(self, word, c):
        return (word >> 5) * CLASSES + c

    def row_end(self):
        return self.R(self.words)

    # What is known of words before a call.

    def _of_row(self, index, word):
        behind = self.frames - (index << 5)  # frames of the region from this word on
        last = self.words - 1
        self.solver.assume((index > last).implies(word == 0))
        self.solver.assume(((index <= last) & (behind < 32)).implies((word >> behind) == 0))
        for watch in self.watchers:
            watch(index, word)

    def _of_starts(self, index, word):
        behind = self.frames - (index << 5)
        is_behind = (index << 5) > self.frames
        self.solver.assume(is_behind.implies(word == 0))
        self.solver.assume((~is_behind & (behind < 32)).implies((word >> behind) == 1))
        self.solver.assume((word & self.row0.read(index)) == 0)

    def know_classes(self, word, classes=range(CLASSES)):
        """Invariant 5 of the word, which is in the region."""
        for c in classes:
            plane = self.planes0.read(self.plane_index(word, c))
            run = run_starts(self.row0.read(word), self.row0.read(word + 1), c)
            self.solver.assume((word < self.words).implies(plane.bit(word & 31).same_as(run)))

    def know_order(self, group):
        """Invariant 5 of all words of the group: as a run of 2 ** (c + 1) frames has one of 2 ** c, each plane has only
        words that the plane below has. `taking.order_of_classes` is the proof."""
        planes = [self.planes0.read(group * CLASSES + c) for c in range(CLASSES)]
        for lower, upper in zip(planes, planes[1:]):
            self.solver.assume((upper & ~lower) == 0)

    def group_and_class(self, index):
        """Return (group, class) of an index of the planes: six times a group, and a class. None if it does not look
        so."""
        parts, c = index.parts()
        c = _with_sign(c)
        group = bits(c // CLASSES)
        for part, factor in parts.values():
            factor = _with_sign(factor)
            if factor % CLASSES:
                return None
            group = group + part * (factor // CLASSES)
        return group, c % CLASSES

    def same_plane(self, index, other):
        """Return the Truth that two indexes of planes are equal: that their groups and their classes are, if the
        numbers of the groups are small enough for six times them."""
        found, others = self.group_and_class(index), self.group_and_class(other)
        if found is None or others is None or not self._is_small(found[0]) or not self._is_small(others[0]):
            return index == other
        return found[0] == others[0] if found[1] == others[1] else FALSE

    def _is_small(self, group):
        key = group.term.id()
        if key not in self._small_groups:
            self._small_groups[key] = group, self.solver.holds(group < 1 << 27)
        return self._small_groups[key][1]

    def _of_planes(self, index, plane):
        """What is known of a plane: no words behind the last; and invariant 6: its top bit is set if it has any.

        An index that is not six times a group, and a class, is one that nothing is known of.
        """
        if self.group_and_class(index) is None:
            return
        group, c = self.group_and_class(index)
        words = self.words - (group << 5)
        is_there = (group << 5) < self.words
        self.solver.assume(is_there | (plane == 0))
        self.solver.assume((is_there & (words < 32)).implies((plane >> words) == 0))
        self.solver.assume((plane != 0).implies(self.tops[c].bit(group >> self.span)))
        if self.has_one_group_each:
            self.solver.assume(self.tops[c].bit(group).implies(plane != 0))


def _with_sign(number):
    return number - (number >> 31 << 32)


def run_starts(word, next_word, c):
    """A run of 2 ** c free frames starts in the word; it may reach into the next one. By doubling: lemma "ladder"."""
    pair = joined([word, next_word])
    length = 1
    while length < 1 << c:
        pair = pair & (pair >> length)
        length += length
    return pair.piece(0, 32) != 0


def frames_mask(n, width=64):
    """Return the lowest `n` bits."""
    return (bits(1, width) << n.widened(width)) - 1


def place_starts(word, next_word, n, aligned):
    """`n` free frames, at most 32, start in the word at a frame of `aligned`."""
    pair, mask = joined([word, next_word]), frames_mask(n)
    return any_of(aligned.bit(place) & ((mask << place) & ~pair == 0) for place in range(32))


def aligned_frames(align, phase):
    """Return the frames of a word whose numbers are multiples of `align`, Bits, a power of two up to 32."""
    align, every = bits(align), bits(1)
    for distance in (16, 8, 4, 2, 1):
        is_more = align <= distance
        every = is_more.choose(every | (every << distance), every)
    return every << (-phase & (align - 1))
