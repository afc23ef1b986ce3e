"""The pictures tell the truth: `map` and `dump` are parsed back and compared with the real state."""

import gc
import sys

from debug_system import DebugSystem
from kept_memory import KeptMachine
from random_numbers import RandomNumbers
from support import fresh_physmem, scaled

PAGE = 4096
BASE = 0x10000000
NO_HEAP = 0x50000000  # in the 16 MiB from here no board has its heap
ONE = 0x90000000  # no board has memory there
LITTLE_HEAP = 1024  # bytes
HAS_LIMIT = hasattr(gc, "mem_free") and sys.platform != "webassembly"  # whose heap grows to 2 GiB
UNITS = {"B": 1, "KiB": 1024, "MiB": 1 << 20}


def lines_of(picture):
    """Return what `write` writes, as a list of lines."""
    lines = []
    picture(write=lines.append)
    assert all(isinstance(line, str) and "\n" not in line for line in lines)
    return lines


def amount(text):
    """Return the bytes of a text such as "12 KiB"."""
    number, unit = text.split()
    return int(number) * UNITS[unit]


def parsed(lines):
    """Return (the regions of a picture, its legend as a list of "mark meaning").

    A region is a dict of name, base, end, size, attributes, cells, used, free, longest, frames, frame_size, cell.
    """
    pictures, legend = [], []
    for line in lines:
        if not line.startswith("  "):
            pictures.append({"heading": line, "cells": "", "starts": [], "sums": ""})
        elif line.endswith("|"):
            address, cells = line[:-1].strip().split(" |")
            pictures[-1]["starts"].append((len(pictures[-1]["cells"]), int(address, 16)))
            pictures[-1]["cells"] += cells
        elif not pictures[-1]["cells"]:
            pictures[-1]["heading"] += " " + line.strip()
        elif "a character is" in pictures[-1]["sums"] and not pictures[-1]["sums"].endswith(","):
            legend += line.strip().split("  ")
        else:
            pictures[-1]["sums"] += " " + line.strip()
    return [region_of(picture) for picture in pictures], legend


def region_of(picture):
    """Return a region of `parsed`, from the parts of its picture. Check that each line has its address in front."""
    heading, _, note = picture["heading"].partition(" memory of the heap: ")
    words = heading.split()
    base, end = [int(address, 16) for address in words[1].split("..")]
    used, free, longest, frames, cell = picture["sums"].strip().split(", ")
    assert used.endswith(" used") and free.endswith(" free") and longest.startswith("longest run ")
    assert cell.startswith("a character is ")
    count, frame_size = frames.split(" frames of ")
    cell = amount(cell[len("a character is ") :])
    assert 1 <= len(picture["starts"]) <= 4
    for place, address in picture["starts"]:
        assert address == base + place * cell
    return {
        "name": words[0],
        "base": base,
        "end": end,
        "size": amount(" ".join(words[2:4])),
        "attributes": words[4:],
        "is_of_the_heap": bool(note),
        "cells": picture["cells"],
        "used": amount(used[: -len(" used")]),
        "free": amount(free[: -len(" free")]),
        "longest": amount(longest[len("longest run ") :]),
        "frames": int(count),
        "frame_size": amount(frame_size),
        "cell": cell,
    }


def frames_in_use(region):
    """Return one boolean for each frame, asked frame by frame."""
    return [not region.is_free(frame) for frame in range(region.frames)]


def longest_run(busy):
    """Return the length of the longest run of False."""
    longest = run = 0
    for one in busy:
        run = 0 if one else run + 1
        longest = max(longest, run)
    return longest


def compare(physmem, marks=(), columns=80):
    """Check every number and every character of the picture.

    `marks` has (region, first frame, frames, the mark that they must have) of those that are not merely in use.
    """
    lines = []
    physmem.map(lines.append, columns=columns)
    assert max([len(line) for line in lines]) <= columns
    rows, legend = parsed(lines)
    regions = physmem.regions()
    assert [row["name"] for row in rows] == [region.name for region in regions]
    met = set()
    for row, region in zip(rows, regions):
        assert (row["base"], row["end"], row["size"]) == (region.base, region.end, region.end - region.base)
        names = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED", "RESERVED")
        assert row["attributes"] == [name for name in names if region.attrs & getattr(physmem, name)]
        busy = frames_in_use(region)
        assert (row["frames"], row["frame_size"]) == (len(busy), region.frame_size)
        assert row["used"] == sum(busy) * region.frame_size
        assert row["free"] == (len(busy) - sum(busy)) * region.frame_size
        assert row["longest"] == longest_run(busy) * region.frame_size
        states = [("x" if region.attrs & physmem.RESERVED else "#") if one else "." for one in busy]
        for marked, first, count, mark in marks:
            if marked is region:
                states[first : first + count] = [mark] * count
        cell = row["cell"] // region.frame_size
        width = columns - 8 - 5 if region.end <= 1 << 32 else columns - 12 - 5
        width -= width % 8
        assert len(busy) <= 4 * width * cell and (cell == 1 or len(busy) > 4 * width * (cell // 2))
        cells = ""
        for first in range(0, len(busy), cell):
            part = set(states[first : first + cell])
            cells += part.pop() if len(part) == 1 else "+"
        assert row["cells"] == cells, region.name
        met.update(cells)
    assert {text[0] for text in legend} == met
    return rows


def compare_dump(physmem):
    """Check that the dump covers each region without gap or overlap, each allocation and free run once and whole."""
    lines = lines_of(physmem.dump)
    for region in physmem.regions():
        assert lines.pop(0) == "%s %#010x..%#010x" % (region.name, region.base, region.end)
        place, was_free = region.base, False
        while place < region.end:
            addresses, count, kind = lines.pop(0).split()
            base, end = [int(address, 16) for address in addresses.split("..")]
            count = int(count)
            assert base == place and end == base + count * region.frame_size and count > 0
            first = region.frame(base)
            free = [region.is_free(frame) for frame in range(first, first + count)]
            if kind == "free":
                assert all(free) and not was_free
            else:
                assert kind == "used" and not any(free) and region.count(first) == count
            place, was_free = end, kind == "free"
        assert place == region.end
    assert lines == []


def system(physmem):
    """Return a board's memory, with regions of one frame, of less than a line, and of thousands of frames."""
    physmem.init(
        [
            ("sram", BASE, 300 * PAGE, PAGE, "DMA FAST"),
            ("one", ONE, PAGE, PAGE),
            ("lines", 3 * BASE, 77 * 32, 32, "FAST SHARED"),
            ("psram", 0xD0000000, 2048 * PAGE, PAGE, "DMA CACHED EXTERNAL"),
        ],
        [("registers", 4 * BASE, 5 * PAGE), (5 * BASE, PAGE)],
    )
    return physmem


def test_an_empty_and_a_full_system():
    """All free; then each region in use to the last frame, reserved ones too; then all free again."""
    physmem = system(fresh_physmem())
    compare(physmem)
    compare_dump(physmem)
    owners = [physmem.allocate_frames_at(region.base, region.frames) for region in physmem.regions()]
    compare(physmem)
    compare_dump(physmem)
    assert set("".join([row["cells"] for row in parsed(lines_of(physmem.map))[0]])) == {"#", "x"}
    for owner in owners:
        owner.free()
    compare(physmem)
    assert set("".join([row["cells"] for row in parsed(lines_of(physmem.map))[0]])) == {"."}


def test_seeded_fillings():
    """Random allocations at random places, some freed again."""
    numbers = RandomNumbers(17)
    for _ in range(scaled(8, 1)):
        physmem = system(fresh_physmem())
        owners = []
        for _ in range(scaled(60, 30)):
            region = numbers.choice(physmem.regions())
            first = numbers.below(region.frames)
            n = 1 + numbers.below(min(40, region.frames - first))
            try:
                owners.append(physmem.allocate_frames_at(region.addr(first), n))
            except physmem.PhysMemError:
                pass
            if numbers.below(4) == 0 and owners:
                owners.pop(numbers.below(len(owners))).free()
        compare(physmem)
        compare_dump(physmem)


def test_one_frame_in_each_place():
    """One frame in use shows as `#` where a character is one frame, as `+` where it is several.

    Tested at the first and the last frame, and on both sides of the border of two characters and of two lines.
    """
    physmem = fresh_physmem()
    physmem.init([("small", BASE, 128 * PAGE), ("large", ONE, 1024 * PAGE)])
    for name, frames, cell in (("small", 128, 1), ("large", 1024, 4)):  # at most four lines of 64 characters
        for first in (0, 1, 3, 4, 63, 64, 255, 256, 127, 1023):
            if first >= frames:
                continue
            region = physmem.region(name)
            assert region.alloc_at(first, 1) == first
            row = [row for row in compare(physmem) if row["name"] == name][0]
            assert row["cell"] == cell * PAGE
            mark = "#" if cell == 1 else "+"
            assert row["cells"] == "." * (first // cell) + mark + "." * (frames // cell - first // cell - 1)
            region.free(first)


def test_the_dump_is_80_columns_wide():
    """With 32-bit addresses, names such as init() makes, and memory like a board's, free and in use."""
    physmem = system(fresh_physmem())
    assert max([len(line) for line in lines_of(physmem.dump)]) <= 80
    for region in physmem.regions():
        physmem.allocate_frames_at(region.base, region.frames)
    assert max([len(line) for line in lines_of(physmem.dump)]) <= 80


def test_the_map_is_as_wide_as_you_say():
    """From a small screen to a wide terminal, with a region that has all of the attributes and a long name."""
    for columns in (32, 39, 40, 79, 80, 132, 256):
        physmem = fresh_physmem()
        names = "DMA FAST CACHED EXTERNAL RETAINED SHARED"
        physmem.init([("screen_of_the_oven", 0xE0000000, 300 * PAGE, PAGE, names)], [(0xE0000000, PAGE)])
        compare(physmem, columns=columns)
        physmem.allocate_frames(77)
        compare(physmem, columns=columns)


def of(frames, mark):
    """Return a mark of `compare`: that of the frames of an owner."""
    return frames.region, frames.region.frame(frames.addr), len(frames), mark


def test_frames_that_a_reset_does_not_free():
    """Retained frames and mapped ones have marks of their own, also after a reset, when nobody has asked for them."""
    machine = KeptMachine(("kept", None, 16384, 256, "DMA RETAINED"))
    physmem = machine.reset()
    marks = [of(physmem.retain("log", 700), "r"), of(physmem.allocate_frames(5).map(), "m")]
    used = physmem.allocate_frames(2)
    compare(physmem, marks)
    used.free()
    compare(physmem, marks)
    physmem = machine.reset()
    region = physmem.region("kept")
    compare(physmem, [(region, first, count, mark) for _, first, count, mark in marks])


def test_owners_and_guards():
    """Where owners are recorded each has a letter, in the order of their first frames; 26 of them, then #."""
    debugged = DebugSystem(("sram", 128, ""))
    physmem = debugged.physmem
    physmem.debug(owners=True, guard_frames=1)
    screen = physmem.allocate_frames(4, owner="screen")
    camera = physmem.allocate_frames(6, owner="camera")
    again = physmem.allocate_frames(2, owner="screen")
    marks = [of(screen, "A"), of(camera, "B"), of(again, "A")]
    for frames in (screen, camera, again):
        region, first, count, _ = of(frames, "")
        marks += [(region, first - 1, 1, "g"), (region, first + count, 1, "g")]
    compare(physmem, marks)
    legend = parsed(lines_of(physmem.map))[1]
    assert legend == [". free", "g guard", "A 'screen'", "B 'camera'"]


def test_more_owners_than_letters():
    """The twenty-seventh is shown like frames that nobody is known to own."""
    physmem = DebugSystem(("sram", 64, "")).physmem
    physmem.debug(owners=True)
    held = [physmem.allocate_frames(1, owner="owner %d" % i) for i in range(28)]
    marks = [of(frames, chr(65 + i)) for i, frames in enumerate(held[:26])]
    compare(physmem, marks)
    legend = parsed(lines_of(physmem.map))[1]
    assert legend == [". free", "# in use"] + ["%c 'owner %d'" % (65 + i, i) for i in range(26)]


def test_one_region():
    """By name or as an object; a region that is in no system too."""
    physmem = system(fresh_physmem())
    every = lines_of(physmem.map)
    own = physmem.Region("own", NO_HEAP, 5 * PAGE)
    own.alloc_at(2, 2)
    for wanted in ("lines", physmem.region("lines"), own):
        lines = []
        physmem.map(lines.append, wanted)
        rows, legend = parsed(lines)
        assert len(rows) == 1
        assert wanted is own or lines[:3] == [line for line in every if line in lines][:3]
    assert (rows[0]["name"], rows[0]["cells"], legend) == ("own", "..##.", [". free", "# in use"])


def test_with_little_heap():
    """A program that ends for want of memory may ask for the picture: a few lines of it are enough."""
    if not HAS_LIMIT:
        return
    physmem = system(fresh_physmem())
    physmem.allocate_frames(9, region="psram")
    seen = [0, 0]  # lines, characters

    def count(line):
        seen[0] += 1
        seen[1] += len(line)

    physmem.map(count)
    expected = list(seen)
    seen[:] = 0, 0
    spare = [bytearray(LITTLE_HEAP // 8) for _ in range(8)]
    full = []
    size = 1 << 22
    while size >= 16:
        try:
            full.append(bytearray(size))
        except MemoryError:
            size //= 2
    spare.clear()
    try:
        physmem.map(count)
    finally:
        full.clear()
    assert seen == expected


def test_regions_of_odd_sizes():
    """Sizes that are not a whole number of KiB, of MiB, of characters or of lines."""
    for frames, frame_size in ((1, 32), (31, 32), (129, 32), (8191, 32), (129, 64), (1025, 1024), (4097, 4096)):
        physmem = fresh_physmem()
        physmem.init([("odd", NO_HEAP, frames * frame_size, frame_size, "DMA EXTERNAL")])
        physmem.allocate_frames(frames // 2 or 1)
        if frames <= scaled(8191, 2000):
            compare(physmem)
            compare_dump(physmem)


def test_without_a_system():
    """Without regions there are no lines."""
    physmem = fresh_physmem()
    assert lines_of(physmem.map) == [] and lines_of(physmem.dump) == []


def test_pictures_change_nothing():
    """Drawing leaves every bit of the metadata unchanged."""
    physmem = system(fresh_physmem())
    physmem.allocate_frames(7)
    before = [bytes(region._state) for region in physmem.regions()]
    lines_of(physmem.map)
    lines_of(physmem.dump)
    assert [bytes(region._state) for region in physmem.regions()] == before
