"""What physmem may cost at most: a row for each aim, with its figure from measure.py and what the peers cost."""

from dataclasses import dataclass

from bench.footprint import ALONE, EVERYTHING, FIRST_REGION, RAW

HALF_FULL = "128 KiB, half full"
KIB = 1024

CALLS, KEEPING, KEPT_PROMISES = "calls", "keeping", "kept promises"
"""The parts that the rows belong to: what a call costs; what it costs to have the library; what must not get worse."""

INSTRUCTIONS, BYTES, TIMES, REQUESTS = "instructions", "bytes", "x", "requests"


@dataclass(frozen=True)
class Row:
    """What is measured, its figure, the most that it may be (None: it has no bound), and what you have otherwise."""

    part: str
    measure: str
    figure: float
    bound: float | None
    otherwise: str = ""
    unit: str = INSTRUCTIONS

    @property
    def met(self):
        return self.bound is None or self.figure <= self.bound


def _worst(figures, call):
    """Return the highest count of the replayed maps whose name starts with *call*, and of the tried ones for None."""
    worst = figures["worst of the maps tried"]
    return max(entry["instructions"] for entry in worst.values() if call in (None, entry["of"]))


def _calls(figures):
    pairs = figures["free(alloc(n)) in an empty region"]
    shared = figures["free(alloc(n)) in an empty SHARED region"]
    mean, p99, _ = figures["mixed load"]["75 % used"]["operation"]
    masked = figures["longest time masked"]
    closures = figures["raw calls that are closures"]
    objects, life, owners = figures["objects"], figures["life of frames"], figures["owners"]
    heap = figures["garbage-collected heap"][HALF_FULL]
    bytearray_costs, aligned_costs = (f"{heap[name][0]:,.0f}" for name in ("bytearray(4096)", "aligned_buffer(4096)"))
    c_modules = "o1heap 468, Zephyr 535, NuttX 547, TLSF 614, TLSF aligned to frames 775"
    mixed = "TLSF aligned to frames {}, NuttX {}, Zephyr {}"
    rows = [
        ("free(alloc(1))", pairs["1"], 468, c_modules),
        ("free(alloc(1)) in a SHARED region", shared["1"], 535, ""),
        ("free(alloc(1)) where direct calls are impossible", closures["free(alloc(1))"], None, ""),
        ("free(alloc(n)), the worst n of 2 to 32", max(pairs[str(n)] for n in range(2, 33)), 680, ""),
        ("a raw call of a mixed load, 75 % used: mean", round(mean), 395, mixed.format("363", "2,826", "14,619")),
        ("the same: 99th percentile", p99, 745, mixed.format("453", "5,399", "77,809")),
        (
            "alloc(n) of a power of two, or free: the worst map tried",
            _worst(figures, "alloc, free"),
            1900,
            "NuttX 5,504, Zephyr 112,437, TLSF 444, o1heap 254",
        ),
        ("alloc_aligned, any n and alignment: the worst map tried", _worst(figures, "alloc_aligned"), 2500, ""),
        *(
            (f"interrupts masked, n = {int(n):,}", masked[n], bound, "")
            for n, bound in (("1", 150), ("32", 300), ("2048", 1300))
        ),
        ("allocate_frames(1).free()", objects["allocate_frames(1).free()"], 4000, f"bytearray(4096) {bytearray_costs}"),
        ("dma_ring(4096).free()", objects["dma_ring(4096).free()"], 7000, f"bytearray aligned by hand {aligned_costs}"),
        ("allocate_frames_deferred(1)", life["allocate_frames_deferred(1)"], 10000, ""),
        ("frames.map()", life["frames.map()"], 12000, ""),
        ("frames.unmap()", life["frames.unmap()"], 8000, ""),
        ("retain(name, 4096), new", life['retain("crash log", 4096), new'], 30000, ""),
        ("retain(name, 4096), asked for again", life['retain("crash log", 4096), asked for again'], 25000, ""),
        ("release(name)", life['release("crash log")'], 25000, ""),
        ("frames.resize(64), from 1", owners["frames.resize(64), from 1"], None, ""),
        ("with scope(): allocate_frames(1)", owners["with scope(): allocate_frames(1)"], None, ""),
        ("allocate_scattered(8)", owners["allocate_scattered(8)"], None, ""),
        ("find(addr)", owners["find(addr)"], None, ""),
        ("free_at(addr)", owners["free_at(addr)"], None, ""),
        ("frames.fill(), 4 KiB", owners["frames.fill(), 4 KiB"], None, ""),
    ]
    return [Row(CALLS, *row) for row in rows]


def _keeping(figures):
    found = []
    having = figures["having physmem"]
    for board, heap, times, start in (("RPI_PICO", 10 * KIB, 2, 4_000_000), ("MPS2_AN385", None, None, None)):
        stock, ours = having[board]["stock"], having[board]["with physmem"]
        for measure, name, bound, unit in (
            ("heap in use at the prompt, over stock", "bytes of heap at the prompt", heap, BYTES),
            ("gc.collect() at the prompt, against stock", "gc.collect() at the prompt", times, TIMES),
            ("start to the prompt, over stock", "start to the prompt", start, INSTRUCTIONS),
        ):
            figure = ours[name] / stock[name] if unit == TIMES else ours[name] - stock[name]
            otherwise = f"stock {stock[name]:,}, with physmem {ours[name]:,}"
            found.append(Row(KEEPING, f"{board}: {measure}", figure, bound, otherwise, unit))
    pico, mps2 = (figures["bytes of stack below the caller"][board] for board in ("RPI_PICO", "MPS2_AN385"))
    found += [
        Row(KEEPING, f"RPI_PICO: stack of {call}", pico[call], bound, f"MPS2_AN385 {mps2[call]:,}", BYTES)
        for call, bound in (
            ("allocate_frames(1)", 512),
            ("allocate_frames_deferred(1)", 1024),
            ("retain(name, 1024), new", 1228),
        )
    ]
    imported = figures["bytes of heap of an import from .mpy files"]
    found += [
        Row(KEEPING, f"heap of {what}, from the package `{package}`", imported[package][what], bound, "", BYTES)
        for package, most in ((RAW, 30 * KIB), (EVERYTHING, 60 * KIB))
        for what, bound in ((ALONE, None), ("import physmem", None), (FIRST_REGION, most))
    ]
    found += [
        Row(KEEPING, f"{measure}, from the package `{EVERYTHING}`", imported[EVERYTHING][what], None, "", BYTES)
        for measure, what in (
            ("heap of import physmem; physmem.boot()", "import physmem; physmem.boot()"),
            ("heap of the same and every other module", "the same and every other module"),
            ("free heap that import physmem needs", "free heap that import physmem needs"),
        )
    ]
    beside = max(_beside_the_metadata(region) for region in figures["RAM by frames of a region"].values())
    modules = figures["bytes of heap of the modules that the first Region loads"]
    found += [
        Row(KEEPING, "heap of a region beside its metadata", beside, 250, "", BYTES),
        Row(KEEPING, "heap of the modules that the first Region(...) of a program loads", modules, None, "", BYTES),
    ]
    return found


def _beside_the_metadata(region):
    """Return the bytes of heap of a Region without its metadata, which take whole blocks of 16 bytes there."""
    return region["bytes of heap of the Region"] - -(-region["bytes of metadata"] // 16) * 16


def _kept_promises(figures):
    by_frames = figures["alloc and free by size of region"]
    smallest, largest = (by_frames[size(by_frames, key=int)]["alloc(1)"]["empty"] for size in (min, max))
    refused = sum(load["refused although it could be met"] for load in figures["mixed load"].values())
    heap = figures["garbage-collected heap"][HALF_FULL]
    pair, otherwise = heap["allocate_frames(1).free()"][0], heap["bytearray(4096)"][0]
    promises = [
        ("free(alloc(1)) in 32,768 frames, against 64", largest / smallest, 1.1, "", TIMES),
        ("refused although it could be met", refused, 0, "NuttX 666 of 1,333", REQUESTS),
        ("heap used by the raw calls", figures["bytes of heap used by raw calls"], 0, "", BYTES),
        (
            f"allocate_frames(1).free(), collections included, heap of {HALF_FULL}",
            pair,
            otherwise / 10,
            f"bytearray(4096) {otherwise:,.0f}",
            INSTRUCTIONS,
        ),
    ]
    promises += [
        (f"metadata, {int(frames):,} frames", region["bytes of metadata"], region["bytes at most"], "", BYTES)
        for frames, region in figures["RAM by frames of a region"].items()
    ]
    return [Row(KEPT_PROMISES, *promise) for promise in promises]


def rows(figures):
    """Return the rows for *figures*, part by part."""
    return _calls(figures) + _keeping(figures) + _kept_promises(figures)
