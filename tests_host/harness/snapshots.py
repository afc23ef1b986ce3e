"""Snapshots as a board would tell them, made from what they are to have."""

import json

from look.history import History
from look.snapshot import parse

BASE, FRAME_SIZE = 0x20000000, 4096
VERSION = "9.8.7"


def with_free_runs(taken, frames):
    """Return the runs of a region of `frames` frames, of which `taken` are not free: lists, as JSON has them."""
    runs, end = [], 0
    for first, count, *rest in [*taken, (frames, 0)]:
        if first > end:
            runs.append([end, first - end, "free"])
        if count:
            runs.append([first, count, *rest])
        end = first + count
    return runs


def region_of(name="sram", frames=64, taken=(), **more):
    """Return a region of a snapshot as a dict, with the counters that follow from `taken`, or `more` instead."""
    runs = with_free_runs(taken, frames)
    free = [count for _, count, state, *_ in runs if state == "free"]
    used = frames - sum(free)
    return {
        "name": name, "base": BASE, "frame_size": FRAME_SIZE, "frames": frames, "attributes": "DMA", "used": used,
        "peak": used, "failed": 0, "largest": max(free, default=0), "runs": runs, **more,
    }  # fmt: skip


def snapshot_of(*regions, ticks_ms=0):
    """Return the Snapshot of these regions."""
    return parse(json.dumps({"version": VERSION, "board": "a board", "ticks_ms": ticks_ms, "regions": regions}))


def history_of(*snapshots):
    """Return the History of these snapshots, of a board that did not restart."""
    history = History()
    for snapshot in snapshots:
        history.add(snapshot)
    return history
