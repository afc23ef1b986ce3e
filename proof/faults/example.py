"""A map and a call: an example for which machine code does not do what it should, in words and as a drawing."""

from dataclasses import dataclass, replace

from proof.source import reference

_SMALL = 1 << 30  # small integers are less
_PER_LINE = 32  # frames of a drawing


@dataclass(frozen=True)
class Map:
    """A region: which frames are free, and at which an allocation starts, bit i for frame i; and its history."""

    frames: int
    is_free: int
    is_start: int
    phase: int = 0
    fewest: int = 0
    failed: int = 0
    version: int = 0
    lock: int = 0

    @classmethod
    def of_words(cls, words):
        """Return the Map of the words of a small region, by the names that `regions.SmallMap` gives them."""
        row, starts = (
            sum(word << 32 * int(name.split()[1]) for name, word in words.items() if name.startswith(f"{kind} "))
            for kind in ("row", "starts")
        )
        frames = words["frames"]
        counts = {name: words[name] for name in ("phase", "fewest", "failed", "version", "lock")}
        return cls(frames, row, starts & ((1 << frames) - 1), **counts)

    @classmethod
    def of_state(cls, state):
        """Return the Map of a state, an array of words."""
        frames = state[0]
        words = (frames + 31) >> 5
        rows = [
            sum(state[first + number] << 32 * number for number in range(words))
            for first in (reference.ROW, reference.starts_of(state))
        ]
        phase, fewest, failed = (state[each] for each in (reference.PHASE, reference.FEWEST, reference.FAILED))
        starts = rows[1] & ((1 << frames) - 1)
        return cls(frames, rows[0], starts, phase, fewest, failed, state[reference.VERSION], state[reference.LOCK])

    def free_frames(self):
        return self.is_free.bit_count()

    def state(self):
        """Return the state, an array of words."""
        state = reference.new_state(self.frames, self.phase, self.lock)
        starts = reference.starts_of(state)
        for number in range((self.frames + 31) >> 5):
            state[reference.ROW + number] = self.is_free >> 32 * number & 0xFFFFFFFF
            state[starts + number] = (self.is_start | 1 << self.frames) >> 32 * number & 0xFFFFFFFF
        reference.rebuild(state)
        state[reference.FEWEST], state[reference.FAILED] = self.fewest, self.failed
        state[reference.VERSION] = self.version
        return state

    def allocations(self):
        """Return (first frame, number of frames) of each allocation."""
        found = []
        for frame in range(self.frames):
            if self.is_start >> frame & 1:
                found.append([frame, 0])
            if not self.is_free >> frame & 1:
                found[-1][1] += 1
        return [tuple(each) for each in found]

    def drawn(self):
        """Return the lines of a drawing, frame by frame, as docs/engine.md has them."""
        lines = []
        for first in range(0, self.frames, _PER_LINE):
            frames = range(first, min(first + _PER_LINE, self.frames))
            if self.frames > _PER_LINE:
                lines.append(f"frames {frames[0]} to {frames[-1]}")
            lines.append("frame " + " ".join(f"{frame & 15:x}" for frame in frames))
            lines += [
                f"{name} " + " ".join(str(row >> frame & 1) for frame in frames)
                for name, row in (("free ", self.is_free), ("start", self.is_start))
            ]
        return lines


@dataclass(frozen=True)
class Call:
    """A call. `name` and `arguments` are those of a raw call; `is_direct`: whether it is made as one, or as a call of
    `serve`. `is_masked`: interrupts are masked; `exception`: the number of the one whose handler calls."""

    name: str
    arguments: tuple
    is_direct: bool = False
    is_masked: bool = False
    exception: int = 0

    def __str__(self):
        """Return the call in the words of the contract, such as "alloc_at(33, 2)"."""
        return f"{self.name}({', '.join(map(str, self.arguments))})"

    def operands(self):
        """Return what and how of `serve`."""
        first, *second = self.arguments
        how = {"alloc": -1, "free": 0, "alloc_at": second and second[0], "alloc_aligned": second and -second[0]}
        return first, how[self.name]

    def is_for_serve(self, frames):
        """Return whether `serve` may be called so, for a region with that many frames."""
        first, *second = self.arguments
        if not 0 <= first < _SMALL or second and not 1 <= second[0] < _SMALL:
            return False
        if self.name == "alloc_at":
            return first + second[0] <= frames
        return self.name != "alloc_aligned" or first >= 1 and second[0] & (second[0] - 1) == 0

    def made_by_engine(self, state):
        """Make the call with the engine in Python, which changes the state. Return the result."""
        if self.is_direct:
            return reference.call(state, self.name, *self.arguments, exception=self.exception)
        return reference.serve(state, *self.operands(), self.exception)

    def made_by(self, machine, state):
        """Make the call with machine code, which changes the state. Return the result. Raise Fault if it goes wrong."""
        machine.is_masked, machine.exception = self.is_masked, self.exception
        if self.is_direct:
            return machine.direct(state, self.name, *self.arguments)
        return machine.serve(state, *self.operands())


@dataclass(frozen=True)
class Example:
    """A Call on a Map."""

    map: Map
    call: Call

    @classmethod
    def of_counterexample(cls, example):
        """Return the Example of what a theorem on small regions raises: its `example`."""
        what, how = example["call"]
        how -= how >> 31 << 32
        call = Call(*named(what, how), is_masked=example["masked"], exception=example["exception"])
        return cls(Map.of_words(example["state"]), call)

    def right(self):
        """Return (result, Map) of what must come."""
        state = self.map.state()
        return self.call.made_by_engine(state), Map.of_state(state)

    def with_map(self, **changes):
        return replace(self, map=replace(self.map, **changes))

    def with_call(self, **changes):
        return replace(self, call=replace(self.call, **changes))


def named(what, how):
    """Return (name, arguments) of the raw call that `serve` does with these arguments."""
    if how == -1:
        return "alloc", (what,)
    if how == 0:
        return "free", (what,)
    return ("alloc_at", (what, how)) if how > 0 else ("alloc_aligned", (what, -how))


def result_in_words(result):
    """Return a result of a raw call as text: a frame or a number of frames, or the name of an error."""
    names = [name for name, number in vars(reference.engine).items() if name.isupper() and number == result < 0]
    return f"{result} ({names[0]})" if names else str(result)
