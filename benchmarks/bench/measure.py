"""Measure all figures of `make bench`, as one tree of dicts with the names that build/bench.json uses.

Every figure is in instructions unless its name says bytes or bits. A list of three is [mean, 99th percentile, maximum];
None stands where every request was refused.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench import footprint
from bench.board import BOARD, COUNTING, COUNTING_STM32, STM32_BOARD, BenchBoard, compile_modules, run
from bench.firmware import BenchFirmware
from bench.trace import TracedBoard
from emulated_board import ROOT, memory_map

WORST_MAPS = ROOT / "benchmarks" / "studies" / "worst_maps.json"
"""Expensive bitmaps that a search found: a list of dicts with `frames`, `used` (a list of [first, count]), `call` (the
name of a raw call), `arguments`, `name`, and `bounded` (whether there is a bound for it)."""

FRAMES = 2048
OCCUPANCIES = (0, 50, 75, 95)
SIZES = (*range(1, 65), 100, 128, 256, 512, 1024, 2048)
"""Numbers of frames that are requested."""
ALIGNED = ((1, 4), (1, 64), (4, 4), (16, 16), (16, 64), (64, 64))
AT = (1, 16, 64)
REGION_SIZES = (64, 256, 1024, 2048, 8192, 32768)
REQUESTS = {"alloc(1)": (1, 1), "alloc(16)": (16, 1), "alloc(64)": (64, 1), "alloc_aligned(16, 16)": (16, 16)}
MASKED = (1, 2, 16, 32, 33, 64, 256, 2048)
HEAPS = (128, 512)  # KiB
STACK = "bytes of stack below the caller"
AT_ONCE = 2
"""Boards that run at the same time. Counts do not depend on it."""


def _of_three(summary):
    """Return [mean, 99th percentile, maximum] from a result of instructions.summary on the board; None from None."""
    return None if summary is None else [summary[1] / 10, *summary[2:]]


def _allocations(rows, names):
    """Return {name: figures} for *rows* of raw_calls or object_calls."""
    figures = {}
    for name, (granted, refused, alloc, free, *refusal) in zip(names, rows):
        figures[name] = {"granted": granted, "refused": refused, "alloc": _of_three(alloc), "free": _of_three(free)}
        if refusal:
            figures[name]["refusal"] = _of_three(refusal[0])
    return figures


def _map_name(percent, is_aged):
    return f"{percent} % used, {'aged' if is_aged else 'fresh'}"


def _every_map():
    return [(percent, is_aged) for percent in OCCUPANCIES for is_aged in (False, True)]


def _mixed(board, percent, *attrs):
    every, alloc, free, refusal, refused, in_vain = board.run("mixed_load.run", percent, *attrs)
    return {
        "operation": _of_three(every),
        "alloc": _of_three(alloc),
        "free": _of_three(free),
        "refusal": _of_three(refusal),
        "refused": refused,
        "refused although it could be met": in_vain,
    }


def _worst(board):
    figures = {}
    for name, least, most in (("powers of two up to 32", 1, 32), ("powers of two from 64", 64, FRAMES)):
        count, where, call = board.run("worst_case.tried", least, most)
        figures[name] = {"instructions": count, "map": where, "call": call, "of": "alloc, free"}
    found = json.loads(WORST_MAPS.read_text()) if WORST_MAPS.exists() else []
    for entry in found:
        if entry["frames"] != FRAMES:
            continue
        arguments = entry["frames"], entry["shared"], entry["used"], entry["call"], entry["arguments"]
        count = board.run("adversary_map.replay", *arguments)
        call = f"{entry['call']}({', '.join(map(str, entry['arguments']))})"
        figures[entry["name"]] = {
            "instructions": count,
            "map": WORST_MAPS.name,
            "call": call,
            "of": "alloc, free" if entry["bounded"] else entry["call"],
        }
    return figures


def _raw():
    """Measure the raw calls. Nothing here depends on the heap, so one board measures it all."""
    with BenchBoard() as board:
        shared = board.run("raw_calls.shared")

        def empty_pairs(attrs):
            return dict(zip(map(str, SIZES), board.run("raw_calls.empty_pairs", SIZES, FRAMES, attrs)))

        figures = {
            "floor": board.run("floor.run"),
            "free(alloc(n)) in an empty region": empty_pairs(0),
            "free(alloc(n)) in an empty SHARED region": empty_pairs(shared),
            "bytes of heap used by raw calls": board.run("raw_calls.heap_used"),
            "beside the raw calls": board.run("raw_calls.beside"),
            "mixed load": {
                "75 % used": _mixed(board, 75),
                "95 % used": _mixed(board, 95),
                "75 % used, SHARED": _mixed(board, 75, shared),
            },
            "worst of the maps tried": _worst(board),
        }
        maps = {}
        for percent, is_aged in _every_map():
            rows = board.run("raw_calls.by_size", SIZES, percent, is_aged)
            maps[_map_name(percent, is_aged)] = _allocations(rows, map(str, SIZES))
        figures["raw calls by number of frames"] = maps
        figures["alloc_aligned(n, align)"] = {
            _map_name(percent, True): _allocations(
                board.run("raw_calls.aligned", ALIGNED, percent), [f"{n}, {align}" for n, align in ALIGNED]
            )
            for percent in (0, 75)
        }
        figures["alloc_at(frame, n)"] = {
            _map_name(percent, True): _allocations(board.run("raw_calls.at", AT, percent), [str(n) for n in AT])
            for percent in (0, 75)
        }
        figures["alloc and free by size of region"] = {
            str(frames): {
                name: {"empty": empty, _map_name(75, True): _of_three(busy)}
                for name, (empty, busy) in zip(
                    REQUESTS, board.run("raw_calls.by_frames", frames, list(REQUESTS.values()))
                )
            }
            for frames in REGION_SIZES
        }
    return figures


def _masked():
    """Return the most consecutive instructions with interrupts masked, by number of frames, and how many instructions
    of the library's machine code a raw call and its free execute in an empty region that is not SHARED.

    The former is the longest stretch of any raw call, granted or refused, on an empty bitmap and on an aged one.
    """
    used = run("maps.aged_allocations", FRAMES, 75)
    longest = dict.fromkeys(map(str, MASKED), 0)
    with TracedBoard() as board:
        for allocations in ([], used):
            board.run("masked.set_up", FRAMES, allocations)
            for n in MASKED:
                for call, arguments in (("alloc", [n]), ("alloc_aligned", [n, 4]), ("alloc_at", [n]), ("free", [n])):
                    masked = board.longest_masked(call, *arguments)
                    longest[str(n)] = max(longest[str(n)], masked or 0)
        board.run("masked.set_up", FRAMES, [], 0)
        for _ in range(2):  # the first allocation in a region has a peak to store
            executed = {f"{call} of 1 frame": len(board.executed(call, 1)) for call in ("alloc", "free")}
    return {"longest time masked": longest, "instructions in the machine code of the library": executed}


def _objects(percent, is_aged):
    """Measure objects by number of frames on one bitmap."""
    rows = run("object_calls.by_size", SIZES, percent, is_aged)
    return {"objects by number of frames": {_map_name(percent, is_aged): _allocations(rows, map(str, SIZES))}}


def _heap(firmware, kibibytes, percent):
    """Measure memory from the garbage-collected heap, on a heap of that size, nearly empty or half full."""
    name = f"{kibibytes} KiB, {'half full' if percent else 'with nothing but this program in it'}"
    with BenchBoard() as board:
        if kibibytes << 10 < memory_map(BOARD)["GC_HEAP_SIZE"]:
            bounds = (*firmware.symbols["mp_state_ctx"], *firmware.symbols["gc_heap"])
            board.run("heap.cut", *bounds, kibibytes << 10)
        counts = board.run("heap.run", percent)
    counts = {statement: _of_three(summary) for statement, summary in counts.items()}
    return {"garbage-collected heap": {name: counts}}


def _memory():
    """Measure the RAM of regions, in bytes."""
    regions = {}
    for frames in REGION_SIZES:
        with BenchBoard() as board:
            heap = board.run("region_memory.heap", frames)
            metadata = board.run("region_memory.metadata", frames)
        words = (frames + 31) // 32
        groups = (words + 31) // 32
        regions[str(frames)] = {
            "bytes of metadata": metadata,
            # 2 bits a frame rounded up to words, plus 3/16 bit a frame rounded up to 1,024 frames, plus 68 bytes.
            "bytes at most": 2 * 4 * words + 24 * groups + 68,
            "bits of metadata a frame": round(metadata * 8 / frames, 3),
            "bytes of heap of the Region": heap,
        }
    with BenchBoard() as board:
        modules = board.run("region_memory.modules")
    return {"RAM by frames of a region": regions, "bytes of heap of the modules that the first Region loads": modules}


def _on_both_ports():
    """Count the same calls on a board of ports/qemu and on one of ports/stm32, whose timer counts."""
    figures = {}
    for name, counting in ((BOARD, COUNTING), (STM32_BOARD, COUNTING_STM32)):
        figures[name] = {}
        for call, arguments in (("raw_calls.pairs", [FRAMES]), ("object_calls.pairs", [])):
            with BenchBoard(counting, name) as board:
                figures[name] |= board.run(call, *arguments)
    return {"the same calls on two ports": figures}


def _footprint(board, kind):
    """Measure what a firmware takes at its prompt: *kind* is "stock" or "with physmem"."""
    count = footprint.pico if board == footprint.PICO else footprint.mps2
    return {"having physmem": {board: {kind: count(f"stock/{board}" if kind == "stock" else board)}}}


def _merged(into, figures):
    """Add the tree *figures* to the tree *into*."""
    for name, part in figures.items():
        if isinstance(part, dict) and name in into:
            _merged(into[name], part)
        else:
            into[name] = part


def tasks(firmware):
    """Return {name of a step: function without arguments that returns a tree of figures}, in the order of the figures.

    Each starts its own boards.
    """
    steps = {
        "raw calls": _raw,
        "interrupts masked": _masked,
        "closures": lambda: {"raw calls that are closures": run("closures.pairs", FRAMES)},
        "objects": lambda: {"objects": run("object_calls.pairs")},
        "retained, mapped and deferred": lambda: {"life of frames": run("lifecycle_calls.calls")},
        "ports/stm32": _on_both_ports,
        "boot": lambda: {"life of frames": run("lifecycle_calls.boot")},
        "owners": lambda: {"owners": run("lifecycle_calls.owners")},
    }
    for percent, is_aged in _every_map():
        steps[f"objects, {_map_name(percent, is_aged)}"] = partial(_objects, percent, is_aged)
    for board in (footprint.PICO, BOARD):
        for kind in ("stock", "with physmem"):
            steps[f"{board} {kind}"] = partial(_footprint, board, kind)
    steps["stack of the Pico"] = lambda: {STACK: {footprint.PICO: footprint.pico_stack()}}
    steps[f"stack of {BOARD}"] = lambda: {STACK: {BOARD: footprint.mps2_stack()}}
    steps["import"] = lambda: {"bytes of heap of an import from .mpy files": footprint.imported()}
    steps["memory of regions"] = _memory
    for kibibytes in HEAPS:
        for percent in (0, 50):
            steps[f"heap of {kibibytes} KiB, {percent} % full"] = partial(_heap, firmware, kibibytes, percent)
    return steps


def measure(progress):
    """Measure everything. Call *progress* with the names of the steps that remain."""
    compile_modules()
    firmware = BenchFirmware()
    version = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True).stdout
    sizes = dict(sorted(firmware.module_sizes.items()))
    figures = {
        "board": BOARD,
        "compiler": firmware.compiler,
        "emulator": version.splitlines()[0],
        "regions, unless a figure says otherwise": f"{FRAMES} frames",
    }
    steps = tasks(firmware)
    remaining = list(steps)

    def do(name):
        found = steps[name]()
        remaining.remove(name)
        progress(f"bench: {len(remaining)} of {len(steps)} steps remain, among them {', '.join(remaining[:2])}")
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(do, steps):
            _merged(figures, found)
    figures["bytes of flash by module"] = sizes | {"in all": sum(sizes.values())}
    return figures
