"""What a board said in one look: its regions, their runs of frames, and what follows from them by arithmetic."""

import json
from dataclasses import dataclass, field

STATES = ("free", "allocated", "mapped", "retained", "guard", "firmware")


class SnapshotError(ValueError):
    """A text is not a snapshot of on_board.py."""


@dataclass(frozen=True)
class Run:
    """`count` frames from the frame `first` on that are free together, or one allocation."""

    first: int
    count: int
    state: str
    owner: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Region:
    """One region: counts are in frames, `base` and `frame_size` in bytes."""

    name: str
    base: int
    frame_size: int
    frames: int
    attributes: str
    used: int
    peak: int
    failed: int
    largest: int
    runs: tuple = field(repr=False)

    @property
    def free(self):
        return self.frames - self.used

    @property
    def end(self):
        """The address behind the region."""
        return self.base + self.frames * self.frame_size

    @property
    def is_of_the_firmware(self):
        return all(run.state == "firmware" for run in self.runs)

    @property
    def is_of_one_moment(self):
        """Whether the runs agree with the counters; they do not if a handler allocated while the board told them."""
        taken = [run for run in self.runs if run.state != "free"]
        longest = max((run.count for run in self.runs if run.state == "free"), default=0)
        return sum(run.count for run in taken) == self.used and longest == self.largest

    def fragmentation(self):
        """Return the share of the free frames, 0 to 1, that are outside of the largest free run; None if none is
        free."""
        return 1 - self.largest / self.free if self.free else None

    def address(self, frame):
        """Return the address of `frame`, a number from the start of the region, in bytes."""
        return self.base + frame * self.frame_size

    def allocations(self):
        """Return {(first, count)} of what is allocated: not of guards, nor of the firmware's memory."""
        return {(run.first, run.count) for run in self.runs if run.state in ("allocated", "mapped", "retained")}


@dataclass(frozen=True)
class Snapshot:
    """All regions of a board, and what the look took: `us` microseconds and `heap` bytes (None: not measured)."""

    version: str
    board: str
    ticks_ms: int
    regions: tuple
    us: int | None
    heap: int | None
    text: str = field(repr=False, compare=False)

    def as_dict(self):
        """Return the snapshot as on_board.py wrote it."""
        return json.loads(self.text)

    def region(self, name):
        """Return the Region of that name, or None."""
        return next((region for region in self.regions if region.name == name), None)

    def place(self, name, frame):
        """Return the address of `frame` in the region `name` as text, also if that region is no longer there."""
        region = self.region(name)
        return f"frame {frame}" if region is None else f"{region.address(frame):#010x}"

    def owners(self):
        """Return the owners of all runs, each once, in the order of their addresses."""
        return list(dict.fromkeys(run.owner for region in self.regions for run in region.runs if run.owner is not None))


def _region(entry):
    runs = tuple(Run(*run) for run in entry["runs"])
    region = Region(**{**entry, "runs": runs})
    frame = 0
    for run in runs:
        if run.first != frame or run.count < 1 or run.state not in STATES:
            raise SnapshotError(f"the runs of {region.name} do not follow each other: {run} should start at {frame}")
        frame += run.count
    if frame != region.frames:
        raise SnapshotError(f"the runs of {region.name} have {frame} frames, and the region has {region.frames}")
    return region


def parse(text):
    """Return the Snapshot that `text` of on_board.py says; SnapshotError if `text` is not a snapshot."""
    try:
        found = json.loads(text)
        regions = tuple(_region(entry) for entry in found["regions"])
        cost = found.get("cost", {})
        return Snapshot(
            found["version"], found["board"], found["ticks_ms"], regions, cost.get("us"), cost.get("heap"), text
        )
    except SnapshotError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sentence = f"the board sent {text[:80]!r}, which is not a snapshot ({error}): have handlers print nothing"
        raise SnapshotError(sentence) from error
