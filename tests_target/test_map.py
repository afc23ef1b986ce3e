"""The pictures tell the truth: `map` and `dump` are parsed back and compared with the real state."""

from random_numbers import RandomNumbers
from support import fresh_physmem, scaled

PAGE = 4096
BASE = 0x10000000
NO_HEAP = 0x50000000  # in the 16 MiB from here no board has its heap
ONE = 0x90000000  # no board has memory there
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
    """Return the regions of a picture: dicts of name, base, end, size, attributes, cells, used, free, frames,
    frame_size, cell."""
    regions = []
    for line in lines:
        if line.startswith("  |"):
            assert line.endswith("|")
            regions[-1]["cells"] += line[3:-1]
        elif line.startswith("  ") and ", " not in line:
            regions[-1]["attributes"] = line.split()  # too many for the line before
        elif line.startswith("  "):
            used, free, frames, cell = line.strip().split(", ")
            assert used.endswith(" used") and free.endswith(" free") and cell.startswith("a character is ")
            count, frame_size = frames.split(" frames of ")
            regions[-1].update(
                {
                    "used": amount(used[: -len(" used")]),
                    "free": amount(free[: -len(" free")]),
                    "frames": int(count),
                    "frame_size": amount(frame_size),
                    "cell": amount(cell[len("a character is ") :]),
                }
            )
        else:
            words = line.split()
            base, end = words[1].split("..")
            regions.append(
                {
                    "name": words[0],
                    "base": int(base, 16),
                    "end": int(end, 16),
                    "size": amount(" ".join(words[2:4])),
                    "attributes": words[4:],
                    "cells": "",
                }
            )
    return regions


def frames_in_use(region):
    """Return one boolean for each frame, asked frame by frame."""
    return [not region.is_free(frame) for frame in range(region.frames)]


def compare(physmem):
    """Check every number and every character of the picture."""
    lines = lines_of(physmem.map)
    rows = parsed(lines)
    regions = physmem.regions()
    assert [row["name"] for row in rows] == [region.name for region in regions]
    for row, region in zip(rows, regions):
        assert (row["base"], row["end"], row["size"]) == (region.base, region.end, region.end - region.base)
        names = ("DMA", "FAST", "CACHED", "EXTERNAL", "RETAINED", "SHARED", "RESERVED")
        assert row["attributes"] == [name for name in names if region.attrs & getattr(physmem, name)]
        busy = frames_in_use(region)
        assert (row["frames"], row["frame_size"]) == (len(busy), region.frame_size)
        assert row["used"] == sum(busy) * region.frame_size
        assert row["free"] == (len(busy) - sum(busy)) * region.frame_size
        cell = row["cell"] // region.frame_size
        cells = ""
        for first in range(0, len(busy), cell):
            part = busy[first : first + cell]
            full = "x" if region.attrs & physmem.RESERVED else "#"
            cells += full if all(part) else "+" if any(part) else "."
        assert row["cells"] == cells, region.name


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
    rows = parsed(lines_of(physmem.map))
    assert set("".join([row["cells"] for row in rows])) == {"#", "x"}
    for owner in owners:
        owner.free()
    compare(physmem)
    assert set("".join([row["cells"] for row in parsed(lines_of(physmem.map))])) == {"."}


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
    for name, frames, cell in (("small", 128, 1), ("large", 1024, 8)):
        for first in (0, 1, 7, 8, 63, 64, 511, 512, 127, 1023):
            if first >= frames:
                continue
            region = physmem.region(name)
            assert region.alloc_at(first, 1) == first
            row = [row for row in parsed(lines_of(physmem.map)) if row["name"] == name][0]
            assert row["cell"] == cell * PAGE
            mark = "#" if cell == 1 else "+"
            assert row["cells"] == "." * (first // cell) + mark + "." * (128 - first // cell - 1)
            compare(physmem)
            region.free(first)


def narrow(lines):
    """Check that no line is wider than a terminal."""
    for line in lines:
        assert len(line) <= 80, "%d columns: %s" % (len(line), line)


def test_the_map_and_the_dump_are_80_columns_wide():
    """With 32-bit addresses, names such as init() makes, and memory like a board's, free and in use."""
    physmem = system(fresh_physmem())
    for picture in (physmem.map, physmem.dump):
        narrow(lines_of(picture))
    for region in physmem.regions():
        physmem.allocate_frames_at(region.base, region.frames)
    for picture in (physmem.map, physmem.dump):
        narrow(lines_of(picture))


def test_the_map_is_80_columns_wide_with_every_attribute():
    """A region that has all of the attributes."""
    physmem = fresh_physmem()
    names = "DMA FAST CACHED EXTERNAL RETAINED SHARED"
    physmem.init([(None, 0xE0000000, 16 * PAGE, PAGE, names)], [(0xE0000000, PAGE)])
    compare(physmem)
    narrow(lines_of(physmem.map))


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
