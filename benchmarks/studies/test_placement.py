"""The parts of the placement study: its policies follow their definitions, its traces are valid, its bounds hold.

Policies are compared with their definitions by brute force over the frames, on every bitmap of a small region. Bounds
are compared with every possible bitmap.
"""

import random
import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from studies import placement
from studies import placement_bounds as bounds
from studies import placement_policies as policies
from studies import placement_traces as traces
import pytest
from physmem_region import Region

DOCS = Path(__file__).resolve().parents[2] / "docs"
FRAMES = 8


class Hybrid(policies.Hybrid):
    few = 2  # small enough for a small bitmap


class HybridFromTop(policies.HybridFromTop):
    few = 2


class TwoEnded(policies.TwoEnded):
    many = 3


class ClassFit(policies.ClassFit):
    word = 4


def runs_of(free):
    """Return (first, length) of each maximal run of free frames; `free` holds a truth value for each frame."""
    text = "".join("1" if frame else "0" for frame in free)
    return [(run.start(), run.end() - run.start()) for run in re.finditer("1+", text)]


def places(free, n, align):
    """Return (first frame, length of its run) of every place that could hold the request, by address."""
    return [
        (first, length)
        for start, length in runs_of(free)
        for first in range(start, start + length - n + 1)
        if first % align == 0
    ]


def lowest(choices):
    return min((first for first, _ in choices), default=-1)


def by_run(choices, sign):
    return min(choices, key=lambda choice: (sign * choice[1], choice[0]), default=(-1, 0))[0]


def by_class(free, n, align):
    choices = places(free, n, align)
    if n > ClassFit.word or align > 1:
        return lowest(choices)
    fitting = {}
    for word in range(0, len(free), ClassFit.word):
        here = range(word, min(word + ClassFit.word, len(free)))
        longest = max((len(free[i:]) if all(free[i:]) else free[i:].index(False)) for i in here)
        number = min(longest, ClassFit.word).bit_length() - 1
        if number >= 0 and 1 << number >= n:
            fitting.setdefault(number, []).extend(choice for choice in choices if choice[0] in here)
    return min(fitting[min(fitting)])[0] if fitting else lowest(choices)


DEFINITIONS = {
    policies.FirstFit: lambda free, n, align: lowest(places(free, n, align)),
    policies.BestFit: lambda free, n, align: by_run(places(free, n, align), 1),
    policies.WorstFit: lambda free, n, align: by_run(places(free, n, align), -1),
    Hybrid: lambda free, n, align: lowest(places(free, n, align)) if n <= 2 else by_run(places(free, n, align), 1),
    HybridFromTop: lambda free, n, align: (
        lowest(places(free, n, align))
        if n <= 2
        else min(((length, -first) for first, length in places(free, n, align)), default=(0, 1))[1] * -1
    ),
    TwoEnded: lambda free, n, align: (
        lowest(places(free, n, align)) if n < 3 else max(places(free, n, align), default=(-1,))[0]
    ),
    ClassFit: by_class,
}


def with_map(policy, free):
    """Return an allocator with that policy, with exactly these frames free and the others allocated one by one."""
    allocator = policy(len(free))
    while allocator.allocate(1) >= 0:
        pass
    for frame, is_free in enumerate(free):
        if is_free:
            allocator.free(frame)
    return allocator


def every_map(frames):
    return ([bool(bits >> frame & 1) for frame in range(frames)] for bits in range(1 << frames))


@pytest.mark.parametrize("policy", DEFINITIONS, ids=lambda policy: policy.__name__)
def test_policy_is_as_defined_on_every_small_map(policy):
    for free in every_map(FRAMES):
        allocator = with_map(policy, free)
        assert allocator.largest() == max((length for _, length in runs_of(free)), default=0)
        for n in range(1, FRAMES + 2):
            for align in (1, 2, 4):
                assert allocator.find(n, align) == DEFINITIONS[policy](free, n, align), (free, n, align)


def test_next_fit_goes_on_behind_the_previous_allocation():
    for free in every_map(6):
        for n in range(1, 7):
            for align in (1, 2):
                choices = places(free, n, align)
                for cursor in range(7):
                    allocator = with_map(policies.NextFit, free)
                    allocator.cursor = cursor
                    behind = [choice for choice in choices if choice[0] >= cursor]
                    place = allocator.find(n, align)
                    assert place == lowest(behind or choices), (free, n, align, cursor)
                    assert allocator.cursor == (place + n if place >= 0 else cursor)


def buddy_blocks(first, order, allocated):
    """Return (order, first) of the free blocks in a block; `allocated` is a set of (first, order).

    If nothing in the block is allocated, it is one free block.
    """
    if (first, order) in allocated:
        return []
    if not any(first <= start < first + (1 << order) for start, _ in allocated):
        return [(order, first)]
    halves = (first, first + (1 << order - 1))
    return [block for half in halves for block in buddy_blocks(half, order - 1, allocated)]


@pytest.mark.parametrize("frames", (1, 2, 7, 16, 21, 64))
def test_buddy_is_as_defined(frames):
    numbers = random.Random(frames)
    allocator, allocated = policies.Buddy(frames), set()
    roots, first = [], 0
    for order in reversed(range(7)):  # the largest blocks, from the lowest address: the number's binary digits
        if frames & 1 << order:
            roots.append((first, order))
            first += 1 << order
    for _ in range(400):
        free = sorted(block for root in roots for block in buddy_blocks(*root, allocated))
        assert allocator.largest() == (1 << free[-1][0] if free else 0)
        if allocated and numbers.random() < 0.45:
            block = numbers.choice(sorted(allocated))
            allocated.remove(block)
            allocator.free(block[0])
        else:
            n, align = numbers.randrange(1, frames + 2), 1 << numbers.randrange(3)
            order = next(order for order in range(8) if 1 << order >= max(n, align))
            expected = next((first for free_order, first in free if free_order >= order), -1)
            assert allocator.allocate(n, align) == expected
            if expected >= 0:
                allocated.add((expected, order))


@pytest.mark.parametrize("name", policies.POLICIES)
def test_allocations_never_overlap_and_return_whole(name):
    numbers = random.Random(1)
    allocator, owners, live = policies.POLICIES[name](150), [None] * 150, {}
    for step in range(1500):
        if live and numbers.random() < 0.5:
            first = numbers.choice(sorted(live))
            allocator.free(first)
            n = live.pop(first)
            owners[first : first + n] = [None] * n
        else:
            n, align = numbers.choice((1, 2, 3, 5, 8, 20, 40)), numbers.choice((1, 1, 4))
            first = allocator.allocate(n, align)
            if first >= 0:
                assert first % align == 0 and owners[first : first + n] == [None] * n
                owners[first : first + n] = [step] * n
                live[first] = n
            elif name != "buddy":
                assert not places([owner is None for owner in owners], n, align)
        if name != "buddy":
            assert allocator.by_length == sorted((n, first) for first, n in runs_of([o is None for o in owners]))
    for first in live:
        allocator.free(first)
    assert allocator.largest() == (128 if name == "buddy" else 150)


@pytest.mark.parametrize("name", ("framebuffers", "DMA rings", "uniform", "TLS, recorded"))
def test_the_engine_is_first_fit(name):
    trace = traces.all_traces([1])[name][0][:4000]
    frames = placement.region_for(trace, 90)
    region = Region("study", 1 << 24, frames << 12)
    first_fit, placed = policies.FirstFit(frames), []
    for n, number in trace:
        if n:
            place = first_fit.allocate(n, number)
            frame = region.alloc(n) if number == 1 else region.alloc_aligned(n, number)
            assert frame == place or (place < 0 and frame < 0), (len(placed), n, number)
            placed.append(place)
        elif placed[number] >= 0:
            first_fit.free(placed[number])
            assert region.free(placed[number]) > 0


@pytest.mark.parametrize("name", ("framebuffers", "DMA rings", "TLS, recorded"))
def test_the_highest_frame_that_first_fit_used_is_the_region_it_needs(name):
    trace = traces.all_traces([1])[name][0]
    large, placed, needed = policies.FirstFit(4 * traces.peak(trace)), [], 0
    for n, number in trace:
        if n:
            placed.append(large.allocate(n, number))
            needed = max(needed, placed[-1] + n)
        else:
            large.free(placed[number])
    assert placement.run(policies.FirstFit(needed), needed, trace)[0] == 0
    assert placement.run(policies.FirstFit(needed - 1), needed - 1, trace)[0] > 0


def test_traces_give_back_what_was_asked_for_and_only_once():
    everything = traces.all_traces([1])
    assert len(everything) == 10
    for name, (trace,) in everything.items():
        held, requests, live, most = {}, 0, 0, 0
        for n, number in trace:
            if n:
                assert n > 0 and number & number - 1 == 0
                held[requests] = n
                requests += 1
                live += n
            else:
                live -= held.pop(number)
            most = max(most, live)
        assert requests > 4000 and traces.peak(trace) == most, name
    assert traces.framebuffers(1) == everything["framebuffers"][0] != traces.framebuffers(2)


def test_a_request_can_only_fail_if_every_window_holds_a_used_frame():
    frames = 14
    for free in every_map(frames):
        runs = runs_of(free)
        longest = max((length for _, length in runs), default=0)
        used = free.count(False)
        allocations = len(runs_of([not frame for frame in free]))  # at least; more only weaken the bound
        assert len(runs) <= allocations + 1
        assert longest * (allocations + 1) >= frames - used
        for n in range(1, frames + 1):
            assert longest >= n or used >= frames // n, (free, n)


def test_no_better_bound_from_the_number_of_used_frames_exists():
    for frames in range(1, 40):
        for n in range(1, frames + 1):
            free = [frame % n != n - 1 for frame in range(frames)]
            assert free.count(False) == frames // n
            assert all(length < n for _, length in runs_of(free))


def fails_on_some_map(frames, live, n, allocations):
    """Return whether some bitmap within the limits has no place for a request within the limits."""
    for free in every_map(frames):
        used, parts = free.count(False), len(runs_of([not frame for frame in free]))
        longest = max((length for _, length in runs_of(free)), default=0)
        for s in range(1, min(n, live - used) + 1):
            if longest < s and (allocations is None or parts < allocations):
                return True
    return False


@pytest.mark.parametrize("allocations", (None, 1, 2, 3))
def test_frames_by_count_is_enough_and_one_less_is_not(allocations):
    for live in range(1, 6):
        for n in range(1, live + 1):
            frames = bounds.frames_by_count(live, n, allocations)
            assert not fails_on_some_map(frames, live, n, allocations), (live, n)
            assert frames == live or fails_on_some_map(frames - 1, live, n, allocations), (live, n)


def test_frames_by_count_is_enough_with_alignment():
    for live, n, allocations, align in ((4, 2, 3, 2), (4, 3, 2, 2), (2, 1, None, 4), (5, 2, 2, 4)):
        frames = bounds.frames_by_count(live, n, allocations, align)
        for free in every_map(frames):
            used, parts = free.count(False), len(runs_of([not frame for frame in free]))
            if allocations is None or parts < allocations:
                for s in range(1, min(n, live - used) + 1):
                    assert places(free, s, align), (free, s, align)


@pytest.mark.parametrize("n", (1, 2, 3, 4))
def test_no_sequence_breaks_a_bound(n):
    for live in range(n, 7):
        first = bounds.fewest_frames(bounds.first_place, live, n)
        assert first <= bounds.frames_by_first_fit(live, n)
        hybrids = (partial(place, few=2) for place in (bounds.hybrid_place, bounds.hybrid_place_from_top))
        for place in (bounds.first_place, bounds.best_place, *hybrids):
            fewest = bounds.fewest_frames(place, live, n)
            assert fewest <= bounds.frames_by_count(live, n)
            if n != 3 and live % n == 0:
                assert fewest >= bounds.frames_of_any(live, n)


def test_requests_of_one_size_waste_nothing():
    for policy in (policies.FirstFit, policies.BestFit, policies.Hybrid, policies.WorstFit, policies.NextFit):
        numbers, size, count = random.Random(3), 38, 6
        allocator, live = policy(size * count), []
        for _ in range(500):
            if len(live) == count or (live and numbers.random() < 0.4):
                allocator.free(live.pop(numbers.randrange(len(live))))
            else:
                live.append(allocator.allocate(size))
                assert live[-1] >= 0


def test_the_page_holds_the_figures_of_the_recorded_traces():
    page = (DOCS / "placement.md").read_text(encoding="utf-8")
    tables = page.split(placement.BEGIN)[1].split(placement.END)[0].split("**")[2:8:2]
    for name, file in traces.RECORDINGS.items():
        figures = placement.measure(policies.FirstFit, [traces.recorded(file)])
        for table, figure, form in zip(tables, figures, ("%.2f", "%.0f", "%.2f")):
            rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.strip().splitlines()]
            row = next(row for row in rows if row[0] == "first fit")
            assert row[rows[0].index(name)] == form % figure, name


def test_the_plot_has_a_line_for_each_policy_on_each_trace():
    svg = ElementTree.parse(DOCS / "placement.svg").getroot()
    lines = svg.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 10 * len(policies.POLICIES)
    assert all(len(line.get("points").split()) == placement.POINTS for line in lines)
