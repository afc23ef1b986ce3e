"""What the calls cost: the figures of docs/bench.md, which `make bench` writes, by the public name that each is of."""

import re

from layers import ROOT

BENCH = ROOT / "docs" / "bench.md"
OF = {
    "Region.alloc": ("free(alloc(1))", "free(alloc(1)) in a SHARED region", "interrupts masked, n = 1"),
    "Region.free": ("free(alloc(1))", "free(alloc(1)) in a SHARED region"),
    "Region.alloc_aligned": ("alloc_aligned, any n and alignment: the worst map tried",),
    "allocate_frames": ("allocate_frames(1).free()",),
    "AllocatedFrames.free": ("allocate_frames(1).free()",),
    "dma_ring": ("dma_ring(4096).free()",),
    "allocate_frames_deferred": ("allocate_frames_deferred(1)",),
    "AllocatedFrames.map": ("frames.map()",),
    "AllocatedFrames.unmap": ("frames.unmap()",),
    "AllocatedFrames.resize": ("frames.resize(64), from 1",),
    "AllocatedFrames.fill": ("frames.fill(), 4 KiB",),
    "retain": ("retain(name, 4096), new", "retain(name, 4096), asked for again"),
    "release": ("release(name)",),
    "scope": ("with scope(): allocate_frames(1)",),
    "allocate_scattered": ("allocate_scattered(8)",),
    "find": ("find(addr)",),
    "free_at": ("free_at(addr)",),
}
"""Public name -> the rows of *What a call costs*."""
_ROW = re.compile(r"^\| ([^|]+) \| ([\d,]+) \|", re.MULTILINE)


def figures(text):
    """Return {call: instructions as text} of the first table of *text*, the page docs/bench.md."""
    part = text.split("## What a call costs", 1)[1].split("\n## ", 1)[0]
    return {call.strip(): figure for call, figure in _ROW.findall(part)}


def cost_of(name, found):
    """Return the sentence about the public *name* from the figures *found*, or "" if nothing of it is counted."""
    parts = [f"``{call}``: {found[call]}" for call in OF.get(name, ())]
    return f"{'; '.join(parts)} instructions (``make bench``)." if parts else ""
