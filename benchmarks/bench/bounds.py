"""Compare the figures of measure.py with what the raw calls and objects may cost at most, row by row."""

from dataclasses import dataclass

HALF_FULL = "128 KiB, half full"


@dataclass(frozen=True)
class Row:
    """One bound: what is measured, the figure, its maximum, the rule that gives the maximum, and the peers' figures."""

    measure: str
    figure: float
    bound: float
    rule: str
    peers: str = ""

    @property
    def met(self):
        return self.figure <= self.bound


def rows(figures):
    """Return the rows for *figures*; those about metadata come last."""
    floor = figures["floor"]
    pairs = figures["free(alloc(n)) in an empty region"]
    shared = figures["free(alloc(n)) in an empty SHARED region"]
    _, p99, _ = figures["mixed load"]["75 % used"]["operation"]
    worst = figures["worst of the maps tried"].values()
    by_frames = figures["alloc and free by size of region"]
    smallest, largest = min(by_frames, key=int), max(by_frames, key=int)
    heap = figures["garbage-collected heap"][HALF_FULL]
    found = [
        Row(
            "free(alloc(1))",
            pairs["1"],
            2.5 * floor,
            "2.5 x floor",
            "o1heap 468, Zephyr 535, NuttX 547, TLSF 614, TLSF frame-aligned 775",
        ),
        Row("free(alloc(n)), n = 2..32, the worst", max(pairs[str(n)] for n in range(2, 33)), 3 * floor, "3 x floor"),
        Row("free(alloc(1)) in a SHARED region", shared["1"], 3.5 * floor, "3.5 x floor"),
        Row(
            "one raw operation, mixed load at 75 %: 99th percentile",
            p99,
            1.5 * floor,
            "1.5 x floor",
            "",
        ),
        Row(
            "alloc(n), n a power of two, or any free: the worst of the bitmaps tried",
            max(entry["instructions"] for entry in worst),
            2500,
            "",
            "NuttX 5,504, Zephyr 112,437, TLSF 444, o1heap 254",
        ),
        Row(
            f"alloc(1) and its free, {int(largest):,} frames",
            by_frames[largest]["alloc(1)"]["empty"],
            1.1 * by_frames[smallest]["alloc(1)"]["empty"],
            f"1.1 x that of {smallest} frames",
        ),
        Row(
            "requests refused although they could be met",
            sum(load["refused although it could be met"] for load in figures["mixed load"].values()),
            0,
            "",
            "NuttX 666 of 1,333",
        ),
        Row(
            f"allocate_frames(1).free(), heap of {HALF_FULL}: mean",
            heap["allocate_frames(1).free()"][0],
            heap["bytearray(4096)"][0] / 10,
            "a tenth of bytearray(4096) there",
        ),
        Row("bytes of heap used by the raw calls", figures["bytes of heap used by raw calls"], 0, ""),
    ]
    found += [
        Row(
            f"bytes of metadata, {int(frames):,} frames",
            region["bytes of metadata"],
            region["bytes at most"],
            "2 1/4 bits a frame, 64 bytes",
        )
        for frames, region in figures["RAM by frames of a region"].items()
    ]
    return found
