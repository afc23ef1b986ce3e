"""Search for the map and the request that cost most instructions, on the board itself.

A *kind* of request is ``(call, n)``: alloc, alloc_aligned, alloc_at or free of n frames; n = 0 means any number. The
alignment can be any power of two from 2, the place any frame; alloc_natural is alloc_aligned(n, n). A result is
``(instructions, arguments, map)``, with the map as letters (adversary_map).

There are four methods: `combs` tries regular maps made by hand, `exhaustive` tries every map of a small window, `climb`
changes a map at random and keeps what costs more, `simplify` makes a map simpler without making it cheaper.
"""

from adversary_map import BODY, FREE, HEAD, Trial
from micropython import const
from random_numbers import RandomNumbers

BACKGROUNDS = ("used as one", "used frame by frame", "free", "every second frame free")
"""What surrounds a window, and what a climb starts from."""
_AROUND_WORDS = (31, 32, 33, 64)  # numbers of frames that `exhaustive` requests besides those up to the window's width
_DEEPEST = const(64)  # instructions that a step of `climb` may lose at the start
_NOTHING = (0, (), b"")

_trials = {}


def _trial(frames, shared):
    """Return the Trial for that kind of region. Only one is kept, because each takes heap."""
    if (frames, shared) not in _trials:
        _trials.clear()
        _trials[frames, shared] = Trial(frames, shared)
    return _trials[frames, shared]


class Candidate:
    """A map and a request of one kind, whose cost can be counted."""

    def __init__(self, kind, frames, shared):
        self.trial = _trial(frames, shared)
        call, n = kind
        self.natural = call == "alloc_natural"
        self.call = "alloc_aligned" if self.natural else call
        self.any = n == 0
        self.n = n or 1
        self.align = 2
        self.place = 0

    def begin(self, start):
        """Start from an earlier result, or from the background with that number."""
        trial = self.trial
        if isinstance(start, int):
            trial.map[:] = background(trial.frames, start)
            return
        _, arguments, trial.map[:] = start
        if self.call in ("alloc", "alloc_aligned"):
            self.n = arguments[0]
            self.align = arguments[-1]
            return
        self.place = arguments[0]
        trial.set()
        self.n = arguments[1] if self.call == "alloc_at" else trial.region.count(self.place)

    def arguments(self):
        """Return the arguments of the call."""
        if self.call == "alloc":
            return (self.n,)
        if self.call == "alloc_aligned":
            return self.n, self.n if self.natural else self.align
        if self.call == "free":
            return (self.place,)
        return self.place, self.n

    def cost(self):
        """Put what the request needs on the map, make the region match it, and count the call."""
        n, place, frames = self.n, self.place, self.trial.map
        end = place + n
        if self.call == "free":
            frames[place:end] = b"=" * n
            frames[place] = HEAD
            if end < len(frames) and frames[end] == BODY:
                frames[end] = HEAD
        elif self.call == "alloc_at":
            frames[place:end] = b"." * n
        self.trial.set()
        return self.trial.cost(self.call, *self.arguments())[0]

    def found(self, cost):
        """Return this candidate as a result with that cost."""
        return cost, self.arguments(), bytes(self.trial.map)


def _fill(frames, first, pattern, last):
    """Repeat `pattern` over the map from `first` up to the `last` frames, which become free."""
    end = len(frames) - last
    count = end - first
    if count > 0:
        frames[first:end] = (pattern * (count // len(pattern) + 1))[:count]
    frames[end:] = b"." * last


def combs(kind, frames, shared, offsets, holes, teeth, lasts, aligns):
    """Return the most expensive comb: holes (runs of free frames) between teeth (allocations).

    The comb starts at an offset, with the frames before it in use, and the last frames are free. All combinations of
    these numbers of frames and of the alignments are tried.
    """
    candidate = Candidate(kind, frames, shared)
    made = candidate.trial.map
    best = _NOTHING
    for hole in holes:
        for tooth in teeth:
            pattern = b"." * hole + b"[" + b"=" * (tooth - 1)
            for offset in offsets:
                for last in lasts:
                    made[:] = b"=" * frames
                    _fill(made, offset, pattern, last)
                    for align in aligns:
                        candidate.align = align
                        cost = candidate.cost()
                        if cost > best[0]:
                            best = candidate.found(cost)
    return best


def background(frames, number):
    """Return the map of that many frames which BACKGROUNDS names at `number`."""
    pattern = (b"=", b"[", b".", b".[")[number]
    return (pattern * frames)[:frames]


def _next_window(window):
    """Make `window` the next of all strings of the three letters. Return False after the last."""
    for i in range(len(window)):
        if window[i] != HEAD:
            window[i] = BODY if window[i] == FREE else HEAD
            return True
        window[i] = FREE
    return False


def exhaustive(frames, shared, first, width, number):
    """Try every map of the `width` frames from `first`, on the background with that number, with every request.

    The requests are alloc(n) and alloc_aligned(n, align) for n of 1 .. width and around 32 and 64, alloc_at of every
    run of free frames in the window, and free of each allocation that starts there. Return the number of maps, the
    number of calls, and the most expensive result of each kind.
    """
    trial = _trial(frames, shared)
    trial.map[:] = background(frames, number)
    best = {}
    maps = calls = 0

    def note(n, call, *arguments):
        cost, answer = trial.cost(call, *arguments)
        if call == "free":
            n = answer
        for kind in ((call, n), (call, 0)) if n & (n - 1) == 0 else ((call, 0),):
            if cost > best.get(kind, _NOTHING)[0]:
                best[kind] = cost, arguments, bytes(trial.map)

    end = first + width
    around = bytes(trial.map[end : end + 1])  # the frame after the window may become the first frame of an allocation
    window = bytearray(b"." * width)
    more = True
    while more:
        if b".=" not in window:
            trial.map[first : end + 1] = bytes(window) + around
            trial.set()
            maps += 1
            for n in list(range(1, width + 1)) + list(_AROUND_WORDS):
                if n <= frames:
                    note(n, "alloc", n)
                    align = 2
                    while align <= 2 * width:
                        note(n, "alloc_aligned", n, align)
                        calls += 1
                        align += align
                    calls += 1
            for frame in range(first, end):
                if trial.map[frame] == HEAD:
                    note(0, "free", frame)
                    calls += 1
                n = 1
                while frame + n <= end and trial.map[frame + n - 1] == FREE:
                    note(n, "alloc_at", frame, n)
                    calls += 1
                    n += 1
        more = _next_window(window)
    return maps, calls, best


def _slice(random, frames):
    """Return ``(first, end)`` of a random run of frames, short or long; every second one consists of whole words."""
    bits = 1
    while 1 << bits < frames:
        bits += 1
    length = 1 + random.below(1 << random.below(bits + 1))
    first = random.below(frames)
    if random.below(2):
        first &= ~31
        length = (length + 31) & ~31
    return first, min(first + length, frames)


def _change_map(made, random):
    """Change the map in one of eight random ways."""
    frames = len(made)
    first, end = _slice(random, frames)
    length = end - first
    way = random.below(8)
    if way == 0:  # one frame is allocated or becomes free
        made[first] = HEAD if made[first] == FREE else FREE
    elif way == 1:  # an allocation is split, or two are joined
        if made[first] != FREE:
            made[first] = HEAD + BODY - made[first]
    elif way == 2:  # a run becomes free, one allocation, or many
        made[first:end] = random.choice((b".", b"=", b"[")) * length
    elif way == 3:  # a run becomes a copy of another
        other = random.below(frames - length + 1)
        if random.below(2):
            other &= ~31
        made[first:end] = made[other : other + length]
    elif way == 4:  # a run is repeated
        times = 1 + random.below(frames // length)
        last = min(end + times * length, frames)
        made[end:last] = (bytes(made[first:end]) * times)[: last - end]
    elif way == 5:  # everything from here on moves up or (way 6) down
        if end < frames:
            made[end:] = made[first : first + frames - end]
    elif way == 6:
        if end < frames:
            made[first : first + frames - end] = made[end:]
    else:  # a run of frames grows by one
        letter = made[first]
        while first < frames and made[first] == letter:
            first += 1
        if first < frames:
            made[first] = letter


def _change_request(candidate, random):
    """Change the parts of the request that its kind leaves open."""
    frames = candidate.trial.frames
    if candidate.any:
        if random.below(3) == 0:
            candidate.n = 1 + random.below(64 if random.below(2) else frames)
        else:
            candidate.n += random.below(5) - 2
        candidate.n = max(1, min(candidate.n, frames))
    way = random.below(3)
    if way == 0:
        candidate.align = 2
        while candidate.align < frames and random.below(4):
            candidate.align += candidate.align
    elif way == 1:
        candidate.place = random.below(frames)
    else:
        candidate.place += random.below(65) - 32
    candidate.place = max(0, min(candidate.place, frames - candidate.n))


def climb(kind, frames, shared, seed, steps, start):
    """Change the map or the request `steps` times, and return the most expensive result, including the start.

    A change is undone if it makes the call too much cheaper: by more than _DEEPEST instructions at first, by any number
    in the second half (threshold accepting, Dueck and Scheuer 1990). `start` is an earlier result, or the number of a
    background.
    """
    candidate = Candidate(kind, frames, shared)
    candidate.begin(start)
    made = candidate.trial.map
    random = RandomNumbers(seed)
    cost = candidate.cost()
    best = candidate.found(cost)
    kept = bytearray(made)
    for step in range(steps):
        request = candidate.n, candidate.align, candidate.place
        if random.below(4) == 0:
            _change_request(candidate, random)
        else:
            for _ in range(1 + random.below(2)):
                _change_map(made, random)
        new = candidate.cost()
        if new >= cost - max(0, _DEEPEST - 2 * _DEEPEST * step // steps):
            cost = new
            kept[:] = made
            if cost > best[0]:
                best = candidate.found(cost)
        else:
            made[:] = kept
            candidate.n, candidate.align, candidate.place = request
    return best


def simplify(kind, frames, shared, start, least):
    """Return a simpler map that costs no less than the earlier result `start`.

    Each half, quarter and so on, down to `least` frames, becomes all free or all in use, or its allocations become one,
    wherever that does not make the call cheaper.
    """
    candidate = Candidate(kind, frames, shared)
    candidate.begin(start)
    made = candidate.trial.map
    best = candidate.found(candidate.cost())
    kept = bytearray(made)
    length = frames
    while length >= least:
        for first in range(0, frames, length):
            old = bytes(made[first : first + length])
            for new in (b"=" * len(old), b"." * len(old), old.replace(b"[", b"=")):
                if new == old or (length == 1 and old == b"="):
                    continue
                made[first : first + length] = new
                cost = candidate.cost()
                if cost >= best[0]:
                    best = candidate.found(cost)
                    kept[:] = made
                    break
                made[:] = kept
        length >>= 1
    return best
