"""Compare every bitmap of 16 frames with brute force, on CPython and on the unix port: the parts of test_exhaustive.py.

A *map* here is an integer of 16 bits: bit i is set if frame i of the 16 is free. The 16 frames lie at `first` in a
region of `frames` frames, and all other frames are in use. The model here knows what a state looks like (the table at
the top of physmem_engine) but not how the engine gets there. Where n frames fit comes from the definition, frame by
frame. The state after a call is built from scratch, every word of it, from the map after the call.

    micropython exhaustive_cases.py STEP PART ...

tries one map in STEP and prints how many cases each part had, and the mismatches, at most five of them in full.
"""

import gc
import sys

import physmem_engine as engine
import physmem_state
from array import array
from constraint_sets import requests
from physmem_state import (
    STATE_FAILED,
    STATE_FEWEST_FREE,
    STATE_FREE,
    STATE_PHASE,
    STATE_ROW,
    STATE_TOPS,
    STATE_VERSION,
)
from random_numbers import RandomNumbers
from uctypes import addressof

MAPS = 1 << 16
LARGEST = 17  # n = 1 .. 17: one more than there are frames
PHASES = (0, 1, 5, 8, 31)  # frame number of the region's first frame, modulo 32
ALIGNS = (1, 2, 4, 8, 16, 32)
WORD = 0xFFFFFFFF

_COLLECT_AFTER = 1 << 18  # bytes of garbage


class Report:
    """Counts the cases and mismatches of one part, which tries one map in `step`."""

    def __init__(self, part, step=1):
        self.part = part
        self.step = step
        self.cases = 0
        self.mismatches = 0

    def mismatch(self, *what):
        self.mismatches += 1
        if self.mismatches <= 5:
            print("MISMATCH", self.part, *what)

    def end(self):
        print("%s: %d cases, %d mismatches" % (self.part, self.cases, self.mismatches))
        return self.mismatches


def places_of(free, places):
    """Set the 18 elements of the list `places`: bit i of element n is set if n frames are free from frame i in `free`.

    They are free if the n - 1 frames from i are free and frame i + n - 1 is free.

    The caller passes the list and reuses it: a new list for each map would fill MicroPython's heap and slow it down.
    """
    places[0] = MAPS - 1
    for n in range(1, LARGEST + 1):
        places[n] = places[n - 1] & free >> (n - 1)


def lowest_bits():
    """Return a table of the lowest set bit of each map; 255 means none."""
    table = bytearray(MAPS)
    table[0] = 255
    for free in range(1, MAPS):
        while not free >> table[free] & 1:
            table[free] += 1
    return table


def aligned(align, number, bits=16):
    """Return a bit for each frame that is set if its frame number is a multiple of `align`; the first is `number`."""
    mask = 0
    for i in range(bits):
        if (number + i) % align == 0:
            mask |= 1 << i
    return mask


def length_class(longest):
    """Return the class of a word whose longest run has `longest` frames: 0, or 1 + floor(log2), at most 6."""
    if longest == 0:
        return 0
    least = 1
    number = 1
    while 2 * least <= longest and number < 6:
        least *= 2
        number += 1
    return number


class Place:
    """16 frames from frame `first` in a region of `frames` frames, with all others in use."""

    def __init__(self, frames, first):
        self.frames = frames
        self.first = first
        self.words = (frames + 31) // 32
        # How many frames of the map lie in the same word as its first, and the numbers of its two words.
        self.in_word = min(16, 32 - first % 32)
        self.word = first // 32
        self.classes_low = bytearray(MAPS)
        self.classes_high = bytearray(MAPS)
        self._fill_classes()
        self.low_mask = (1 << self.in_word) - 1
        self.lowest = lowest_bits()
        self.row_of_starts = STATE_ROW + self.words + 1
        self.shift = first % 32
        self.count = bytearray(MAPS)
        for free in range(1, MAPS):
            self.count[free] = self.count[free >> 1] + (free & 1)
        self.others_in_use = self._others_in_use()

    def _fill_classes(self):
        """Set, for each map, the classes of the word with its first frame and of the next word.

        The class comes from the longest run that starts in the word, including its part in the next word.
        """
        by_length = bytes([length_class(n) for n in range(17)])
        low, high, split = self.classes_low, self.classes_high, self.in_word
        for free in range(MAPS):
            run = longest = longest_high = 0
            i = 15
            while i >= 0:
                run = run + 1 if free >> i & 1 else 0
                if i >= split:
                    if run > longest_high:
                        longest_high = run
                elif run > longest:
                    longest = run
                i -= 1
            low[free] = by_length[longest]
            high[free] = by_length[longest_high]

    def new_state(self):
        """Return a state for `fill`; its phase is 0."""
        return physmem_state.new_state(self.frames, 0)

    def _others_in_use(self):
        """Return a state without free frames, with one allocation from frame 0 and one after the 16 frames."""
        state = self.new_state()
        for i in range(STATE_ROW, len(state)):
            state[i] = 0
        for i in range(STATE_TOPS, STATE_TOPS + physmem_state.CLASSES):
            state[i] = 0
        starts = [0, self.first + 16] if self.first else [self.first + 16]
        for frame in starts + [self.frames]:
            state[self.row_of_starts + frame // 32] |= 1 << frame % 32
        state[STATE_FREE] = state[STATE_FEWEST_FREE] = 0
        return state

    def fill(self, state, free, starts):
        """Set every word of `state` from the map `free` and the allocations of the 16 frames, which start at `starts`.

        There is one allocation before the 16 frames and one after them, no history, and phase 0.
        """
        state[:] = self.others_in_use
        # The word with the first of the 16 frames, and the next one, which can be the word of zeros.
        word = STATE_ROW + self.word
        state[word] = (free & self.low_mask) << self.shift
        state[word + 1] = free >> self.in_word
        word += self.words + 1
        state[word] |= (starts & self.low_mask) << self.shift
        state[word + 1] |= starts >> self.in_word
        low = self.classes_low[free]
        high = self.classes_high[free]
        word = self.row_of_starts + self.words + 1
        for number in range(max(low, high)):
            state[STATE_TOPS + number] = 1  # the only group
            state[word + number] = ((number < low) | (number < high) << 1) << self.word
        state[STATE_FREE] = self.count[free]

    def chosen(self, places, n):
        """Return the documented place for a raw alloc of `n` frames, the lowest that fits, or the negative code."""
        if n > self.frames:
            return engine.ALLOCATION_TOO_LARGE
        if n > 16 or places[n] == 0:
            return engine.OUT_OF_MEMORY
        return self.first + self.lowest[places[n]]


IN_ONE_WORD = (16, 0)  # the whole region
ACROSS_WORDS = (64, 24)  # eight frames on each side of a word boundary
AT_THE_END = (32, 16)  # up to the end of a full word
UNEVEN = (48, 29)  # three frames before the word boundary


def grouped(free, kind, numbers):
    """Return the starts of allocations that use all frames that are not free.

    There is a start after each free frame; kind 0: also at every other used frame; kind 1: nowhere else; kind 2: also
    where `numbers` says.
    """
    used = free ^ MAPS - 1
    forced = used & (free << 1 | 1)
    if kind == 0:
        return used
    if kind == 1:
        return forced
    return forced | used & numbers.below(MAPS)


def alloc_and_free(report, place):
    """Check raw alloc and free on all maps, for n = 1 .. 17.

    The result is the documented place. The whole state after each call is that of the map after the call. After the
    free it is the state before the alloc, except for the history.
    """
    state = place.new_state()
    alloc, _, _, free_call = engine.raw_calls(state)
    expected = array("I", state)
    before = array("I", state)
    too_large = engine.ALLOCATION_TOO_LARGE
    places = [0] * (LARGEST + 1)
    for free in range(0, MAPS, report.step):
        starts = free ^ MAPS - 1
        places_of(free, places)
        place.fill(state, free, starts)
        place.fill(before, free, starts)
        fewest = state[STATE_FREE]
        state[STATE_FEWEST_FREE] = fewest
        failed = 0
        for n in range(1, LARGEST + 1):
            answer = alloc(n)
            frame = place.chosen(places, n)
            if answer != frame:
                report.mismatch("alloc", bin(free), n, answer, frame)
            if frame >= 0:
                i = frame - place.first
                place.fill(expected, free ^ ((1 << n) - 1) << i, starts | 1 << i)
                if expected[STATE_FREE] < fewest:
                    fewest = expected[STATE_FREE]
                expected[STATE_FEWEST_FREE] = fewest
                expected[STATE_FAILED] = failed
                if state != expected:
                    report.mismatch("state after alloc", bin(free), n, frame)
                answer = free_call(frame)
                if answer != n:
                    report.mismatch("free", bin(free), n, frame, answer)
            elif frame != too_large:
                failed += 1
            before[STATE_FEWEST_FREE] = fewest
            before[STATE_FAILED] = failed
            if state != before:
                report.mismatch("state after free", bin(free), n, frame)
        report.cases += LARGEST


def alignments(phases):
    """Return ``(phase, align)`` for all of ALIGNS and those of `phases` that differ modulo align."""
    return [
        (phase, align)
        for i, phase in enumerate(phases)
        for align in ALIGNS
        if phase % align not in [other % align for other in phases[:i]]
    ]


def aligned_search(report, place, phases):
    """Check that the search finds the lowest frame that fits.

    On all maps, for n = 1 .. 17, every alignment 1 .. 32, and each of `phases` that makes a difference for it.
    """
    search = engine.search_within
    first, frames = place.first, place.frames
    # The expected result for each map of frames that fit.
    answers = [engine.OUT_OF_MEMORY] + [first + place.lowest[fits] for fits in range(1, MAPS)]
    state = place.new_state()
    address = addressof(state)
    places = [0] * (LARGEST + 1)
    for phase in phases:
        pairs = [(align, aligned(align, phase + first)) for other, align in alignments(phases) if other == phase]
        for free in range(0, MAPS, report.step):
            place.fill(state, free, free ^ MAPS - 1)
            state[STATE_PHASE] = phase
            places_of(free, places)
            for align, pattern in pairs:
                for n in range(1, LARGEST + 1):
                    if search(address, n, align, 0, 0, frames) != answers[places[n] & pattern]:
                        report.mismatch(bin(free), n, align, phase, search(address, n, align, 0, 0, frames))
            report.cases += len(pairs) * LARGEST


def aligned_calls(report, place, phase):
    """Check raw alloc_aligned and free on all maps with all alignments, each time with another n.

    The state after each call is checked as in `alloc_and_free`.
    """
    state = physmem_state.new_state(place.frames, phase)
    _, alloc_aligned, _, free_call = engine.raw_calls(state)
    before = array("I", state)
    expected = array("I", state)
    patterns = [aligned(align, phase + place.first) for align in ALIGNS]
    turn = 0
    places = [0] * (LARGEST + 1)
    for free in range(0, MAPS, report.step):
        starts = free ^ MAPS - 1
        places_of(free, places)
        place.fill(state, free, starts)
        place.fill(before, free, starts)
        state[STATE_PHASE] = before[STATE_PHASE] = phase
        for kind in range(len(ALIGNS)):
            turn += 1
            n = 1 + turn % LARGEST
            fits = places[n] & patterns[kind]
            if n > place.frames:
                frame = engine.ALLOCATION_TOO_LARGE
            elif fits:
                frame = place.first + place.lowest[fits]
            else:
                frame = engine.OUT_OF_MEMORY
                before[STATE_FAILED] += 1
            answer = alloc_aligned(n, ALIGNS[kind])
            if answer != frame:
                report.mismatch("alloc_aligned", bin(free), n, ALIGNS[kind], answer, frame)
            if frame >= 0:
                i = frame - place.first
                place.fill(expected, free ^ ((1 << n) - 1) << i, starts | 1 << i)
                expected[STATE_FAILED] = before[STATE_FAILED]
                expected[STATE_PHASE] = phase
                if state != expected:
                    report.mismatch("state after alloc_aligned", bin(free), n, ALIGNS[kind])
                if free_call(frame) != n:
                    report.mismatch("free", bin(free), n, frame)
            if state != before:
                report.mismatch("state after free", bin(free), n, ALIGNS[kind])
            report.cases += 1


def calls_at_a_frame(report, place):
    """Check that raw alloc_at is granted exactly where all n frames are free, and its free.

    On all maps, at each of the 16 frames, each time with another n.
    """
    state = place.new_state()
    _, _, alloc_at, free_call = engine.raw_calls(state)
    before = array("I", state)
    expected = array("I", state)
    first = place.first
    turn = 0
    places = [0] * (LARGEST + 1)
    for free in range(0, MAPS, report.step):
        starts = free ^ MAPS - 1
        places_of(free, places)
        place.fill(state, free, starts)
        place.fill(before, free, starts)
        for i in range(16):
            turn += 1
            n = 1 + turn % LARGEST
            if n > place.frames:
                answer = engine.ALLOCATION_TOO_LARGE
            elif first + i + n > place.frames:
                answer = engine.ADDRESS_OUT_OF_RANGE
            else:
                answer = first + i if places[n] >> i & 1 else engine.ADDRESS_NOT_FREE
            if alloc_at(first + i, n) != answer:
                report.mismatch("alloc_at", bin(free), first + i, n, answer)
            if answer >= 0:
                place.fill(expected, free ^ ((1 << n) - 1) << i, starts | 1 << i)
                if state != expected:
                    report.mismatch("state after alloc_at", bin(free), first + i, n)
                if free_call(first + i) != n:
                    report.mismatch("free", bin(free), first + i, n)
            if state != before:
                report.mismatch("state after free", bin(free), first + i, n)
        report.cases += 16


def constraint_tuples(place, count):
    """Return `count` seeded tuples ``(phase, n, align, boundary, low, high, bits of the aligned frames)``."""
    below = RandomNumbers(7 + place.first).below
    tuples = []
    for _ in range(count):
        phase = PHASES[below(5)]
        n = 1 + below(1 + below(LARGEST))
        align = 1 << below(4)
        boundary = 0
        if below(4):
            boundary = 1
            while boundary < n:
                boundary *= 2
            boundary <<= below(3)
        low = min(place.first + below(17), place.frames - 1) if below(3) else below(place.frames)
        high = place.frames - below(place.frames + 1 - low) if below(3) else place.frames
        tuples.append((phase, n, align, boundary, low, high, aligned(align, phase + place.first)))
    return tuples


def constraints(report, place, count):
    """Check the search with boundary and window: all maps, with `count` seeded tuples for each."""
    search = engine.search_within
    first = place.first
    lowest = place.lowest
    state = place.new_state()
    address = addressof(state)
    tuples = constraint_tuples(place, 4099)  # a prime, so that each map gets different ones
    turn = 0
    places = [0] * (LARGEST + 1)
    for free in range(0, MAPS, report.step):
        place.fill(state, free, free ^ MAPS - 1)
        places_of(free, places)
        for _ in range(count):
            turn += 1
            phase, n, align, boundary, low, high, pattern = tuples[turn % 4099]
            state[STATE_PHASE] = phase
            fits = places[n] & pattern
            found = engine.OUT_OF_MEMORY
            while fits:
                frame = first + lowest[fits]
                fits &= fits - 1
                if low <= frame and frame + n <= high:
                    number = frame + phase
                    if not boundary or number // boundary == (number + n - 1) // boundary:
                        found = frame
                        break
            answer = search(address, n, align, boundary, low, high)
            if answer != found:
                report.mismatch(bin(free), "n", n, align, boundary, "window", low, high, phase, answer, found)
        report.cases += count


def every_constraint_tuple(report, place):
    """Check that allocation by every tuple of constraint_sets, on all maps, gets the lowest place that meets it.

    After the frees every word is as it was, except for the history. Each call counts as a case, granted or not.
    """
    allocate_within, serve = engine.allocate_within, engine.serve
    out_of_memory = engine.OUT_OF_MEMORY
    first, lowest = place.first, place.lowest
    state = place.new_state()
    before = array("I", state)
    address = addressof(state)
    places = [0] * (LARGEST + 1)
    for phase, rows in requests(first, place.frames):
        for free in range(0, MAPS, report.step):
            place.fill(state, free, free ^ MAPS - 1)
            place.fill(before, free, free ^ MAPS - 1)
            state[STATE_PHASE] = before[STATE_PHASE] = phase
            places_of(free, places)
            failed = 0
            for n, align, boundary, low, high, meeting in rows:
                fits = places[n] & meeting
                answer = allocate_within(address, n, align, boundary, low, high)
                if fits:
                    if answer != first + lowest[fits] or serve(address, answer, 0) != n:
                        report.mismatch(bin(free), phase, n, align, boundary, low, high, answer, bin(fits))
                else:
                    failed += 1
                    if answer != out_of_memory:
                        report.mismatch(bin(free), phase, n, align, boundary, low, high, answer, "none")
            before[STATE_FAILED] = failed
            if state != before:
                report.mismatch("state after", bin(free), phase)
            report.cases += len(rows)


def constraints_of_whole_words(report, tuples):
    """Check the search for more than 32 frames against the ends of each run.

    On all maps with each of their frames standing for 32 frames, one frame off the word boundaries; with `tuples`
    seeded tuples for each.
    """
    search = engine.search_within
    numbers = RandomNumbers(11)
    below = numbers.below
    shifted = 1
    frames = 16 * 32 + 32
    state = physmem_state.new_state(frames, 0)
    starts = STATE_ROW + frames // 32 + 1
    address = addressof(state)
    for free in range(0, MAPS, report.step):
        for i in range(frames // 32):
            bits = WORD << shifted & WORD if free >> i & 1 else 0
            if i and free >> (i - 1) & 1:
                bits |= (1 << shifted) - 1
            state[STATE_ROW + i] = bits
            state[starts + i] = bits ^ WORD
        runs = []
        for i in range(16):
            if free >> i & 1:
                if runs and runs[-1][1] == 32 * i + shifted:
                    runs[-1][1] += 32
                else:
                    runs.append([32 * i + shifted, 32 * i + 32 + shifted])
        for _ in range(tuples):
            phase = PHASES[below(5)]
            state[STATE_PHASE] = phase
            n = 32 * (1 + below(1 + below(16))) - 1 + below(3)
            align = 1 << below(8)
            boundary = 0
            if not below(3):
                boundary = 32
                while boundary < n:
                    boundary *= 2
                boundary <<= below(2)
            low = below(frames) if not below(3) else 0
            high = frames - below(frames + 1 - low) if not below(3) else frames
            answer = search(address, n, align, boundary, low, high)
            found = engine.OUT_OF_MEMORY
            for begin, end in runs:
                # Try each aligned number: take the first in the run and in the window that crosses no boundary.
                number = max(begin, low) + phase
                number += -number % align
                end = min(end, high) + phase
                while number + n <= end:
                    if not boundary or number // boundary == (number + n - 1) // boundary:
                        found = number - phase
                        break
                    number += align
                if found >= 0:
                    break
            if answer != found:
                report.mismatch(bin(free), "n", n, align, boundary, "window", low, high, phase, answer, found)
        report.cases += tuples


def never_frames(frames):
    """Return integers that are not frames of a region of `frames` frames.

    They lie just outside or far outside, or would be a frame if they were truncated to 8, 16, 30, 31, 32 or 64 bits.
    """
    numbers = [frames, frames + 1, 2 * frames, 1 << 20, -1, -2, -frames, -32, -33]
    for bits in (29, 30, 31, 32, 33, 40, 62, 63, 64):
        numbers.extend([1 << bits, (1 << bits) - 1, (1 << bits) + 3, -(1 << bits), -(1 << bits) + 3, -(1 << bits) - 1])
    for k in range(frames):
        numbers.append((1 << 32) + k)
    return numbers


def invalid_frees(report, place, kinds=(0, 1, 2), wide_step=64):
    """Check raw frees that must be refused, on all maps; a refusal leaves every byte as it was.

    A free of a frame that does not start an allocation is NOT_ALLOCATED; the used frames are grouped in three ways. One
    good free on each map is repeated: a double free. A number that is not a frame is ADDRESS_OUT_OF_RANGE: three of
    them on each map, and all of them on one map in `wide_step`.
    """
    numbers = RandomNumbers(3 + place.first)
    state = place.new_state()
    free_call = engine.raw_calls(state)[3]
    alloc_at = engine.raw_calls(state)[2]
    before = array("I", state)
    expected = array("I", state)
    frames, first = place.frames, place.first
    not_allocated, out_of_range = engine.NOT_ALLOCATED, engine.ADDRESS_OUT_OF_RANGE
    outside = never_frames(frames)
    turn = 0
    for free in range(0, MAPS, report.step):
        for kind in kinds:
            starts = grouped(free, kind, numbers)
            if first and kind == 1 and not free & 1:
                starts &= MAPS - 2  # the first frame continues the allocation before it
            place.fill(before, free, starts)
            place.fill(state, free, starts)
            for i in range(16):
                if starts >> i & 1:
                    continue
                if free_call(first + i) != not_allocated or state != before:
                    report.mismatch("free", bin(free), bin(starts), first + i)
            report.cases += 16
            # A good free of one of the 16 in turn: it frees its frames, and the second one is refused as a double free.
            i = turn % 16
            if starts >> i & 1:
                n = 1
                while i + n < 16 and not (starts | free) >> (i + n) & 1:
                    n += 1
                if free_call(first + i) != n:
                    report.mismatch("good free", bin(free), bin(starts), first + i, n)
                place.fill(expected, free | ((1 << n) - 1) << i, starts ^ 1 << i)
                if state != expected:
                    report.mismatch("state after good free", bin(free), bin(starts), first + i, n)
                if free_call(first + i) != not_allocated or state != expected:
                    report.mismatch("double free", bin(free), bin(starts), first + i, n)
                if alloc_at(first + i, n) != first + i or state != before:
                    report.mismatch("alloc_at", bin(free), bin(starts), first + i, n)
            for _ in range(len(outside) if free % wide_step == 0 else 3):
                turn += 1
                if free_call(outside[turn % len(outside)]) != out_of_range or state != before:
                    report.mismatch("free", bin(free), bin(starts), outside[turn % len(outside)])
                report.cases += 1
        for frame in range(0, first):
            if free % 16 == 0 and frame and (free_call(frame) != not_allocated or state != before):
                report.mismatch("free", bin(free), frame)


def resizes(report, place):
    """Check sizes of allocations that change in place, on all maps, with the used frames grouped in three ways.

    Each of the 16 frames gets another number of frames each time, and if that is granted its old number again. The
    state after each call is that of the map after the call.
    """
    numbers = RandomNumbers(5 + place.first)
    state = place.new_state()
    address = addressof(state)
    resize = engine.resize_allocation
    before = array("I", state)
    expected = array("I", state)
    frames, first = place.frames, place.first
    turn = 0
    for free in range(0, MAPS, report.step):
        for kind in (0, 1, 2):
            starts = grouped(free, kind, numbers)
            place.fill(before, free, starts)
            place.fill(state, free, starts)
            before[STATE_FEWEST_FREE] = state[STATE_FEWEST_FREE] = state[STATE_FREE]
            for i in range(16):
                turn += 1
                n = turn % 19
                old = 1
                while starts >> i & 1 and i + old < 16 and not (starts | free) >> (i + old) & 1:
                    old += 1
                more = (1 << max(n - old, 0)) - 1 << (i + old)
                less = (1 << max(old - n, 0)) - 1 << (i + n)
                if n == 0:
                    answer = engine.ZERO_ALLOCATION
                elif not starts >> i & 1:
                    answer = engine.NOT_ALLOCATED
                elif first + i + n > frames:
                    answer = engine.ADDRESS_OUT_OF_RANGE
                elif free & more != more:
                    answer = engine.ADDRESS_NOT_FREE
                else:
                    answer = n
                if resize(address, first + i, old, n) != answer:
                    report.mismatch("resize", bin(free), bin(starts), first + i, old, n, answer)
                state[STATE_VERSION] = 0
                if answer > 0:
                    place.fill(expected, free & ~more | less, starts)
                    before[STATE_FEWEST_FREE] = min(before[STATE_FEWEST_FREE], expected[STATE_FREE])
                    expected[STATE_FEWEST_FREE] = before[STATE_FEWEST_FREE]
                    if state != expected:
                        report.mismatch("state after resize", bin(free), bin(starts), first + i, old, n)
                    if resize(address, first + i, old, old) != (old if old == n else engine.NOT_ALLOCATED):
                        report.mismatch("wrong size", bin(free), bin(starts), first + i, old, n)
                    if resize(address, first + i, n, old) != old:
                        report.mismatch("resize back", bin(free), bin(starts), first + i, n, old)
                    state[STATE_VERSION] = 0
                if state != before:
                    report.mismatch("state after all", bin(free), bin(starts), first + i, old, n)
            report.cases += 16


def derived_words(report, place):
    """Check that `rebuild` derives the model's words from the two rows, on all maps.

    `check`, which is slow, must find nothing wrong on every 17th.
    """
    state = place.new_state()
    expected = array("I", state)
    for free in range(0, MAPS, report.step):
        place.fill(expected, free, free ^ MAPS - 1)
        place.fill(state, free, free ^ MAPS - 1)
        for i in (STATE_FREE, STATE_TOPS, STATE_TOPS + 3, len(state) - 1, len(state) - 3):
            state[i] = 0x5555
        physmem_state.rebuild(state)
        if state != expected or (free % 17 == 5 and physmem_state.check(state)):
            report.mismatch(bin(free), physmem_state.check(state))
        report.cases += 1


PARTS = {
    "derived": lambda report: derived_words(report, Place(*ACROSS_WORDS)),
    "alloc": lambda report: alloc_and_free(report, Place(*IN_ONE_WORD)),
    "alloc_across": lambda report: alloc_and_free(report, Place(*ACROSS_WORDS)),
    "alloc_at_end": lambda report: alloc_and_free(report, Place(*AT_THE_END)),
    "alloc_uneven": lambda report: alloc_and_free(report, Place(*UNEVEN)),
    "aligned": lambda report: aligned_search(report, Place(*IN_ONE_WORD), PHASES),
    "aligned_across": lambda report: aligned_search(report, Place(*ACROSS_WORDS), range(32)),
    "aligned_calls": lambda report: aligned_calls(report, Place(*ACROSS_WORDS), 5),
    "at": lambda report: calls_at_a_frame(report, Place(*ACROSS_WORDS)),
    "constraints": lambda report: constraints(report, Place(*IN_ONE_WORD), 24),
    "constraints_across": lambda report: constraints(report, Place(*ACROSS_WORDS), 24),
    "tuples": lambda report: every_constraint_tuple(report, Place(*IN_ONE_WORD)),
    "tuples_across": lambda report: every_constraint_tuple(report, Place(*ACROSS_WORDS)),
    "whole_words": lambda report: constraints_of_whole_words(report, 8),
    "frees": lambda report: invalid_frees(report, Place(*IN_ONE_WORD)),
    "frees_across": lambda report: invalid_frees(report, Place(*ACROSS_WORDS)),
    "resizes": lambda report: resizes(report, Place(*IN_ONE_WORD)),
    "resizes_across": lambda report: resizes(report, Place(*ACROSS_WORDS)),
    "resizes_at_end": lambda report: resizes(report, Place(*AT_THE_END)),
}


def forget_the_booted_system():
    """Free the heap that the unix port's booted regions use, and collect often.

    The engine needs no regions, and MicroPython allocates several times as slowly in a large, untidy heap.
    """
    for name in list(sys.modules):
        if name.startswith("physmem") and name not in ("physmem_engine", "physmem_state"):
            del sys.modules[name]
    gc.collect()
    if hasattr(gc, "threshold"):
        gc.threshold(_COLLECT_AFTER)


def run(part, step):
    """Run one part with one map in `step`. Return its number of mismatches."""
    report = Report(part, step)
    PARTS[part](report)
    return report.end()


if __name__ == "__main__":
    forget_the_booted_system()
    sys.exit(1 if sum([run(part, int(sys.argv[1])) for part in sys.argv[2:]]) else 0)
