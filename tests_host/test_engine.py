"""The engine alone, quickly: every answer is compared with the placement model, every word is checked with `check`.

The engine is physmem_engine, physmem_state, and the words of records in physmem_records and physmem_recover. These
tests run each of its lines and branches (test_coverage.py), and few of its mutants survive them
(campaigns/mutation.py).
"""

import random
import re
import struct
import sys
import types
import zlib
from array import array
from pathlib import Path
from unittest import mock

import physmem_engine as engine
import physmem_records
import physmem_recover
import physmem_state
from models.placement_model import PlacementModel
from physmem_state import (
    CLASSES,
    STATE_FAILED,
    STATE_FEWEST_FREE,
    STATE_FRAMES,
    STATE_FREE,
    STATE_LOCK,
    STATE_PHASE,
    STATE_PLANES,
    STATE_ROW,
    STATE_SPAN,
    STATE_TOPS,
    STATE_VERSION,
)
from uctypes import addressof

SMALL_INTEGERS = 1 << 30
FUNCTIONS_OF_THUMB = {  # -> the names by which the engine calls the variant it has chosen
    "count_failure": "_count_failure",
    "fill": "fill_memory",
    "flip_start": "join_or_split",
    "hold": "hold_lock",
    "in_interrupt": "in_handler",
    "let_go": "give_lock",
    "serve": "serve_call",
}


class Pair:
    """A state of the engine and a model of the same region, on which every call is made."""

    def __init__(self, frames, first_number=0, shared=False):
        self.frames = frames
        self.first_number = first_number
        self.state = physmem_state.new_state(frames, first_number, shared)
        self.address = addressof(self.state)
        self.calls = dict(zip(("alloc", "alloc_aligned", "alloc_at", "free"), engine.raw_calls(self.state)))
        self.model = PlacementModel(frames, first_number)

    def do(self, call, *arguments):
        """Make the call. Assert that its answer and the counts are the model's, and return the answer."""
        before = bytes(self.state)
        answer = self.calls[call](*arguments)
        expected = getattr(self.model, call)(*arguments)
        assert answer == expected, (
            self.frames,
            self.first_number,
            call,
            arguments,
            answer,
            expected,
            self.model.runs(),
        )
        assert self.counts() == (self.model.free_frames, self.frames - self.model.peak_used, self.model.failed)
        if answer < 0 and answer != engine.OUT_OF_MEMORY:
            assert bytes(self.state) == before, (call, arguments)
        return answer

    def resize(self, first, old, n):
        """Resize an allocation in place. Assert that the answer is the model's, and return it."""
        model, before = self.model, array("I", self.state)
        end = first + n
        if n < 1:
            expected = engine.ZERO_ALLOCATION
        elif old < 1 or model.allocations.get(first) != old:
            expected = engine.NOT_ALLOCATED
        elif end > self.frames:
            expected = engine.ADDRESS_OUT_OF_RANGE
        elif any(model.row[first + old : end]):
            expected = engine.ADDRESS_NOT_FREE
        else:
            expected = n
            model.row[first : first + old] = bytes(old)
            model.row[first:end] = b"\1" * n
            model.allocations[first] = n
            model.free_frames += old - n
            model.peak_used = max(model.peak_used, self.frames - model.free_frames)
        assert engine.resize_allocation(self.address, first, old, n) == expected, (first, old, n, model.runs())
        self.state[STATE_VERSION] = before[STATE_VERSION]
        assert expected > 0 or self.state == before
        assert self.counts() == (model.free_frames, self.frames - model.peak_used, model.failed)
        return expected

    def counts(self):
        state = self.state
        return state[STATE_FREE], state[STATE_FEWEST_FREE], state[STATE_FAILED]

    def sound(self):
        """Assert that the state agrees with the model, frame by frame, and derives from its rows."""
        assert physmem_state.check(self.state) == []
        self.same_rows()
        copy = array("I", self.state)
        physmem_state.rebuild(copy)
        assert copy == self.state

    def same_rows(self):
        row, allocations = self.model.row, self.model.allocations
        for frame in range(self.frames):
            end = row.find(1, frame)
            assert engine.next_used(self.address, frame) == (self.frames if end < 0 else end), frame
            assert engine.count(self.address, frame) == allocations.get(frame, 0), frame


def pair_with(free, first_number=0):
    """Return a Pair with one frame for each character of `free`.

    "." is a free frame. A run of the same letter is an allocation.
    """
    pair = Pair(len(free), first_number)
    frame = 0
    while frame < len(free):
        end = frame
        while end < len(free) and free[end] == free[frame]:
            end += 1
        if free[frame] != ".":
            assert pair.do("alloc_at", frame, end - frame) == frame
        frame = end
    return pair


MAPS = (
    "." * 70,
    "a" * 70,
    "aab..cc...ddddd....." * 3 + "e",
    "." * 31 + "a" + "." * 32 + "bb" + "." * 40,
    "a" * 31 + "." + "a" * 31 + "..",
    "a" + "." * 33 + "b" + "." * 34 + "cc" + "." * 33,
    ".a" * 40,
    "a" + "." * 100 + "b" + "." * 63 + "c" + "." * 65,
)


def test_codes():
    """The codes are the documented ones, with RuVix' names."""
    assert engine.OUT_OF_MEMORY == -1
    assert engine.ZERO_ALLOCATION == -2
    assert engine.ALLOCATION_TOO_LARGE == -3
    assert engine.UNALIGNED_ADDRESS == -4
    assert engine.ADDRESS_OUT_OF_RANGE == -5
    assert engine.NOT_ALLOCATED == -6
    assert engine.ADDRESS_NOT_FREE == -7
    assert engine.NOT_PERMITTED == -8


def test_mistakes():
    """Try the first and last integer of each kind of mistake, and integers that would be right if truncated."""
    for free in ("..a", "..a" + 4 * "....bb....cccc....", "a" * 31, "." * 30 + "a" * 30):
        mistakes_in(pair_with(free, 5))


def mistakes_in(pair):
    frames = pair.frames
    wide = [-1, -2, -frames, -SMALL_INTEGERS, SMALL_INTEGERS, SMALL_INTEGERS + 2]
    wide += [k + (sign << bits) for bits in (31, 32, 33, 62, 64, 70) for sign in (1, -1) for k in (0, 2)]
    for number in wide:
        pair.do("alloc", number)
        pair.do("alloc_aligned", number, 1)
        pair.do("alloc_aligned", 1, number)
        pair.do("alloc_at", number, 1)
        pair.do("alloc_at", 0, number)
        pair.do("free", number)
    for number in (0, frames + 1, frames + 2, 2 * frames, SMALL_INTEGERS - 1):
        pair.do("alloc", number)
        pair.do("alloc_aligned", number, 1)
        pair.do("alloc_aligned", number, 4)
        pair.do("alloc_at", 0, number)
    pair.do("alloc_aligned", 0, 3)
    for number in (0, 3, 5, 6, 7, 12, 33, 1023, SMALL_INTEGERS - 1):
        pair.do("alloc_aligned", 1, number)
    for frame, n in ((frames, 1), (frames - 1, 2), (0, frames), (1, frames), (SMALL_INTEGERS - 1, 1)):
        pair.do("alloc_at", frame, n)
    for frame in [*range(frames), frames, frames + 31, frames + 32, SMALL_INTEGERS - 1]:
        if frame not in pair.model.allocations:
            pair.do("free", frame)
    pair.sound()
    for frame in list(pair.model.allocations):
        assert pair.do("free", frame) > 0
        assert pair.do("free", frame) == engine.NOT_ALLOCATED
        pair.sound()


class Nameless(type):
    """A type whose name takes heap that there is not."""

    @property
    def __name__(cls):
        raise MemoryError


def test_what_is_not_an_integer():
    """It is a TypeError that names the argument and says what was given, and changes nothing; bools are integers."""
    pair = pair_with("aa.b....")
    before = array("I", pair.state)
    good = {"alloc": {"n": 1}, "alloc_aligned": {"n": 1, "align_frames": 1}, "alloc_at": {"frame": 4, "n": 1}}
    good["free"] = {"frame": 0}
    for call, arguments in good.items():
        for name in arguments:
            for wrong in (None, 1.0, 0.5, "1", b"1", (1,), [], object(), int, Nameless("Nameless", (), {})()):
                sentence = "an argument is not an integer: give a number of frames"
                if type(type(wrong)) is not Nameless:
                    sentence = f"{name} must be an integer, not {type(wrong).__name__}: give a number of frames"
                try:
                    result = pair.calls[call](*{**arguments, name: wrong}.values())
                except TypeError as error:
                    result = str(error)
                assert result == sentence
                assert pair.state == before
    calls = pair.calls
    assert (calls["alloc"](False), calls["alloc"](True), calls["alloc_at"](True, True)) == (-2, 2, -7)
    assert (calls["alloc_aligned"](True, True), calls["free"](True), calls["free"](False)) == (4, -6, 2)


def test_frames_and_allocations_one_by_one():
    """`next_used`, `count` and both rows are right on bitmaps with runs that end at, cross or start at word borders."""
    for free in MAPS:
        pair_with(free).sound()


def test_addresses():
    """They work for addresses and bases up to 2**64."""
    for shift in (5, 12, 20):
        for base in (0, 1 << 29, 0x60000000, (1 << 64) - (9 << shift)):
            for frame in range(9):
                for offset in (0, 1, (1 << shift) - 1):
                    addr = base + (frame << shift) + offset
                    assert engine.frame_of(addr, base, shift) == frame
                    assert engine.offset_in_frame(addr, 1 << shift) == offset


def test_split_and_join():
    """`join_or_split` is the engine's name for the function that changes one bit of the row of starts."""
    pair = pair_with("..aaaaaaaa" + "." * 20 + "bbbbbbbb..")
    for first, at, end in ((2, 5, 10), (2, 9, 10), (30, 31, 38), (30, 32, 38), (30, 33, 38)):
        engine.join_or_split(pair.address, at)
        assert (engine.count(pair.address, first), engine.count(pair.address, at)) == (at - first, end - at)
        assert physmem_state.check(pair.state) == []
        engine.join_or_split(pair.address, at)
        pair.sound()


def test_resizing():
    """In place, up to the next allocation or the end of the region; every size of every allocation, and what is not
    one. A start stays where it is."""
    maps = (
        "aaa..bb" + "." * 20 + "c" + "." * 5,
        "a" + "." * 31 + "b" + "." * 31,
        "." * 30 + "aaa" + "." * 40 + "b.",
        "." * 5 + "a" * 27 + "." * 32 + "b" * 33 + "." * 30 + "cc",
        "a" * 96,
    )
    for free in maps:
        pair = pair_with(free, 3)
        for first, old in list(pair.model.allocations.items()):
            for n in range(-1, pair.frames - first + 3):
                if pair.resize(first, old, n) > 0:
                    pair.sound()
                    assert pair.resize(first, n, old) == old
                    pair.sound()
            for n in (SMALL_INTEGERS - 1, pair.frames, pair.frames + 1):
                pair.resize(first, old, n)
            for wrong in (-1, 0, old - 1, old + 1, SMALL_INTEGERS - 1):
                assert pair.resize(first, wrong, 2) == engine.NOT_ALLOCATED
        for first in (-1, -SMALL_INTEGERS, pair.frames, pair.frames + 1, pair.frames + 64, SMALL_INTEGERS - 1):
            assert pair.resize(first, 1, 1) == engine.NOT_ALLOCATED
        for first in range(pair.frames):
            if first not in pair.model.allocations:
                assert pair.resize(first, 0, 1) == pair.resize(first, 1, 2) == engine.NOT_ALLOCATED
    # Each resized allocation can be freed.
    pair = pair_with("aaa" + "." * 67)
    for n in (70, 1, 33, 64, 2, 32, 31):
        assert pair.resize(0, pair.model.allocations[0], n) == n
        assert pair.do("free", 0) == n
        pair.do("alloc", n)
    pair.sound()


def test_resizing_at_random():
    """Between other calls, in regions of several groups of words too; the version is a small integer and grows."""
    numbers = random.Random(11)
    for frames in (70, 1100, 2049):
        pair = Pair(frames, 3)
        random_operations(pair, numbers, 60, 9)
        grown = 0
        for _ in range(60):
            random_operations(pair, numbers, 3, 9)
            while 2 * pair.model.free_frames < frames:
                pair.do("free", numbers.choice(list(pair.model.allocations)))
            for first, old in numbers.sample(
                sorted(pair.model.allocations.items()), min(3, len(pair.model.allocations))
            ):
                grown += pair.resize(first, old, max(1, old + numbers.randint(-9, 9))) > old
        assert grown > 10
        pair.sound()
    state = pair.state
    for version, after in ((0, 1), (SMALL_INTEGERS - 2, SMALL_INTEGERS - 1), (SMALL_INTEGERS - 1, 0)):
        state[STATE_VERSION] = version
        engine.resize_allocation(pair.address, 0, 0, 1)
        assert state[STATE_VERSION] == version  # what cannot be an allocation takes no lock
        engine.resize_allocation(pair.address, 0, frames, 1)
        assert state[STATE_VERSION] == after


def test_resizing_whole_groups_of_words():
    """One top bit stands for two groups of 32 words in a region of 34 groups; both are filled, and emptied again."""
    for frames, sizes in ((33800, (2100, 1, 1056, 2080, 3000, 33800, 5)), (2048, (2048, 1, 1024, 1023, 1025, 2))):
        state = physmem_state.new_state(frames, 0)
        address = addressof(state)
        alloc, _, _, free = engine.raw_calls(state)
        assert alloc(1) == 0
        old = 1
        for n in sizes:
            assert engine.resize_allocation(address, 0, old, n) == n == engine.count(address, 0)
            old = n
            assert state[STATE_FREE] == frames - n and engine.next_used(address, n) == frames
            rebuilt = array("I", state)
            physmem_state.rebuild(rebuilt)
            assert state == rebuilt
        assert physmem_state.check(state) == [] and free(0) == old


def test_resizing_holds_the_lock():
    """The lock is held from before the first look to after the last store, and given back for every answer."""
    pair = pair_with("aa..b....")
    held = []
    patches = {
        "hold_lock": lambda address: held.append("hold") or 5,
        "give_lock": lambda address, before: held.append(before),
        "count": lambda *given, count=engine.count: held.append("look") or count(*given),
        "reclass": lambda *given, reclass=engine.reclass: (
            reclass(*given) or (given[1] <= given[2] and held.append("stored"))
        ),  # of no words: is there room on the stack?
    }
    with mock.patch.multiple(engine, **patches):
        for n, changes in ((4, 1), (5, 0), (2, 1), (2, 0), (10, 0)):
            held.clear()
            engine.resize_allocation(pair.address, 0, engine.count(pair.address, 0), n)
            assert held[1:] == ["hold", "look"] + ["stored"] * changes + [5]
        held.clear()
        assert engine.forget_fewest(pair.address) == 0
        assert held == ["hold", 5]


def test_forgetting_the_fewest():
    """The fewest free frames become those that are free now."""
    pair = pair_with("aaa....")
    pair.do("alloc", 4)
    pair.do("free", 3)
    assert pair.counts() == (4, 0, 0)
    assert engine.forget_fewest(pair.address) == 0 and pair.counts() == (4, 4, 0)
    pair.model.peak_used = 3
    pair.do("alloc", 1)
    assert pair.counts() == (3, 3, 0)
    pair.sound()


def test_filling():
    """Each word of the bytes gets the 16 bits twice; the words around stay."""
    for nbytes in (0, 32, 64, 96, 1024):
        for half in (0, 1, 0x8000, 0xFFFF, 0x1234, 0xA5 * 0x101):
            words = array("I", range(1, 1 + nbytes // 4 + 16))
            engine.fill_memory(addressof(words), 32, nbytes, half)
            expected = array("I", range(1, 1 + len(words)))
            for i in range(8, 8 + nbytes // 4):
                expected[i] = half * 0x10001
            assert words == expected, (nbytes, half)


def test_largest_free():
    """It is the model's: that many frames can be allocated, and one more cannot."""
    for first_number in (0, 1, 6, 29):
        for free in MAPS:
            pair = pair_with(free, first_number)
            for align in (1, 2, 8, 32, 64, 1 << 29):
                largest = engine.largest_free(pair.state, align)
                assert largest == pair.model.largest(align)
                assert pair.do("alloc_aligned", largest + 1, align) in (
                    engine.OUT_OF_MEMORY,
                    engine.ALLOCATION_TOO_LARGE,
                )
                if largest:
                    assert pair.do("free", pair.do("alloc_aligned", largest, align)) == largest


def test_failures_are_counted():
    """Only failed searches for at most as many frames as the region has are counted."""
    pair = pair_with("..aa" * 20, 1)
    for turn, call in enumerate((("alloc", 3), ("alloc", 32), ("alloc", 33), ("alloc", 80), ("alloc_aligned", 2, 2))):
        pair.do(*call)
        assert pair.state[STATE_FAILED] == turn + 1
    for call in (("alloc", 81), ("alloc_aligned", 81, 2), ("alloc_at", 1, 2), ("free", 0), ("alloc", 0)):
        pair.do(*call)
        assert pair.state[STATE_FAILED] == 5
    assert engine.allocate_within(pair.address, 2, 1, 0, 1, 4) == engine.OUT_OF_MEMORY
    assert engine.allocate_within(pair.address, 81, 1, 0, 0, 80) == engine.ALLOCATION_TOO_LARGE
    assert pair.state[STATE_FAILED] == 6


def test_a_search_in_vain_ends_with_the_last_group():
    """Words have runs of two frames but not of three, up to the end of the last group of words."""
    for frames in (1023, 1024, 2048):
        pair = pair_with(("..a" * frames)[:frames])
        assert pair.do("alloc", 3) == pair.do("alloc_aligned", 3, 2) == engine.OUT_OF_MEMORY


def test_the_number_of_the_first_frame():
    """Alignment applies to frame numbers, even if they are wider than a word of the state."""
    for number in (1 << 30, (1 << 32) - 20, (1 << 59) - 77):
        pair = Pair(70, number)
        for align in (1, 2, 8, 32, 64):
            pair.do("alloc_aligned", 2, align)
        pair.sound()
        assert physmem_state.new_state(70, number) == physmem_state.new_state(70, number % (1 << 30))


def random_operations(pair, numbers, count, longest):
    """Make `count` random calls for up to `longest` frames; the region fills and empties."""
    live = list(pair.model.allocations)
    frees = 0.3
    for _ in range(count):
        if numbers.random() < 0.02:
            frees = numbers.choice((0.1, 0.3, 0.45, 0.7))
        kind = numbers.random()
        n = numbers.randint(1, min(longest, pair.frames))
        if kind < frees and live:
            pair.do("free", live.pop(numbers.randrange(len(live))))
            continue
        if kind > 0.9:
            frame = pair.do("alloc_at", numbers.randrange(pair.frames), n)
        elif kind > 0.8:
            frame = pair.do("alloc_aligned", n, 1 << numbers.randrange(8))
        else:
            frame = pair.do("alloc", n)
        if frame >= 0:
            live.append(frame)


def test_an_extended_state():
    """It keeps the old state's frames in use, its peak and its failures."""
    for old, new in ((5, 6), (31, 33), (40, 70), (64, 65), (64, 1100), (1000, 1100)):
        pair = Pair(old, 9)
        random_operations(pair, random.Random(old), 60, 5)
        pair.do("alloc", old)
        while pair.do("alloc", 2) >= 0:
            pass
        model = PlacementModel(new, 9)
        model.row[:old] = pair.model.row
        model.allocations = dict(pair.model.allocations)
        model.free_frames = pair.model.free_frames + new - old
        model.peak_used, model.failed = pair.model.peak_used, pair.model.failed
        state = physmem_state.extended_state(pair.state, new)
        pair.sound()
        pair.state, pair.frames, pair.model = state, new, model
        pair.address = addressof(state)
        pair.calls = dict(zip(pair.calls, engine.raw_calls(state)))
        assert pair.counts() == (model.free_frames, new - model.peak_used, model.failed)
        pair.sound()
        random_operations(pair, random.Random(new), 40, 10)
        pair.sound()


def test_an_emptied_state():
    """Nothing can be allocated or freed; the failures are kept."""
    for frames in (1, 32, 33, 70, 1100):
        pair = Pair(frames)
        random_operations(pair, random.Random(4), 20, 5)
        failed = pair.state[STATE_FAILED]
        starts = list(pair.model.allocations)
        physmem_state.empty(pair.state)
        assert pair.counts() == (0, 0, failed)
        for call in ("alloc", 1), ("alloc_aligned", 1, 1):
            assert pair.calls[call[0]](*call[1:]) == engine.OUT_OF_MEMORY
        assert pair.calls["alloc_at"](0, 1) == engine.ADDRESS_NOT_FREE
        assert physmem_state.check(pair.state) == ["invariant 2: frame 0 is in use and belongs to no allocation"]
        for frame in starts:
            assert pair.calls["free"](frame) == engine.NOT_ALLOCATED


def test_rebuild():
    """The derived words are made from the two rows, whatever was in them; the history is kept."""
    pair = pair_with(MAPS[2] + MAPS[3])
    for alignment in (1, 2):
        pair.do("alloc_aligned", 100, alignment)
    before = array("I", pair.state)
    rows = range(STATE_ROW, before[STATE_PLANES])
    history = (STATE_FAILED, STATE_FEWEST_FREE)
    derived = [STATE_FREE, *range(STATE_TOPS, STATE_TOPS + CLASSES)]
    derived += range(before[STATE_PLANES], len(before))
    assert not set(derived) & {*rows, *history}
    for rubbish in (0, 0xFFFFFFFF, 0x5555AAAA):
        for i in derived:
            pair.state[i] = rubbish
        physmem_state.rebuild(pair.state)
        assert pair.state == before
    pair.state[STATE_FEWEST_FREE] = 0xFFFF
    physmem_state.rebuild(pair.state)
    assert pair.state[STATE_FEWEST_FREE] == pair.model.free_frames
    pair.state[STATE_FEWEST_FREE] = 1
    physmem_state.rebuild(pair.state)
    assert pair.state[STATE_FEWEST_FREE] == 1


def found_wrong(state, changes):
    """Return what `check` says of a copy of `state` with `changes`, a list of ``(word, bits that change)``."""
    copy = array("I", state)
    for word, bits in changes:
        copy[word] ^= bits
    return physmem_state.check(copy)


def test_check_names_the_invariant():
    """It names each invariant that is broken, with the frame or word, and nothing else."""
    pair = pair_with("..aaa" + "." * 40 + "bb" + "." * 53 + 20 * "c")  # 120 frames: four words
    state = pair.state
    row, starts = STATE_ROW, physmem_state.starts_of(state)
    planes, tops = state[STATE_PLANES], STATE_TOPS
    free_frames = pair.model.free_frames
    assert found_wrong(state, []) == []
    layout = ["state: the layout does not fit 120 frames"]
    for off in (-1, 1):
        longer = state + array("I", [0]) if off > 0 else state[:-1]
        longer[STATE_PLANES] += off
        assert physmem_state.check(longer) == layout
    assert physmem_state.check(state[:-1]) == layout and physmem_state.check(state + array("I", [0])) == layout
    # A frame that is free and a start; the start of an allocation lost.
    assert found_wrong(state, [(starts, 1)]) == ["invariant 1: frame 0 is free and the start of an allocation"]
    assert found_wrong(state, [(starts + 1, 1 << 13)]) == [
        "invariant 2: frame 45 is in use and belongs to no allocation"
    ]
    # Bits past the last frame, in each row, and the start bit there, which ends every measurement.
    for bit in (121, 127, 128, 159):
        sentence = f"invariant 3: bit {bit} past the last of 120 frames is wrong"
        assert found_wrong(state, [(starts + bit // 32, 1 << bit % 32)]) == [sentence]
        assert sentence in found_wrong(state, [(row + bit // 32, 1 << bit % 32)])
    assert found_wrong(state, [(starts + 3, 1 << 24)]) == ["invariant 3: bit 120 past the last of 120 frames is wrong"]
    odd = physmem_state.new_state(70, 0)  # three words
    for bit in (71, 95, 96, 127):
        changes = [(physmem_state.starts_of(odd) + bit // 32, 1 << bit % 32)]
        assert found_wrong(odd, changes) == [f"invariant 3: bit {bit} past the last of 70 frames is wrong"]
    # Counts.
    assert found_wrong(state, [(STATE_FREE, 1 << 8)]) == [
        f"invariant 4: {free_frames + 256} frames are counted free, {free_frames} are"
    ]
    assert found_wrong(state, [(STATE_FEWEST_FREE, 128)]) == [
        f"invariant 4: {free_frames} frames are free, fewer than the fewest, {free_frames + 128}"
    ]
    assert found_wrong(state, [(STATE_FEWEST_FREE, 1)]) in (
        [],
        [  # a smaller number is history
            f"invariant 4: {free_frames} frames are free, fewer than the fewest, {free_frames + 1}"
        ],
    )
    # The longest run that starts in word 0 has 40 frames, in word 1 (after 45 and 46) 53. Word 2 has 36 frames of it,
    # and word 3 has 4.
    for word, longest in enumerate((40, 53, 36, 4)):
        for c in range(6):
            is_in = longest >= 1 << c
            assert bool(state[planes + c] >> word & 1) == is_in
            assert found_wrong(state, [(planes + c, 1 << word)]) == [
                f"invariant 5: word {word} has runs of {1 << c} frames: {is_in}"
            ]
    for c in range(6):
        assert found_wrong(state, [(tops + c, 1)]) == [
            f"invariant 6: the top for runs of {1 << c} frames does not name their groups"
        ]


def names_of_the_engine(code, modules, implementation):
    """Run the engine's code with another `sys.implementation` and other modules. Return its names."""
    names = {}
    with mock.patch.dict(sys.modules, modules), mock.patch.object(sys, "implementation", implementation):
        exec(code, names)
    return names


ONE_FRAME_USED = physmem_state.new_state(1, 0)
ONE_FRAME_USED[STATE_FEWEST_FREE] = 0


def test_which_machine_code():
    """MicroPython tells in `_mpy` which machine code it accepts: bits 10 to 13 are an architecture.

    Architectures 4 to 8 have Thumb; there the functions are those of physmem_thumb, and the raw calls are those of
    physmem_direct, unless an assumption does not hold. No other keeps the two modules. MicroPython has no casts to
    import.
    """
    thumb, direct = types.ModuleType("physmem_thumb"), types.ModuleType("physmem_direct")
    thumb.LAYOUT = engine.LAYOUT
    for name in FUNCTIONS_OF_THUMB:
        setattr(thumb, name, object())
    made = None
    given = []

    def raw_calls_of(*arguments):
        given.append(arguments)
        return made

    direct.raw_calls_of = raw_calls_of
    micropython = types.ModuleType("micropython")
    micropython.const = micropython.viper = lambda value: value
    modules = {"physmem_thumb": thumb, "physmem_direct": direct, "micropython": micropython}
    code = compile(Path(engine.__file__).read_text(), engine.__file__, "exec")
    for architecture in range(16):
        for made in (None, object()):
            for others in (0, 0x3FF, 0xC000, 0x3C3FF):
                implementation = types.SimpleNamespace(_mpy=architecture << 10 | others)
                names = names_of_the_engine(code, modules, implementation)
                has_thumb = architecture in (4, 5, 6, 7, 8)
                source = vars(thumb) if has_thumb else names
                for name, used_as in FUNCTIONS_OF_THUMB.items():
                    assert names[used_as] is source[name], (architecture, name)
                assert names["calls_are_direct"] is (has_thumb and made is not None)
                if names["calls_are_direct"]:
                    assert names["raw_calls"] is made
                else:
                    assert names["raw_calls"].__name__ == "closure_calls"
                assert names.keys().isdisjoint(["physmem_thumb", "physmem_direct", "_closures", "_small_integer"])
    assert len(given) == 5 * 2 * 4
    for of_thumb, state, small_integer in given:
        assert of_thumb is thumb and bytes(state) == bytes(ONE_FRAME_USED)
        assert [small_integer(value, "n") for value in (5, True, -1, SMALL_INTEGERS - 1, SMALL_INTEGERS)] == [
            *(5, 1, -1),
            *(SMALL_INTEGERS - 1, -1),
        ]
    names = names_of_the_engine(code, {"physmem_thumb": None}, types.SimpleNamespace())
    assert names["serve_call"] is names["serve"]


def test_the_layout():
    """It is that of the table in the engine's docstring, and all files of the library have the same numbers."""
    assert (*range(9), 14, 15, 6) == engine.LAYOUT
    layout = {name: value for name, value in vars(physmem_state).items() if name.startswith("STATE_")}
    assert tuple(layout.values()) + (CLASSES,) == engine.LAYOUT
    copies = []
    for path in Path(engine.__file__).parent.glob("*.py"):
        for name, number in re.findall(r"^_(STATE_\w+) = const\((\d+)\)", path.read_text(), re.MULTILINE):
            if name in layout:
                copies.append(path.stem)
                assert int(number) == layout[name], (path, name)
    assert copies.count("physmem_engine") == len(layout) and len(set(copies)) > 4


def test_machine_code_of_another_layout():
    """It is refused with a sentence, before anything of it is called, as are those that have none."""
    micropython = types.ModuleType("micropython")
    micropython.const = micropython.viper = lambda value: value
    code = compile(Path(engine.__file__).read_text(), engine.__file__, "exec")
    others = [tuple(word ^ (i == j) for j, word in enumerate(engine.LAYOUT)) for i in range(len(engine.LAYOUT))]
    for layout in (None, 0, (), engine.LAYOUT[:-1], *others):
        thumb, direct = types.ModuleType("physmem_thumb"), types.ModuleType("physmem_direct")  # without any function
        if layout is not None:
            thumb.LAYOUT = layout
        modules = {"physmem_thumb": thumb, "physmem_direct": direct, "micropython": micropython}
        sentence = None
        try:
            names_of_the_engine(code, modules, types.SimpleNamespace(_mpy=7 << 10))
        except ImportError as error:
            sentence = str(error)
        wanted = "physmem_thumb is of another version than physmem_engine: install both from one release"
        assert sentence == wanted, layout


def test_the_spin_lock_of_the_board():
    """The register that is named is free, and the lock of states that are made from then on; 0 names none.

    Bit 1 of the lock word of a state that is not shared says that its calls refuse interrupt handlers.
    """
    registers = array("I", [0, 0, 0])
    register = addressof(registers) + 4
    with mock.patch.object(engine, "lock_word", [1]):
        for lock in (register, 0):
            assert not physmem_state.has_spin_lock()
            physmem_state.use_spin_lock(lock)
            assert registers.tolist() == [0, 1, 0]
            assert physmem_state.has_spin_lock() == (lock != 0)
            assert physmem_state.spin_lock() == lock
            for platform in ("linux", "qemu", "rp2"):
                with mock.patch.object(sys, "platform", platform):
                    assert physmem_state.lacks_spin_lock() == (platform == "rp2" and not lock)
            assert engine.lock_word == [lock | 1] and not lock & 3
            physmem_state.use_spin_lock(0)
        assert physmem_state.new_state(40, 3, True)[STATE_LOCK] == 1
        with mock.patch.object(engine, "free_spin_lock") as free:  # an address of 32 bits, where there is no memory
            physmem_state.use_spin_lock(0xD000017C)
        free.assert_called_once_with(0xD000017C)
        for kind in (False, True):
            state = physmem_state.new_state(40, 3, kind)
            assert state[STATE_LOCK] == (0xD000017D if kind else 0xD000017F)
            assert physmem_state.extended_state(state, 80)[STATE_LOCK] == state[STATE_LOCK]


def test_interrupt_handlers():
    """In a handler every call on a region that is not shared is refused and changes nothing, even where the chip's
    other core is kept out by a lock; every call on a shared region works."""
    for lock, permitted in ((0, False), (0x103, False), (1, True), (0x101, True)):
        pair = pair_with("..aa..." + "." * 60 + "bbb")
        pair.state[STATE_LOCK] = lock
        calls = [
            (pair.calls["alloc"], (1,), 0),
            (pair.calls["alloc"], (40,), 4),
            (pair.calls["alloc"], (70,), engine.OUT_OF_MEMORY),
            (pair.calls["alloc_aligned"], (2, 2), 44),
            (pair.calls["alloc_at"], (60, 3), 60),
            (pair.calls["alloc_at"], (2, 1), engine.ADDRESS_NOT_FREE),
            (pair.calls["free"], (2,), 2),
            (pair.calls["free"], (3,), engine.NOT_ALLOCATED),
            (engine.allocate_within, (pair.address, 2, 1, 0, 50, 70), 50),
            (engine.allocate_within, (pair.address, 20, 1, 0, 50, 70), engine.OUT_OF_MEMORY),
            (engine.join_or_split, (pair.address, 68), 0),
            (engine.resize_allocation, (pair.address, 60, 3, 4), 4),
            (engine.resize_allocation, (pair.address, 60, 4, 3), 3),
            (engine.forget_fewest, (pair.address,), 0),
        ]
        before = array("I", pair.state)
        with mock.patch.object(engine, "in_handler", lambda: 16):
            for call, arguments, answer in calls:
                assert call(*arguments) == (answer if permitted else engine.NOT_PERMITTED), (lock, arguments)
                assert permitted or pair.state == before, call
        if not permitted:
            for call, arguments, answer in calls:
                assert call(*arguments) == answer, (lock, arguments)
        assert physmem_state.check(pair.state) == []
        assert [engine.count(pair.address, frame) for frame in (0, 4, 44, 60, 50, 67, 68)] == [1, 40, 2, 3, 2, 1, 2]


def test_turns():
    """The holder of the turn may take it again, and returns it as often; no other has it meanwhile.

    Each step is done with the lock held.
    """
    state, turn = physmem_state.new_state(1, 0, True), array("I", [0, 0])
    address, words = addressof(state), addressof(turn)
    held = []
    with mock.patch.multiple(
        engine, hold_lock=lambda address: held.append(turn.tolist()) or 5, give_lock=lambda *given: held.append(given)
    ):
        for count in (1, 2, 3):
            engine.enter(address, words, 7)
            assert turn.tolist() == [7, count]
        for count in (2, 1):
            engine.leave(address, words)
            assert turn.tolist() == [7, count]
    assert held[1::2] == [(address, 5)] * 5 and len(held) == 10
    looks = []

    def look(address):
        """Hold the lock for a caller that waits; the holder of the turn leaves after five looks."""
        looks.append(turn.tolist())
        if len(looks) == 5:
            turn[0] = turn[1] = 0
        return 5

    for who in (3, 9):
        turn[0], turn[1] = 7, 1
        looks.clear()
        with mock.patch.multiple(engine, hold_lock=look, give_lock=lambda *given: None):
            engine.enter(address, words, who)
        assert looks == [[7, 1]] * 5 and turn.tolist() == [who, 1]
    with mock.patch.multiple(engine, hold_lock=lambda address: 5, give_lock=lambda *given: None):
        engine.leave(address, words)
    assert turn.tolist() == [0, 0]


class Interrupts:
    """Replaces a function of the engine and runs `handler` once, after its first call; records when the lock is held.

    `held` is what the engine is told then.
    """

    def __init__(self, name, handler, held=1):
        self.function = getattr(engine, name)
        self.handler = handler
        self.held = held
        self.events = []
        self.patches = mock.patch.multiple(
            engine, **{name: self.interrupted, "hold_lock": self.hold, "give_lock": self.let_go}
        )

    def interrupted(self, *arguments):
        self.events.append("search")
        answer = self.function(*arguments)
        handler, self.handler = self.handler, None
        return (handler() or answer) if handler else answer

    def hold(self, address):
        self.events.append("hold")
        return self.held

    def let_go(self, address, held):
        assert held == self.held
        self.events.append("let go")


def test_no_interrupts_here():
    """The viper functions have no lock to take."""
    assert engine.hold(0) == 0 and engine.let_go(0, 0) is None
    assert engine.in_interrupt() == 0


LOCKS = (1, 0x101, 0x103)
"""Lock words of a region that others may change meanwhile: interrupt handlers, the other core, or both."""


def changed_meanwhile(pair, change):
    """Return what an interrupt handler does in the middle of a call: make the changes, and count the version, which
    here the viper code does not."""

    def handler():
        change()
        pair.state[STATE_VERSION] = (pair.state[STATE_VERSION] + 1) % SMALL_INTEGERS

    return handler


def within(pair, lock, handler, *arguments):
    """Allocate by constraints with that lock, and with the handler after the first search. Return the result, and what
    the call did, in order."""
    pair.state[STATE_LOCK] = lock
    interrupts = Interrupts("search_within", handler)
    with interrupts.patches:
        answer = engine.allocate_within(pair.address, *arguments)
    pair.state[STATE_LOCK] = 0
    assert physmem_state.check(pair.state) == []
    return answer, interrupts.events


AGAIN = ["search", "hold", "search", "let go"]


def test_a_place_that_is_gone():
    """Between a search and the claim, an interrupt handler takes the place that was found.

    The search is repeated with the lock held. If the handler took the last place, the request fails and counts once.
    """
    for lock in LOCKS:
        for free, second in ((40 * "." + "a" + 40 * ".", 41), (40 * "." + "a", engine.OUT_OF_MEMORY)):
            pair = pair_with(free)
            take = changed_meanwhile(pair, lambda pair=pair: pair.calls["alloc_at"](0, 1))
            assert within(pair, lock, take, 40, 1, 0, 0, pair.frames) == (second, AGAIN)
            assert pair.state[STATE_FAILED] == (second < 0)
            assert pair.state[STATE_FREE] == free.count(".") - 1 - 40 * (second > 0)


def test_a_place_that_came():
    """An interrupt handler frees behind the search: what would have failed is met, or gets the lower place."""
    for lock in LOCKS:
        for bitmap in ("a" * 50 + "bb", "a" * 50 + "bb" + 40 * "."):
            pair = pair_with(bitmap)
            give = changed_meanwhile(pair, lambda pair=pair: pair.calls["free"](0))
            assert within(pair, lock, give, 40, 1, 0, 0, pair.frames) == (0, AGAIN)
            assert pair.state[STATE_FAILED] == 0


def test_nothing_came_or_went():
    """The search is not repeated; a failure counts once, and each section that physmem_thumb does not make counts the
    version, which is a small integer: one of 30 bits."""
    for version, after in ((0, 1), (SMALL_INTEGERS - 2, SMALL_INTEGERS - 1), (SMALL_INTEGERS - 1, 0)):
        for lock in LOCKS:
            for bitmap, place in ((40 * ".", 0), (39 * ".", engine.OUT_OF_MEMORY)):
                pair = pair_with(bitmap)
                pair.state[STATE_VERSION] = version
                found = within(pair, lock, None, min(40, pair.frames), 1, 0, 40 - pair.frames, pair.frames)
                assert found == (place, ["search", "hold", "let go"]), (lock, bitmap)
                assert pair.state[STATE_FAILED] == (place < 0)
                counts_itself = place == 0 and lock == 1
                assert pair.state[STATE_VERSION] == (version if counts_itself else after)
    pair = pair_with(40 * ".")
    assert within(pair, 0, None, 40, 1, 0, 0, 40) == (0, ["search"])
    assert within(pair, 0, None, 1, 1, 0, 0, 40) == (engine.OUT_OF_MEMORY, ["search"])
    assert pair.state[STATE_VERSION] == 0 and pair.state[STATE_FAILED] == 1


def test_frames_behind_that_come_or_go():
    """Between the look at the frames behind and the lock, an interrupt handler frees or takes one: the resize sees it.

    Whether the allocation is as stated is only asked with the lock held.
    """
    far = "aaa" + "." * 70
    for bitmap, call, arguments, sizes, answer in (
        ("aaabb", "free", (3,), (3, 5), 5),
        ("aaa..", "alloc_at", (4, 1), (3, 5), engine.ADDRESS_NOT_FREE),
        (far, "alloc_at", (40, 1), (3, 70), engine.ADDRESS_NOT_FREE),
        (far, "alloc_at", (69, 1), (3, 70), engine.ADDRESS_NOT_FREE),
        (far, "alloc_at", (70, 1), (3, 70), 70),
        ("aaa..", "alloc_at", (4, 1), (3, 2), 2),
        ("aaa..", "free", (0,), (3, 5), engine.NOT_ALLOCATED),
        ("aaa..", "free", (0,), (3, 3), engine.NOT_ALLOCATED),
    ):
        pair = pair_with(bitmap)
        pair.state[STATE_LOCK] = 1
        change = changed_meanwhile(pair, lambda pair=pair, call=call, arguments=arguments: pair.calls[call](*arguments))
        held = []

        def hold(address, change=change, held=held):
            change()
            held.append(address)
            return 5

        with mock.patch.multiple(engine, hold_lock=hold, give_lock=lambda *given, held=held: held.append(given)):
            assert engine.resize_allocation(pair.address, 0, *sizes) == answer, (bitmap, call, arguments)
        assert held == [pair.address, (pair.address, 5)]
        assert physmem_state.check(pair.state) == []
        allocated = 0 if answer == engine.NOT_ALLOCATED else answer if answer > 0 else sizes[0]
        assert engine.count(pair.address, 0) == allocated


def test_random_operations_on_large_regions():
    """More than 32 words make several groups; the calls are near the end."""
    numbers = random.Random(2)
    for frames, counted in ((1100, 200), (2049, 200)):
        pair = Pair(frames, numbers.randrange(300), frames == 2049)
        pair.do("alloc_at", 0, frames - 200)
        for longest in (3, 40, 120):
            random_operations(pair, numbers, counted, longest)
            assert physmem_state.check(pair.state) == []


def test_shared():
    """The lock word of the state tells it, and nothing else changes that word; an extended state has it too."""
    for frames in (70, 33000):
        state, shared = physmem_state.new_state(frames, 3), physmem_state.new_state(frames, 3, True)
        alloc, _, _, free = engine.raw_calls(shared)
        assert [alloc(3), alloc(40), free(0), alloc(1)] == [0, 3, 3, 0]
        assert physmem_state.check(shared) == []
        assert free(0) == 1 and free(3) == 40
        shared[STATE_FEWEST_FREE] = frames
        different = [(one, other) for one, other in zip(state, shared) if one != other]
        assert different == [(0, 1)] and shared[STATE_LOCK] == 1
    for kind in (False, True):
        for old, new in ((40, 80), (33000, 33001)):
            state = physmem_state.extended_state(physmem_state.new_state(old, 3, kind), new)
            assert state[STATE_LOCK] == kind and physmem_state.check(state) == []


def test_a_new_state():
    """It is as long as documented, for every size up to 70 and around sizes that fill a group of words or a top bit."""
    for frames in [*range(1, 71), 1023, 1024, 1025, 2048, 2049, 32767, 32768, 32769, 65536, 65537]:
        state = physmem_state.new_state(frames, 0)
        words = -(-frames // 32)
        span = next(span for span in range(10) if 32 << span >= -(-words // 32))
        groups = (1 << span) * -(-words // (32 << span))
        assert state[STATE_SPAN] == span and state[STATE_PLANES] == STATE_ROW + 2 * (words + 1)
        assert len(state) == STATE_ROW + 2 * (words + 1) + CLASSES * groups
        counts = state[STATE_FREE], state[STATE_FEWEST_FREE], state[STATE_FAILED]
        assert counts == (frames, frames, 0)
        assert physmem_state.check(state) == []
        assert engine.next_used(addressof(state), 0) == frames
        alloc, _, _, free = engine.raw_calls(state)
        assert alloc(frames) == 0 and alloc(1) == engine.OUT_OF_MEMORY and free(0) == frames


def test_random_operations():
    """On regions of many sizes; every word of the state is checked after every few operations."""
    numbers = random.Random(1)
    for frames in (1, 2, 31, 32, 33, 63, 64, 65, 96, 100, 161, 300):
        for longest in (3, 8, 40, 120):
            pair = Pair(frames, numbers.randrange(300))
            for _ in range(5):
                random_operations(pair, numbers, 20, longest)
                pair.sound()


class PowerCut(Exception):
    """The power has failed: no more stores take place."""


class Cut:
    """Words in which only that many stores take place."""

    def __init__(self, words, stores):
        self.words = words
        self.left = stores

    def __getitem__(self, i):
        return self.words[i]

    def __setitem__(self, i, value):
        if self.left == 0:
            raise PowerCut
        self.left -= 1
        self.words[i] = value


def cuts(pair, call, *arguments):
    """Cut the raw call after no store, after one, and so on up to all of them.

    Return a state for each, and the state after the complete call.
    """
    before = array("I", pair.state)
    states = []
    while True:
        cut = Cut(pair.state, len(states))
        with mock.patch.object(engine, "ptr32", lambda address, cut=cut: cut):
            try:
                pair.calls[call](*arguments)
            except PowerCut:
                pass
            else:
                break
        states.append(array("I", pair.state))
        pair.state[:] = before
    after = array("I", pair.state)
    pair.state[:] = before
    return [*states, after], after


def rows(state):
    return state[STATE_ROW : state[STATE_PLANES]]


def free_frames(state):
    return sum(word.bit_count() for word in rows(state)[: (state[STATE_FRAMES] + 31) // 32])


def test_recover():
    """A cut allocation is undone unless all its bits are there; a release that has started is completed.

    Then all words are sound, and as many frames are free as `recover` says. Calls are cut at every store.
    """
    pair = pair_with("a" * 20 + "." * 100 + "bb" + "." * 10 + "c" * 40 + "dd...e")
    for call, arguments in (
        ("alloc", (1,)),
        ("alloc", (12,)),
        ("alloc", (13,)),
        ("alloc", (100,)),
        ("alloc_at", (31, 2)),
        ("alloc_at", (32, 64)),
        ("alloc_at", (110, 10)),
        ("free", (0,)),
        ("free", (120,)),
        ("free", (132,)),
        ("free", (172,)),
        ("free", (177,)),
    ):
        before = array("I", pair.state)
        states, after = cuts(pair, call, *arguments)
        between = 0
        for state in states:
            undone = call != "free" and rows(state) != rows(after)
            done = call == "free" and rows(state) != rows(before)
            expected = before if undone else after if done else array("I", state)
            between += rows(state) not in (rows(before), rows(after))
            free = free_frames(state)
            assert physmem_state.recover(state) == free_frames(expected) - free
            assert rows(state) == rows(expected)
            assert physmem_state.check(state) == []
        # A store for the start, and one for each word.
        changed = [old != new for old, new in zip(rows(before), rows(after))]
        assert between == sum(changed[: len(changed) // 2]) > 0


def test_recover_leaves_what_is_sound():
    """That is every bitmap of a few frames, and larger ones. Nothing of an emptied state comes back."""
    for free in MAPS:
        pair = pair_with(free)
        state = array("I", pair.state)
        assert physmem_state.recover(state) == 0 and state == pair.state
        physmem_state.empty(state)
        emptied = array("I", state)
        assert physmem_state.recover(state) == 0 and state == emptied


def test_recover_makes_derived_words_anew():
    """Whatever was in them before."""
    pair = pair_with(MAPS[2] + MAPS[3])
    before = array("I", pair.state)
    for i in (
        STATE_FREE,
        *range(STATE_TOPS, STATE_TOPS + CLASSES),
        *range(before[STATE_PLANES], len(before)),
    ):
        pair.state[i] = 0x5555AAAA
    assert physmem_state.recover(pair.state) == 0 and pair.state == before


def memory(words):
    """Return words without an array, as memory of records is: a buffer and its address."""
    buffer = bytearray(struct.pack(f"<{len(words)}I", *words))
    return buffer, addressof(buffer)


def words_of(buffer):
    return list(struct.unpack(f"<{len(buffer) // 4}I", buffer))


def test_words_of_records():
    """A load returns the lower 30 bits of one word; the end of a record changes one word and one kind."""
    words = [0, 1, 0x3FFFFFFF, 0x40000000, 0x80000001, 0xC0000000, 0xFFFFFFFF, 0x12345678] * 6
    buffer, address = memory(words)
    for i, word in enumerate(words):
        assert physmem_records.load_word(address, i // 16, i % 16) == word % (1 << 30)
        assert physmem_records.load_word(address + 4 * i, 0, 0) == word % (1 << 30)
        assert physmem_records.load_word(address + 64, i // 16 - 1, i % 16) == word % (1 << 30)
    for record in (0, 2, 1):
        words[16 * record] = 9
        buffer, address = memory(words)
        kinds = bytearray([3, 2, 3, 2])
        physmem_records.end_record(address, record, kinds)
        words[16 * record] = 0
        assert words_of(buffer) == words
        assert list(kinds) == [0 if i == record else 3 - i % 2 for i in range(4)]


def checksum(address, n, store):
    return physmem_records.checksum(0, physmem_records.CRC_TABLE, address, n, store)


def test_checksum():
    """It is zlib's CRC-32. It is stored if requested, and only that word is accepted."""
    numbers = random.Random(6)
    for n in (0, 1, 2, 14):
        for words in ([0] * n, [0xFFFFFFFF] * n, [1] * n, [numbers.getrandbits(32) for _ in range(n)]):
            expected = zlib.crc32(struct.pack(f"<{n}I", *words))
            buffer, address = memory([5, *words, expected ^ 0x80000001, 5])
            before = bytes(buffer)
            assert checksum(address + 4, n, 0) == 0 and bytes(buffer) == before
            assert checksum(address + 4, n, 1) == 1 and words_of(buffer) == [5, *words, expected, 5]
            assert checksum(address + 4, n, 0) == 1
            for bit in range(32 * (n + 1)):
                buffer[4 + bit // 8] ^= 1 << bit % 8
                assert checksum(address + 4, n, 0) == 0
                buffer[4 + bit // 8] ^= 1 << bit % 8


def test_what_the_checksum_of_a_record_tells():
    """It tells any four or fewer flipped bits of 14 words and the checksum.

    No two sets of at most two bits change it in the same way.
    """

    def change(bit):
        """Return how the checksum differs from the stored one once that bit has flipped, whatever the words are."""
        if bit >= 448:
            return 1 << bit - 448
        words = [0] * 15
        words[bit // 32] = 1 << bit % 32
        buffer, address = memory(words)
        checksum(address, 14, 1)
        return words_of(buffer)[14] ^ zlib.crc32(bytes(56))

    changes = [change(bit) for bit in range(480)]
    of_two = [changes[i] ^ changes[j] for i in range(480) for j in range(i)]
    assert len({0, *changes, *of_two}) == 1 + len(changes) + len(of_two)


MAGIC = 0x31524D50
HEAD, NAMED, MAPPED = 1, 2, 3


def record_of(
    name=b"", kind=NAMED, generation=1, number=9, count=2, slack=0, shift=6, length=None, magic=MAGIC, high=0
):
    """Return the 16 words of a record with the right checksum; `name` is what stands in the name's place."""
    length = len(name) if length is None else length
    body = struct.pack("<6I32s", generation, number, high, count, slack, kind | shift << 4 | length << 12, name)
    return [magic, *struct.unpack("<14I", body), zlib.crc32(body)]


def test_a_sound_record():
    """Any flipped bit of it makes it unsound."""
    buffer, address = memory([7] * 16 + record_of(b"alpha") + [7] * 16)
    for bit in range(512):
        assert physmem_records.is_sound(address + 64) == 1
        buffer[64 + bit // 8] ^= 1 << bit % 8
        assert physmem_records.is_sound(address + 64) == 0
        buffer[64 + bit // 8] ^= 1 << bit % 8
    assert physmem_records.is_sound(address) == 0


def test_add_a_record():
    """It replaces only the first record that starts with 0, with all fields, zeros after the name, and the checksum.

    The first word is 0 while the others are stored. What lies before the records is not a record.
    """
    for name in (b"name", b"", b"n" * 32, b"abcde", b"\x7f\x01~ "):
        for number in (0x3FFFFFFF, 5, 1 << 40 | 3):
            for vacant, end, place in (
                ([0], 4, 0),
                ([1, 3], 4, 1),
                ([3], 4, 3),
                ([3], 3, -1),
                ([], 4, -1),
                ([0], 0, -1),
            ):
                before = [0] * 16 + [0xFFFFFFFF if i % 16 or i // 16 not in vacant else 0 for i in range(5 * 16)]
                records, address = memory(before)
                stores = []
                fields = (3, number, 5, 7, 0x62, name.decode(), len(name))
                with mock.patch.object(physmem_records, "ptr32", noting(address, stores, records)):
                    assert physmem_records.add_record(address + 64, end, *fields) == place
                expected = list(before)
                if place >= 0:
                    expected[16 * place + 16 : 16 * place + 32] = record_of(
                        name, 2, 3, number % (1 << 30), 5, 7, 6, high=number >> 30
                    )
                    first = 16 * place + 16
                    assert [i for i, _ in stores] == [*range(first, first + 16), first]
                    assert all(magic == 0 for _, magic in stores[:-1]) and stores[-1][1] == MAGIC
                else:
                    assert stores == []
                assert words_of(records) == expected


def noting(address, stores, buffer):
    """Return what stands for ptr32: it notes in `stores`, for each store, the word of `buffer`, which is at `address`,
    and what the first word of its record is after that."""
    pointer = physmem_records.ptr32

    class Noting:
        def __init__(self, at):
            self.words = pointer(at)
            self.first = (at - address) // 4

        def __getitem__(self, i):
            return self.words[i]

        def __setitem__(self, i, value):
            self.words[i] = value
            word = self.first + i
            stores.append((word, words_of(buffer)[word - word % 16]))

    return lambda at: pointer(at) if at == physmem_records.CRC_TABLE else Noting(at)


def test_find_a_name():
    """It is found by exactly its bytes, in named records alone. What is not 1 to 32 bytes of ASCII names nothing."""
    names = [b"alpha", b"alph", b"", b"alpha", b"n" * 32, b"12345678", b"12345677", b"22345678", b"alphabet"]
    words = [word for name in names for word in record_of(name)]
    buffer, address = memory(words)
    kinds = bytearray([NAMED] * 9)
    tried = [b"alpha", b"alph", b"n" * 32, b"n" * 31, b"beta", b"alphabet", b"12345678", b"12345677", b"22345678", b"a"]
    for mapped in range(9):
        kinds[mapped] = MAPPED
        for end in range(10):
            for name in tried:
                found = next((i for i in range(end) if names[i] == name and i != mapped), -1)
                assert physmem_records.find_name(address, end, kinds, name.decode(), len(name)) == found
        kinds[mapped] = NAMED
    for text in ("", "n" * 33, "n" * 99, "alph\xe4", "\xe4", "al\0ha", "alph\0", "\0", "\x80" * 32, "b\x80"):
        for end in (0, 9):
            assert physmem_records.find_name(address, end, kinds, text, len(text)) == -2
    for text in ("\x7f", "\x01", "~ "):
        assert physmem_records.find_name(address, 9, kinds, text, len(text)) == -1
    # Zeros behind the name belong to it; the rest decides only whether it is sound.
    for byte in range(64):
        buffer[byte] ^= 1
        expected = 3 if 28 <= byte < 60 else -3
        assert physmem_records.find_name(address, 9, kinds, "alpha", 5) == expected
        assert physmem_records.find_name(address, 3, kinds, "alpha", 5) == (-1 if expected == 3 else -3)
        buffer[byte] ^= 1


def test_find_frames():
    """All of kind, number, count and frame size are the same; what the kind in memory says does not count."""
    fields = [
        (9, 0, 2, 6),
        (9, 0, 2, 6),
        (8, 0, 2, 6),
        (9, 1, 2, 6),
        (9, 0, 3, 6),
        (9, 0, 2, 7),
        (9, 0, 2, 6),
        (1, 0, 1, 255),
    ]
    words = []
    for number, high, count, shift in fields:
        words += record_of(b"x", NAMED, 1, number, count, 0, shift, high=high)
    _, address = memory(words)
    kinds = bytearray([MAPPED, NAMED, NAMED, NAMED, NAMED, NAMED, MAPPED, NAMED])
    for end in range(9):
        for kind in (NAMED, MAPPED, 0):
            for number, high, count, shift in [*fields, (7, 0, 2, 6), (9, 0, 1, 6), (9, 2, 2, 6), (9, 0, 2, 5)]:
                same = [i for i in range(end) if kinds[i] == kind and fields[i] == (number, high, count, shift)]
                wanted = (kind, high << 30 | number, count, shift)
                assert physmem_records.find_frames(address, end, kinds, *wanted) == (same[0] if same else -1)


def test_skipping_and_ending_records():
    """Only the first word of each record counts, and only it changes."""
    for used in range(32):
        starts = [(1, 1 << 31, MAGIC, 1 << 30, 0xFFFFFFFF)[i] if used >> i & 1 else 0 for i in range(5)]
        words = [5 if i % 16 else starts[i // 16] for i in range(5 * 16)]
        buffer, address = memory(words)
        for end in range(6):
            for slot in range(end + 1):
                found = next((i for i in range(slot, end) if used >> i & 1), end)
                assert physmem_recover.next_start(address, slot, end) == found
        for end in (0, 3, 5):
            physmem_recover.end_all(address, end)
            words = [0 if i % 16 == 0 and i // 16 < end else word for i, word in enumerate(words)]
            assert words_of(buffer) == words


def test_judging_a_record():
    """Each rule, just inside and just outside of it."""

    def judge(generation=7, **fields):
        _, address = memory(record_of(**fields))
        return physmem_recover.judge(address, generation)

    unsound, unknown, never, implausible = 16, 17, 18, 19
    assert judge(name=b"x") == NAMED and judge(kind=MAPPED) == MAPPED
    assert judge(name=b"x", magic=MAGIC + 1) == unsound and judge(name=b"x", magic=0) == unsound
    buffer, address = memory(record_of(b"x"))
    buffer[63] ^= 1
    assert physmem_recover.judge(address, 7) == unsound
    assert [judge(name=b"x", kind=kind) for kind in (0, HEAD, 4, 15)] == [unknown] * 4
    for written in (0, 1 << 30, 8, 0x3FFFFFFF):
        _, address = memory(record_of(b"x", generation=written))
        assert physmem_recover.judge(address, 7) == never
    for written in (1, 7, 1 << 30 | 7):
        _, address = memory(record_of(b"x", generation=written))
        assert physmem_recover.judge(address, 7) == NAMED
    assert judge(name=b"n" * 32) == NAMED and judge(name=b"n" * 32, length=33) == implausible
    assert judge(name=b"", length=0) == implausible and judge(kind=MAPPED, name=b"x") == implausible
    for name, length in (
        (b"ab", 1),
        (b"ab", 3),
        (b"a\0b", 3),
        (b"a\x80", 2),
        (b"\xff", 1),
        (b"a" + bytes(30) + b"b", 1),
    ):
        assert judge(name=name, length=length) == implausible
    assert judge(kind=MAPPED, name=bytes(31) + b"b", length=0) == implausible
    assert judge(name=b"\x7f\x01") == NAMED
    assert judge(name=b"x", count=0) == implausible and judge(name=b"x", count=1 << 30) == implausible
    assert judge(name=b"x", count=1) == judge(name=b"x", count=0x3FFFFFFF) == NAMED
    for slack, shift, kind in (
        (63, 6, NAMED),
        (64, 6, implausible),
        (0, 0, NAMED),
        (1, 0, implausible),
        (0x3FFFFFFF, 30, NAMED),
        (0x3FFFFFFF, 29, implausible),
        (0x3FFFFFFF, 255, NAMED),
        (0x3FFFFFFF, 64, NAMED),
        (1 << 30 | 63, 6, NAMED),
    ):
        assert judge(name=b"x", slack=slack, shift=shift) == kind


def test_turns_of_one_core():
    """Where there is one core, taking the turn and giving it back do nothing."""
    physmem_records.take_turn()
    physmem_records.give_turn()
    assert list(physmem_records._words)[16:] == [0, 0]


def test_turns_of_two_cores():
    """The core that has the turn may take it again. In a handler nobody takes it."""
    state = pair_with(MAPS[2]).state
    memory = bytearray(192)
    with mock.patch.multiple(physmem_records, _core=None, _lock=0, base=0, slots=0, used=0, kinds=b"", owners=()):
        physmem_records.keep(addressof(memory), 1, lambda: 5, addressof(state))
        physmem_records.take_turn()
        physmem_records.take_turn()
        assert list(physmem_records._words)[16:] == [5, 2]
        physmem_records.give_turn()
        assert list(physmem_records._words)[16:] == [5, 1]
        physmem_records.give_turn()
        assert list(physmem_records._words)[16:] == [0, 0]
        with mock.patch.object(physmem_records, "in_handler", lambda: 1):
            try:
                physmem_records.take_turn()
                raise AssertionError
            except ValueError as error:
                assert error.code == "NotPermitted"
        assert list(physmem_records._words)[16:] == [0, 0]


def test_check_of_whole_groups():
    """Where no word follows the last one of a group, one free frame at the end counts as a run of one."""
    pair = Pair(1024, 0)
    pair.do("alloc_at", 0, 1023)
    assert physmem_state.check(pair.state) == []


def test_check_sees_every_bit():
    """It sees any changed bit of the state, with three exceptions.

    They are the history, the words that tell where the region is, and a start between two frames in use, which may be
    there or not.
    """
    for pair in (pair_with(MAPS[2]),):
        not_derived = (
            STATE_FAILED,
            STATE_PHASE,
            STATE_VERSION,
            STATE_LOCK,
            STATE_FEWEST_FREE,
            STATE_SPAN,
        )
        for word in range(len(pair.state)):
            for bit in range(32):
                frame = 32 * (word - physmem_state.starts_of(pair.state)) + bit
                between = frame > 0 and pair.model.row[frame - 1 : frame + 1] == b"\1\1"
                if word not in not_derived and not between:
                    assert found_wrong(pair.state, [(word, 1 << bit)]), (word, bit)


def test_every_map_of_eight_frames():
    """They lie at a word border, frames 28 to 35 of 40, with all others in use. Every request for them is tried."""
    for first_number, places in ((0, range(1 << 8)), (3, range(0, 1 << 8, 5))):
        for free in places:
            pair = Pair(40, first_number)
            pair.do("alloc_at", 0, 28)
            for i in range(8):
                if not free >> i & 1:
                    pair.do("alloc_at", 28 + i, 1)
            pair.do("alloc_at", 36, 4)
            for n in range(1, 10):
                for align in (1, 2, 4, 8):
                    frame = pair.do("alloc_aligned", n, align) if align > 1 else pair.do("alloc", n)
                    if frame >= 0:
                        pair.do("free", frame)
            pair.sound()


def test_every_length_of_run():
    """n frames fit in a single run of free frames if it is long enough: every length up to 70, from several frames."""
    for first in (0, 1, 17, 31, 32, 33):
        for length in range(1, 71):
            pair = Pair(120, 7)
            if first:
                pair.do("alloc_at", 0, first)
            pair.do("alloc_at", first + length, 120 - first - length)
            for n in {1, 2, length - 1, length, length + 1, 31, 32, 33} - {0}:
                frame = pair.do("alloc", n)
                assert (frame == first) if n <= length else (frame == engine.OUT_OF_MEMORY)
                if frame >= 0:
                    pair.do("free", frame)
            pair.sound()


BORDERS = (0, 1, 30, 31, 32, 33, 34, 62, 63, 64, 65, 66, 95, 96, 97)  # frames around word borders


def constraints(frames, numbers):
    """Return a random ``(n, align, boundary, low, high)`` for a region of that many frames."""
    n = numbers.choice((1, 2, 3, numbers.randint(1, 31), 32, 33, 34, 40, 63, 64, 65))
    align = 1 << numbers.randrange(8)
    boundary = numbers.choice((0, 1, 2, 4)) << (n - 1).bit_length()
    kind = numbers.randrange(3)
    if kind == 0:
        return n, align, boundary, 0, frames
    if kind == 1:
        return n, align, boundary, numbers.randrange(frames), numbers.randrange(frames + 1)
    low, high = sorted(min(numbers.choice(BORDERS), frames) for _ in range(2))
    return n, align, boundary, min(low, frames - 1), high


def test_constraints():
    """With alignment, boundary and window together, the place is the model's; sometimes it is also allocated."""
    numbers = random.Random(3)
    for free in MAPS:
        for first_number in (0, 5, (1 << 30) - 40, (1 << 30) + 7):
            pair = pair_with(free, first_number)
            for turn in range(100):
                case = constraints(len(free), numbers)
                place = pair.model.place_within(*case)
                assert engine.search_within(pair.address, *case) == place, (free, first_number, case)
                assert pair.counts()[0] == pair.model.free_frames
                if turn % 10 or case[0] > len(free):
                    continue
                failed = pair.state[STATE_FAILED]
                assert engine.allocate_within(pair.address, *case) == place
                assert pair.state[STATE_FAILED] == failed + (place < 0)
                if place >= 0:
                    assert engine.count(pair.address, place) == case[0] and physmem_state.check(pair.state) == []
                    assert pair.calls["free"](place) == case[0]
                assert physmem_state.check(pair.state) == []


def test_boundaries():
    """A few frames must cross no boundary, around word borders, with the window starting at every frame."""
    for free in (MAPS[0], MAPS[3], "." * 28 + "a" + "." * 3 + "a" + "." * 31 + "a" + "." * 40):
        for first_number in range(4):
            pair = pair_with(free, first_number)
            for n, boundary in ((2, 2), (2, 4), (3, 4), (4, 4), (5, 8), (7, 8), (8, 16), (20, 32), (32, 32)):
                for low in (*range(24, 36), *range(57, 67)):
                    case = n, 1, boundary, low, len(free)
                    assert engine.search_within(pair.address, *case) == pair.model.place_within(*case), case


class Counted:
    """Words of a state that count how often they are read or written."""

    def __init__(self, words):
        self.words = words
        self.count = 0

    def __getitem__(self, i):
        self.count += 1
        return self.words[i]

    def __setitem__(self, i, value):
        self.count += 1
        self.words[i] = value


def accesses(pair, call, *arguments):
    """Return how often the raw call, which must be granted, reads and writes words of the state."""
    counted = Counted(pair.state)
    with mock.patch.object(engine, "ptr32", lambda address: counted):
        assert pair.do(call, *arguments) >= 0
    return counted.count


def test_cost_whatever_the_size_of_the_region():
    """To allocate and free a power of two of up to 32 frames costs the same in 64 frames as in 32,768 with 64 free.

    Where a top bit stands for several groups of words, this holds for the first of these groups, as long as no class
    loses its last word.
    """
    costs = []
    for frames in (64, 1024, 1088, 2112, 5184, 17472, 32768):
        pair = Pair(frames)
        if frames > 64:
            pair.do("alloc_at", 0, frames - 64)
        cost = [(accesses(pair, "alloc", n), accesses(pair, "free", frames - 64)) for n in (1, 2, 4, 8, 16, 32)]
        costs.append(cost)
    assert costs == [costs[0]] * len(costs), costs
    for frames in (32832, 65600):
        pair = Pair(frames)
        pair.do("alloc_at", 0, frames - 64)
        for n, (cost, _) in zip((1, 2, 4, 8, 16), costs[0]):
            assert accesses(pair, "alloc", n) == cost
            pair.do("free", frames - 64)


def test_cost_whatever_is_too_short():
    """A search costs no more if there are runs half as long as the request in lower words and lower groups of words."""
    for n in (2, 4, 8, 16, 32):
        costs = []
        for short, period in ((0, 4032), (n // 2, 1008), (n // 2, 64)):
            pair = Pair(4096)
            for first in range(0, 4032, period):
                pair.do("alloc_at", first + short, period - short)
            costs.append(accesses(pair, "alloc", n))
        assert costs[0] == costs[1] == costs[2], costs


def test_cost_whatever_lies_before():
    """Allocating or freeing frames changes their own word, and the word before it only if a run reaches over from it.

    If none does, the word before costs nothing.
    """
    costs = []
    for before, between in (("a" * 32, "...."), ("." * 31 + "a", "...."), ("a" * 32, ".a.."), ("." * 32, ".a..")):
        pair = pair_with(before + between + "." * 60)
        costs.append((accesses(pair, "alloc_at", 36, 4), accesses(pair, "free", 36)))
    assert costs[0] == costs[1] and costs[2] == costs[3], costs


def test_cost_of_a_long_search():
    """Each word of the row is read at most twice, and few other words are read."""
    for free in ("." * 40 + "a", "." * 3 + "a"):
        pair = pair_with(free * (1600 // len(free)))
        words = -(-pair.frames // 32)
        for n, align in ((33, 64), (41, 1), (4, 1), (20, 32)):
            counted = Counted(pair.state)
            with mock.patch.object(engine, "ptr32", lambda address, counted=counted: counted):
                frame = engine.search_within(pair.address, n, align, 0, 0, pair.frames)
            assert frame == pair.model.place(n, align)
            assert counted.count <= 2 * words + 1


def test_cost_of_the_largest_run():
    """It takes a search for each bit of the number of free frames, and one more; here it is more than 256 frames."""
    pair = pair_with("a" * 20 + "." * 530 + "bb" + "." * 548)
    searches = []

    def counted(*arguments, search=engine.search_within):
        searches.append(arguments)
        return search(*arguments)

    for align in (1, 2, 64):
        with mock.patch.object(engine, "search_within", counted):
            assert engine.largest_free(pair.state, align) == pair.model.largest(align)
        assert len(searches) <= pair.model.free_frames.bit_length() + 1
        searches.clear()


def test_windows():
    """A few frames in windows of up to 40 frames around a word border."""
    for pair in (pair_with("." * 80, 3), pair_with("a" * 28 + "." * 9 + "b" + "." * 50)):
        for low in range(22, 38):
            for high in range(low, low + 40):
                for n in (1, 2, 5, 17, 32, 33):
                    case = n, 1, 0, low, high
                    assert engine.search_within(pair.address, *case) == pair.model.place_within(*case), case


def test_windows_of_a_large_region():
    """These have words beyond the 256th."""
    pair = Pair(9000, 2)
    small = (3, 1, 0, 8340, 8343), (3, 1, 0, 8341, 8343), (3, 1, 0, 8350, 8353), (4, 1, 0, 8350, 8353)
    for case in (*small, (40, 8, 64, 8350, 8450), (32, 1, 32, 8500, 8600)):
        assert engine.search_within(pair.address, *case) == pair.model.place_within(*case), case


def test_groups_behind_one_top_bit():
    """With more than 32 groups of 1,024 frames, and with more than 64, a top bit stands for two and for four groups.

    Short runs of free frames lie in several groups behind the same bit and behind others. They disappear and come back
    in another order.
    """
    numbers = random.Random(5)
    for frames in (33000, 66000):
        pair = Pair(frames, 1, frames == 66000)
        pair.do("alloc", frames)
        pair.do("free", 0)
        places = [1024 * group + 1000 + group % 40 for group in (0, 1, 2, 3, 4, 7, 8, 30, 31)] + [frames - 3]
        before = 0
        for place in places:
            pair.do("alloc_at", before, place - before)
            before = place + 3
        assert physmem_state.check(pair.state) == []
        for n in (1, 2, 3):
            taken = []
            while (frame := pair.do("alloc", n)) >= 0:
                taken.append(frame)
            numbers.shuffle(taken)
            half = len(taken) // 2
            for frame in taken[:half]:
                pair.do("free", frame)
            assert physmem_state.check(pair.state) == []
            again = [pair.do("alloc", n) for _ in range(half)]
            assert sorted(again) == sorted(taken[:half])
            for frame in taken:
                pair.do("free", frame)
        assert physmem_state.check(pair.state) == []
