"""The placement policies that the study compares: which free run of a region does a request of n frames use?

Each policy is a class with ``allocate(n, align) -> first frame, or -1``, ``free(first)`` and ``largest()``, the largest
request that would be met now, without alignment. Lengths and alignments are in frames; an alignment is a power of two.

All policies except `Buddy` are exact: they fail only if no run of free frames can hold the request. Inside the chosen
run, the request goes to the lowest aligned place. Requests that `TwoEnded` and `HybridFromTop` place from the top go to
the highest.
"""

from bisect import bisect_left, insort


class Exact:
    """A map of free frames without a policy: subclasses define `find`.

    `free_frames` holds one byte a frame, 1 if free, so that ``find`` of bytes finds a run. `by_length` holds
    (length, first) of each maximal run of free frames, in order. The two dictionaries lead from one end of a run to the
    other.
    """

    def __init__(self, frames):
        self.frames = frames
        self.free_frames = bytearray(b"\1" * frames)
        self.by_length = [(frames, 0)]
        self.end_of = {0: frames}
        self.first_of = {frames: 0}
        self.allocations = {}

    def find(self, n, align):
        """Return the first frame for a request of `n` frames at a multiple of `align`, or -1."""
        raise NotImplementedError

    def allocate(self, n, align=1):
        """Allocate `n` frames. Return the first, or -1."""
        first = self.find(n, align)
        if first >= 0:
            run = self.free_frames.rfind(b"\0", 0, first) + 1
            end = self.end_of[run]
            self._remove_run(run, end)
            if run < first:
                self._add_run(run, first)
            if first + n < end:
                self._add_run(first + n, end)
            self.free_frames[first : first + n] = bytes(n)
            self.allocations[first] = n
            self.changed(first, n)
        return first

    def free(self, first):
        """Free the allocation that starts at the frame `first`."""
        n = self.allocations.pop(first)
        run, end = first, first + n
        if run in self.first_of:
            run = self.first_of[first]
            self._remove_run(run, first)
        if end in self.end_of:
            end = self.end_of[first + n]
            self._remove_run(first + n, end)
        self._add_run(run, end)
        self.free_frames[first : first + n] = b"\1" * n
        self.changed(first, n)

    def changed(self, first, n):
        """Called after the `n` frames from `first` have become used or free."""

    def largest(self):
        """Return the length of the longest run of free frames."""
        return self.by_length[-1][0] if self.by_length else 0

    def first_fit(self, n, align, start=0, end=None):
        """Return the lowest place in the frames from `start` to `end`, or -1."""
        wanted = b"\1" * n
        while True:
            found = self.free_frames.find(wanted, start, self.frames if end is None else end)
            start = -(-found // align) * align
            if found < 0 or found == start:
                return found

    def best_fit(self, n, align):
        """Return the lowest place in the shortest run that can hold the request (the lowest such run), or -1."""
        for i in range(bisect_left(self.by_length, (n, 0)), len(self.by_length)):
            length, first = self.by_length[i]
            place = -(-first // align) * align
            if place + n <= first + length:
                return place
        return -1

    def best_fit_from_top(self, n, align):
        """Return the highest place in the shortest run that can hold the request (the highest such run), or -1."""
        i = bisect_left(self.by_length, (n, 0))
        while i < len(self.by_length):
            length = self.by_length[i][0]
            longer = bisect_left(self.by_length, (length + 1, 0))
            for _, first in reversed(self.by_length[i:longer]):
                place = (first + length - n) // align * align
                if place >= first:
                    return place
            i = longer
        return -1

    def _add_run(self, first, end):
        insort(self.by_length, (end - first, first))
        self.end_of[first] = end
        self.first_of[end] = first

    def _remove_run(self, first, end):
        del self.by_length[bisect_left(self.by_length, (end - first, first))]
        del self.end_of[first], self.first_of[end]


class FirstFit(Exact):
    """The lowest address. The engine uses this policy."""

    def find(self, n, align):
        return self.first_fit(n, align)


class BestFit(Exact):
    """The shortest run that can hold the request, and the lowest such run."""

    def find(self, n, align):
        return self.best_fit(n, align)


class Hybrid(Exact):
    """First fit for requests of up to `few` frames, best fit for longer ones."""

    few = 32

    def find(self, n, align):
        return self.first_fit(n, align) if n <= self.few else self.best_fit(n, align)


class HybridFromTop(Hybrid):
    """As `Hybrid`, but longer requests go to the end of the shortest run, and to the highest such run."""

    def find(self, n, align):
        return self.first_fit(n, align) if n <= self.few else self.best_fit_from_top(n, align)


class WorstFit(Exact):
    """The longest run, and the lowest such run."""

    def find(self, n, align):
        i = len(self.by_length)
        while i:
            length = self.by_length[i - 1][0]
            equals = bisect_left(self.by_length, (length, 0))
            for _, first in self.by_length[equals:i]:
                place = -(-first // align) * align
                if place + n <= first + length:
                    return place
            i = equals
        return -1


class NextFit(Exact):
    """The first place after the previous allocation; if there is none, the search restarts at the lowest address."""

    def __init__(self, frames):
        super().__init__(frames)
        self.cursor = 0

    def find(self, n, align):
        place = self.first_fit(n, align, self.cursor)
        if place < 0:
            place = self.first_fit(n, align)
        if place >= 0:
            self.cursor = place + n
        return place


class TwoEnded(Exact):
    """Requests of at least `many` frames go to the highest place, shorter ones to the lowest."""

    many = 16

    def find(self, n, align):
        if n < self.many:
            return self.first_fit(n, align)
        wanted, end = b"\1" * n, self.frames
        while True:
            found = self.free_frames.rfind(wanted, 0, end)
            place = found // align * align
            if found < 0 or found == place:
                return found
            end = place + n


class ClassFit(Exact):
    """Search by classes of words, as two-level allocators do: the lowest word of the smallest class that must suffice.

    The class of a word is floor(log2(r)), where r is the length of the longest run of free frames that starts in the
    word, at most the length of a word; if r is 0, there is no class. A request of n frames, at most a word, takes the
    first fit in the lowest word of the smallest class c with 2**c >= n. First fit serves everything else: requests for
    which no class is sure to suffice, longer requests, and aligned ones.
    """

    word = 32  # frames, a power of two

    def __init__(self, frames):
        super().__init__(frames)
        self.classes = bytearray(-(-frames // self.word))  # class + 1; 0 means no free frame
        self.changed(0, frames)

    def changed(self, first, n):
        for number in range(max(first // self.word - 1, 0), (first + n - 1) // self.word + 1):
            start, length = self.word * number, self.word
            while length and self.first_fit(length, 1, start, start + self.word - 1 + length) < 0:
                length >>= 1
            self.classes[number] = length.bit_length()

    def find(self, n, align):
        if n <= self.word and align == 1:
            for sure in range((n - 1).bit_length() + 1, self.word.bit_length() + 1):
                number = self.classes.find(sure)
                if number >= 0:
                    return self.first_fit(n, 1, self.word * number)
        return self.first_fit(n, align)


class Buddy:
    """Power-of-two blocks, with sizes rounded up.

    The lowest free block of the smallest order that suffices is halved until it fits. A freed block is joined with its
    buddy as long as the buddy is free. A region whose size is not a power of two starts as the largest blocks that fit,
    from the lowest address.
    """

    def __init__(self, frames):
        self.free_blocks = [[] for _ in range(frames.bit_length())]  # order -> sorted first frames
        self.orders = {}  # first frame of an allocation -> its order
        first = 0
        while first < frames:
            order = (frames - first).bit_length() - 1
            if first:
                order = min(order, (first & -first).bit_length() - 1)
            self.free_blocks[order].append(first)
            first += 1 << order

    def allocate(self, n, align=1):
        """Allocate a block of at least `n` and at least `align` frames. Return the first, or -1."""
        wanted = (max(n, align) - 1).bit_length()
        order = wanted
        while order < len(self.free_blocks) and not self.free_blocks[order]:
            order += 1
        if order >= len(self.free_blocks):
            return -1
        first = self.free_blocks[order].pop(0)
        while order > wanted:
            order -= 1
            insort(self.free_blocks[order], first + (1 << order))
        self.orders[first] = wanted
        return first

    def free(self, first):
        """Free the block that starts at the frame `first`."""
        order = self.orders.pop(first)
        while order < len(self.free_blocks):
            blocks, buddy = self.free_blocks[order], first ^ 1 << order
            i = bisect_left(blocks, buddy)
            if i == len(blocks) or blocks[i] != buddy:
                break
            del blocks[i]
            first &= buddy
            order += 1
        insort(self.free_blocks[order], first)

    def largest(self):
        """Return the number of frames of the largest free block."""
        return max((1 << order for order, blocks in enumerate(self.free_blocks) if blocks), default=0)


# Name -> policy, in the order of the tables.
POLICIES = {
    "first fit": FirstFit,
    "best fit": BestFit,
    "hybrid": Hybrid,
    "hybrid, top": HybridFromTop,
    "two-ended": TwoEnded,
    "class fit": ClassFit,
    "buddy": Buddy,
    "next fit": NextFit,
    "worst fit": WorstFit,
}
