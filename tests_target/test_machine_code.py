"""The Thumb code of physmem_thumb against the viper code of physmem_engine: results and states, word for word.

Both get the same operations on equal states. After each operation every word is compared. The exhaustive tests compare
the viper code with brute force on the host, and this test carries their result over to the boards.
"""

import gc
import sys
from array import array

import machine
import physmem_board
import physmem_engine as engine
import physmem_state
import physmem_thumb as thumb  # a fresh one: the engine keeps its functions, not the module
from physmem_state import STATE_LOCK, STATE_VERSION
from random_numbers import RandomNumbers
from support import fresh_physmem, interrupts_are_masked, raises, sample, scaled
import viper_engine
from uctypes import addressof, bytes_at

NEEDS = ("machine code",)
TIMEOUT = 300

# Three boards try a third of the bitmaps each, and each another one: together all, with the same machine code, as
# test_two_cores.py says. The others try a third as well; one with the chip of another board, and a slow one, fewer.
STEP = 53 if physmem_board.NAME == "PIMORONI_PICO_PLUS2" else scaled(3, 3, 53)
FIRST = {"MPS2_AN500": 1, "MPS2_AN505": 2}.get(physmem_board.NAME, 0)

ANYWHERE = -1  # `how` of serve(address, what, how): allocate `what` frames; -align if aligned, which is never 0
RELEASE = 0  # free the allocation starting at frame `what`; above 0: allocate that many frames at frame `what`
ALIGNS = (2, 4, 8, 16, 32, 64, 2048)

_LARGEST_VERSION = (1 << 30) - 1

# Kinds of states: `shared` of a Pair. The spin lock is a word in memory that stands in for the register and always
# reads as free. Where there are two cores, test_two_cores.py tests that one waits for the other.
PLAIN = 0
SHARED = 1
SPIN_LOCKED = 2
PLAIN_SPIN_LOCKED = 3  # a region that is not shared, on a chip with two cores
KINDS = (PLAIN, SHARED, SPIN_LOCKED, PLAIN_SPIN_LOCKED)
FREE_LOCK = 1


def lock_word(shared, spin_lock):
    """Return the lock word of a state of that kind; `spin_lock` stands in for the register."""
    return (0, 1, addressof(spin_lock) | 1, addressof(spin_lock) | 3)[shared]


class Pair:
    """A state for the viper code and its twin for the Thumb code. `shared` says what lock the twin takes."""

    def __init__(self, frames, first_number, shared=PLAIN):
        self.frames = frames
        self.viper = physmem_state.new_state(frames, first_number)
        self.thumb = physmem_state.new_state(frames, first_number)
        self.shared = shared
        self.spin_lock = array("I", [FREE_LOCK])
        self.viper[STATE_LOCK] = 0  # not the one of a chip with two cores
        self.thumb[STATE_LOCK] = lock_word(shared, self.spin_lock)
        self.viper_address = addressof(self.viper)
        self.thumb_address = addressof(self.thumb)
        self.operations = 0
        self.same("made", frames, first_number)

    def do(self, what, how):
        """Do the same with both. Return the result, which is equal for both, as are the states."""
        version = self.thumb[STATE_VERSION]
        self.spin_lock[0] = FREE_LOCK
        answer = viper_engine.serve(self.viper_address, what, how)
        other = thumb.serve(self.thumb_address, what, how)
        if self.shared >= SPIN_LOCKED:
            given_back = self.spin_lock[0] != FREE_LOCK
            assert given_back == (self.thumb[STATE_VERSION] != version), "serve(%d, %d): %s" % (what, how, given_back)
        if answer != other or self.thumb != self.viper:
            assert answer == other, "serve(%d, %d) of %d frames: %d, not %d" % (what, how, self.frames, other, answer)
            self.same("serve", what, how)
        self.operations += 1
        return answer

    def gives_back(self):
        """Check that calls that all take the spin lock have given it back since the last time, if there is one."""
        assert self.shared < SPIN_LOCKED or self.spin_lock[0] != FREE_LOCK
        self.spin_lock[0] = FREE_LOCK

    def try_and_undo(self, what, how):
        """Allocate, and if that is granted, release."""
        frame = self.do(what, how)
        if frame >= 0:
            n = self.do(frame, RELEASE)
            assert n == (how if how > 0 else what)

    def same(self, *what):
        """Check that the states are equal, except that a shared one is marked as such and has a version."""
        if not self.shared:
            assert self.thumb == self.viper, self.differences(what)
            return
        version, lock = self.thumb[STATE_VERSION], self.thumb[STATE_LOCK]
        assert lock & 1 and self.viper[STATE_LOCK] == self.viper[STATE_VERSION] == 0 <= version <= _LARGEST_VERSION
        self.thumb[STATE_VERSION], self.thumb[STATE_LOCK] = 0, 0
        differ = self.thumb != self.viper
        differences = differ and self.differences(what)
        self.thumb[STATE_VERSION], self.thumb[STATE_LOCK] = version, lock
        assert not differ, differences

    def differences(self, what):
        words = [i for i in range(len(self.viper)) if self.viper[i] != self.thumb[i]][:8]
        words = ["word %d: %#x, not %#x" % (i, self.thumb[i], self.viper[i]) for i in words]
        return "%r of %d frames: %s" % (what, self.frames, "; ".join(words))


class Blocks:
    """A Pair where ten blocks of `size` frames starting at `first` may be free; everything else is in use."""

    def __init__(self, frames, first, size, first_number):
        self.pair = Pair(frames, first_number)
        self.first = first
        self.size = size
        end = first + 10 * size
        assert first == 0 or self.pair.do(0, first) == 0
        assert end == frames or self.pair.do(end, frames - end) == end

    def take(self, free, grouping):
        """Allocate the blocks that are not in the bitmap `free`, bit i for block i. Return the first frames.

        Adjacent blocks are one allocation, except that a new one starts wherever `grouping` has a bit.
        """
        taken = []
        i = 0
        while i < 10:
            if free >> i & 1:
                i += 1
                continue
            begin = i
            i += 1
            while i < 10 and not free >> i & 1 and not grouping >> i & 1:
                i += 1
            frame = self.first + begin * self.size
            assert self.pair.do(frame, (i - begin) * self.size) == frame
            taken.append(frame)
        return taken

    def give_back(self, taken):
        for frame in taken:
            assert self.pair.do(frame, RELEASE) > 0


def all_maps(frames, first, size, first_number, numbers):
    """Try all bitmaps of ten blocks of `size` frames.

    For each: every number of frames, cycling through the alignments; each block at its place, cycling through the
    numbers of blocks; every release, good and bad.
    """
    blocks = Blocks(frames, first, size, first_number)
    pair = blocks.pair
    counts = range(1, 12) if size == 1 else [size * k + more for k in range(1, 11) for more in (-1, 0, 1)]
    turn = 0
    for free in range(FIRST, 1 << 10, STEP):
        taken = blocks.take(free, -1)
        for n in counts:
            turn += 1
            pair.try_and_undo(n, ANYWHERE)
            pair.try_and_undo(n, -ALIGNS[turn % 7])
        for i in range(10):
            turn += 1
            pair.try_and_undo(first + i * size, size * (1 + turn % (10 - i)))
        # Releases: of frames where nothing starts, and finally of everything, in random order.
        blocks.give_back(taken)
        taken = blocks.take(free, numbers.below(1 << 10))
        for i in range(10):
            frame = first + i * size
            if frame not in taken:
                assert pair.do(frame, RELEASE) == engine.NOT_ALLOCATED
        while taken:
            frame = taken.pop(numbers.below(len(taken)))
            assert pair.do(frame, RELEASE) > 0
    assert physmem_state.check(pair.thumb) == []
    return pair.operations


def run_all_maps(*places):
    numbers = RandomNumbers(1)
    for frames, first, size in places:
        operations = all_maps(frames, first, size, numbers.below(1 << 29), numbers)
        print("%d frames, ten blocks of %d from frame %d on: %d operations" % (frames, size, first, operations))


def test_all_maps_of_ten_frames_within_a_word():
    """Where it makes a difference: the whole region, inside a word, up to a word's end, up to the region's end."""
    run_all_maps((10, 0, 1), (64, 11, 1), (64, 22, 1), (64, 54, 1), (60, 50, 1))


def test_all_maps_of_ten_frames_across_words():
    """Eight and two, one and nine, five and five; the words of two groups; those behind two top bits (span 1)."""
    run_all_maps((64, 24, 1), (96, 63, 1), (2048, 1019, 1), (33000, 2043, 1))


def test_all_maps_of_ten_blocks():
    """Allocations longer than a word: blocks of 13 frames, of a word, off a word by one frame, of a word and a frame,
    and of 250 frames across groups."""
    run_all_maps((200, 35, 13), (384, 32, 32), (384, 33, 32), (400, 40, 33), (3000, 300, 250))


class RandomOperations:
    """Seeded operations on a Pair. `live` are the first frames of its allocations."""

    def __init__(self, pair, numbers):
        self.pair = pair
        self.numbers = numbers
        self.live = []

    def one(self):
        below, frames, pair = self.numbers.below, self.pair.frames, self.pair
        kind = below(16)
        if kind < 9:
            n = below(33) if kind < 5 else 1 + below(1 + min(frames, 100)) if below(5) else below(frames + 2)
            how = ANYWHERE if kind < 6 or n == 0 else -(1 << below(8)) if below(4) else -(1 << below(30))
            frame = pair.do(n, how)
            if frame >= 0:
                self.live.append(frame)
        elif kind == 9:
            frame = below(frames)
            if pair.do(frame, 1 + below(min(100, frames - frame))) >= 0:
                self.live.append(frame)
        elif kind == 10:
            frame = below(frames + 5)
            if pair.do(frame, RELEASE) > 0:
                self.live.remove(frame)
        elif self.live:
            i = below(len(self.live))
            self.live[i], self.live[-1] = self.live[-1], self.live[i]
            assert pair.do(self.live.pop(), RELEASE) > 0


SIZES = (1, 5, 31, 32, 33, 64, 65, 100, 1000, 1023, 1024, 1025, 2048, 3000, 33000, 70001)


def random_operations(shared, operations):
    numbers = RandomNumbers(2)
    for frames in SIZES:
        pair = player = None  # the heap of a slow board has room for one pair of the largest, and little more
        pair = Pair(frames, numbers.below(1 << 29), shared)
        player = RandomOperations(pair, numbers)
        for _ in range(operations if frames < 5000 else operations // 4):
            player.one()
        while player.live:
            assert pair.do(player.live.pop(), RELEASE) > 0
        pair.same("the end")
        assert physmem_state.check(pair.thumb) == []


def test_random_operations():
    """Small and large, aligned, at a frame, releases where nothing starts, requests that cannot be met."""
    random_operations(PLAIN, scaled(2000, 2000, 80))


def test_random_operations_with_the_lock():
    """A shared state has the same results and words, except for its version.

    A call gives a spin lock back exactly if it counts the version up.
    """
    for shared in (SHARED, SPIN_LOCKED, PLAIN_SPIN_LOCKED):
        random_operations(shared, scaled(600, 600, 20))


def test_functions_beside_serve():
    """count_failure and flip_start change the same words, for every frame of two words and more."""
    for shared in KINDS:
        pair = Pair(70, 5, shared)
        assert pair.do(0, 70) == 0
        for frame in range(1, 70):
            for function in (viper_engine, thumb):
                function.flip_start(pair.viper_address if function is viper_engine else pair.thumb_address, frame)
            pair.gives_back()
            pair.same("split before", frame)
            assert pair.do(0, RELEASE) == frame and pair.do(0, frame) == 0
            for function in (viper_engine, thumb):
                function.flip_start(pair.viper_address if function is viper_engine else pair.thumb_address, frame)
            pair.same("joined at", frame)
        version = pair.thumb[STATE_VERSION]
        answers = viper_engine.count_failure(pair.viper_address, 0), thumb.count_failure(pair.thumb_address, version)
        assert answers == (engine.OUT_OF_MEMORY, engine.OUT_OF_MEMORY)
        pair.same("count_failure")
        assert pair.thumb[physmem_state.STATE_FAILED] == 1
        pair.gives_back()
        # The bitmap of a shared region has changed meanwhile: nothing is counted, the caller searches again.
        if shared:
            assert thumb.count_failure(pair.thumb_address, version + 1) == engine.ADDRESS_NOT_FREE
            assert pair.thumb[physmem_state.STATE_FAILED] == 1
            pair.gives_back()


def test_versions():
    """The version of a shared state counts what may have changed its bitmap, and stays a small integer.

    In any other state it stays 0.
    """
    pair = Pair(64, 0, SHARED)
    for version in (0, 1, _LARGEST_VERSION - 1, _LARGEST_VERSION):
        for what, how in ((3, ANYWHERE), (33, ANYWHERE), (2, -4), (60, 2), (0, RELEASE)):
            pair.thumb[STATE_VERSION] = version
            assert pair.do(what, how) >= 0
            assert pair.thumb[STATE_VERSION] == (version + 1) % (_LARGEST_VERSION + 1)
        for frame in (3, 36, 60):
            pair.do(frame, RELEASE)
        pair.thumb[STATE_VERSION] = 0


EVERY_ANSWER = (
    # (what, how) on 64 frames, in this order, and the result.
    (3, ANYWHERE, 0),
    (40, ANYWHERE, 3),
    (2, -16, 48),
    (30, ANYWHERE, engine.OUT_OF_MEMORY),
    (33, ANYWHERE, engine.OUT_OF_MEMORY),
    (20, -4, engine.OUT_OF_MEMORY),
    (65, ANYWHERE, engine.ALLOCATION_TOO_LARGE),
    (65, -2, engine.ALLOCATION_TOO_LARGE),
    (0, ANYWHERE, engine.ZERO_ALLOCATION),
    (50, 5, 50),
    (47, 2, engine.ADDRESS_NOT_FREE),
    (2, 40, engine.ADDRESS_NOT_FREE),
    (64, RELEASE, engine.ADDRESS_OUT_OF_RANGE),
    (1, RELEASE, engine.NOT_ALLOCATED),
    (43, RELEASE, engine.NOT_ALLOCATED),
    (3, RELEASE, 40),
    (3, RELEASE, engine.NOT_ALLOCATED),
    (0, RELEASE, 3),
    (48, RELEASE, 2),
    (0, 40, 0),
    (0, RELEASE, 40),
    (50, RELEASE, 5),
)


STAND_IN = array("I", [FREE_LOCK])


def new_state(shared):
    """Return a state of 64 frames that has that kind of lock."""
    state = physmem_state.new_state(64, 0)
    state[STATE_LOCK] = lock_word(shared, STAND_IN)
    return state


def test_interrupts_are_as_before_each_call():
    """Interrupts stay enabled or masked as they were, after every kind of result, in plain and shared states."""
    for shared in KINDS:
        state = new_state(shared)
        address = addressof(state)
        for masked in (False, True):
            for what, how, expected in EVERY_ANSWER:
                check_mask(masked, expected, thumb.serve, address, what, how)
            check_mask(masked, engine.OUT_OF_MEMORY, thumb.count_failure, address, state[STATE_VERSION])
            if shared:
                check_mask(masked, engine.ADDRESS_NOT_FREE, thumb.count_failure, address, state[STATE_VERSION] + 1)
            assert thumb.serve(address, 5, ANYWHERE) == 0
            for _ in range(2):
                check_mask(masked, 0, thumb.flip_start, address, 3)
            assert thumb.serve(address, 0, RELEASE) == 5


def check_mask(masked, expected, function, *arguments):
    """Call with interrupts masked or not, and check that the result is `expected` and that they are still so."""
    assert not interrupts_are_masked()
    before = machine.disable_irq() if masked else None
    answer = function(*arguments)
    after = interrupts_are_masked()
    if masked:
        machine.enable_irq(before)
    assert answer == expected, (function, arguments, answer)
    assert after is masked, (function, arguments, masked)
    assert not interrupts_are_masked()


def test_holding():
    """hold returns whether interrupts were enabled. Twice is the same as once, and let_go undoes both.

    A plain state has no lock.
    """
    for shared in KINDS:
        pair = Pair(64, 0, shared)
        address = pair.thumb_address
        assert not interrupts_are_masked()
        first = thumb.hold(address)
        masked = interrupts_are_masked()
        second = thumb.hold(address)
        pair.spin_lock[0] = FREE_LOCK
        thumb.let_go(address, second)
        pair.gives_back()
        still_masked = interrupts_are_masked()
        thumb.let_go(address, first)
        pair.gives_back()
        assert (first, second, masked, still_masked) == ((1, 0, True, True) if shared else (0, 0, False, False))
        assert not interrupts_are_masked()


def test_filling():
    """Both store the same words, and none before or behind."""
    for nbytes in (0, 32, 64, 96, 512):
        for half in (0, 0x8000, 0xFFFF, 0x1234):
            found = []
            for function in (viper_engine.fill, thumb.fill, engine.fill_memory):
                words = array("I", range(1, 1 + nbytes // 4 + 16))
                function(addressof(words), 32, nbytes, half)
                found.append(words)
            expected = array("I", range(1, 1 + len(words)))
            for i in range(8, 8 + nbytes // 4):
                expected[i] = half << 16 | half
            assert found == [expected] * 3, (nbytes, half)


def test_comparison_finds_a_difference():
    """One bit of one word is enough to fail."""
    for shared in KINDS:
        for i in range(len(physmem_state.new_state(40, 0))):
            pair = Pair(40, 0, shared)
            pair.thumb[i] ^= 1 << 9
            if shared and i in (STATE_VERSION, STATE_LOCK):
                continue
            try:
                pair.same("one bit of word", i)
            except AssertionError:
                continue
            raise AssertionError("a difference in word %d went unseen" % i)


def fresh_direct():
    """Return physmem_direct as it is when it is imported: the engine empties it."""
    sys.modules.pop("physmem_direct", None)
    import physmem_direct

    del sys.modules["physmem_direct"]
    return physmem_direct


def closure_calls(state):
    """Return the raw calls of a state as an engine makes them where the direct calls are not known."""
    return engine_with().raw_calls(state)


_engines = []


def engine_with(**names):
    """Return a fresh engine that finds physmem_direct with these other names; without any, its raw calls are closures.
    It is the same each time if it has no other names."""
    if not names and _engines:
        return _engines[0]
    direct = fresh_direct()
    for name, value in names.items() if names else (("_works", lambda *_: False),):
        setattr(direct, name, value)
    sys.modules["physmem_direct"] = direct
    del sys.modules["physmem_engine"]
    try:
        import physmem_engine as other
    finally:
        sys.modules["physmem_engine"] = engine
    assert other is not engine and "physmem_direct" not in sys.modules and "physmem_thumb" not in sys.modules
    if not names:
        assert not other.calls_are_direct
        _engines.append(other)
    return other


def both_roads(frames=64):
    """Return the direct calls and the closures of two equal states, and the states."""
    assert engine.calls_are_direct
    states = [physmem_state.new_state(frames, 5) for _ in range(2)]
    return engine.raw_calls(states[0]), closure_calls(states[1]), states


class Unusual(int):
    pass


class Shifts:
    """Not an integer, but it can be converted and shifted like one."""

    def __int__(self):
        return 1

    __index__ = __int__

    def __rshift__(self, other):
        return 0


VALUES = (0, 1, 2, 3, 4, 31, 32, 33, 60, 63, 64, 65, 100, 1 << 29, (1 << 30) - 1, 1 << 30, 1 << 31, 1 << 32)
VALUES += ((1 << 32) + 1, (1 << 62) + 1, 1 << 64, -1, -2, -(1 << 30), -(1 << 30) - 1, 1 - (1 << 31), -(1 << 32), True)
VALUES += (False, None, 1.0, 0.0, 1.5, "a", b"", (), [1], {}, Unusual(1), Shifts(), len, bytearray(4), ..., int)


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except TypeError as error:
        return str(error)


def test_direct_calls_and_closures():
    """The same result, sentence and state for every value in every place; what is refused changes nothing."""
    direct, closures, states = both_roads()
    few = sample(VALUES, 5)
    before = array("I", states[0])
    granted = 0
    for which in range(4):
        for value in sample(VALUES, 2):
            for other in few if which in (1, 2) else (None,):
                arguments = (value,) if which in (0, 3) else (value, other)
                answers = outcome(direct[which], *arguments), outcome(closures[which], *arguments)
                assert answers[0] == answers[1] and states[0] == states[1], (which, arguments, answers)
                if isinstance(answers[0], str) or answers[0] < -1:
                    before[STATE_VERSION] = states[0][STATE_VERSION]  # a chip with two cores counts each section
                    assert states[0] == before, (which, arguments)
                    continue
                granted += 1
                for state in states:
                    for first, n in ((0, 4), (60, 2)):  # what the next calls find in use
                        closure_calls(state)[2](first, n)
                before[:] = states[0]
                if which != 3 and granted % 3 == 0:
                    for state in states:
                        state[:] = physmem_state.new_state(64, 5)
                    before[:] = states[0]
    assert granted > scaled(30, 30, 5)


def test_random_direct_calls():
    """Seeded calls by both roads: the same results and words, on regions of many sizes."""
    numbers = RandomNumbers(8)
    below = numbers.below
    for frames in (1, 31, 33, 64, 100, 1056, 2048):
        direct, closures, states = both_roads(frames)
        live = []
        for _ in range(scaled(600, 600, 60)):
            which = below(4)
            first, n = below(frames + 10), below(40) if below(6) else below(200)
            if which == 3 and live and below(4):
                first = live.pop(below(len(live)))
            arguments = ((n,), (n, (0, 1, 2, 3, 4, 16, 32, 64, 128)[below(9)]), (first, n), (first,))[which]
            answer = direct[which](*arguments)
            assert answer == closures[which](*arguments) and states[0] == states[1], (frames, which, arguments, answer)
            if which < 3 and answer >= 0:
                live.append(answer)
        assert physmem_state.check(states[0]) == []


def test_direct_calls_while_collecting():
    """They are made with a collection at every allocation, and each keeps alive all that it uses: the state, what
    converts its arguments, and the machine code. They outlive the modules that made them."""
    before = gc.threshold()
    gc.threshold(1)
    try:
        fresh = fresh_physmem()
        make = sys.modules["physmem_engine"].raw_calls
        assert make is not engine.raw_calls
        regions = [make(physmem_state.new_state(256, 0)) for _ in range(8)]
        alone = [make(physmem_state.new_state(256, 0))[which] for which in range(4)]  # the other three are garbage
    finally:
        gc.threshold(before)
    names = sys.modules["physmem_engine"].__dict__
    assert names["calls_are_direct"]
    for name in ("raw_calls", "serve_call"):
        del names[name]
    emptied = make.__globals__
    for name in list(emptied):
        if name != "_small_integer":  # what the calls still look up: the sentence of a TypeError
            del emptied[name]
    del make, fresh, names, emptied
    for name in list(sys.modules):
        if name.startswith("physmem") and name != "physmem_board":
            del sys.modules[name]
    gc.collect()
    rubbish = [bytearray(b"\xff" * size) for size in (16, 32, 48, 64, 96, 128, 160, 200, 256) * 8]
    gc.collect()
    for alloc, alloc_aligned, alloc_at, free in regions:
        answers = [alloc(1), alloc(3), alloc_aligned(4, 8), alloc_at(100, 2), free(0), free(1), free(8), free(100)]
        assert answers + [alloc(256), free(False), alloc(True)] == [0, 1, 8, 100, 1, 3, 4, 2, 0, 256, 0] and rubbish
        for call, arguments, name in ((alloc, ("x",), "n "), (alloc_at, (1, None), "n "), (free, (0.5,), "frame ")):
            assert outcome(call, *arguments).startswith(name)
    alloc, alloc_aligned, alloc_at, free = alone
    assert [alloc(True), alloc_aligned(3, True), alloc_at(True, 2), free(False)] == [0, 0, 1, engine.NOT_ALLOCATED]
    for call, arguments in ((alloc, (None,)), (alloc_aligned, (1, "x")), (alloc_at, (1, "x")), (free, ("x",))):
        name = "align_frames " if call is alloc_aligned else "frame " if call is free else "n "
        assert outcome(call, *arguments).startswith(name)
    sys.modules.update(MODULES)


MODULES = {name: module for name, module in sys.modules.items() if name.startswith("physmem")}


class Implementation:
    def __init__(self, _mpy):
        self._mpy = _mpy


class System:
    def __init__(self, _mpy):
        self.implementation = Implementation(_mpy)


class Thumb:
    """physmem_thumb with other names."""

    def __init__(self, **names):
        for name in dir(thumb):
            setattr(self, name, getattr(thumb, name))
        for name, value in names.items():
            setattr(self, name, value)


def used_state():
    """Return the state of one free frame that has been in use."""
    state = physmem_state.new_state(1, 0)
    state[physmem_state.STATE_LOCK] = 0  # also on a chip with two cores
    state[physmem_state.STATE_FEWEST_FREE] = 0
    return state


def small_integer(value, name):
    """What the engine passes to physmem_direct, for the values of its trial."""
    if isinstance(value, (int, bool)):
        return int(value) if 0 <= value < 1 << 30 else -1
    raise TypeError(name)


def is_direct(of_thumb=thumb, **names):
    """Return whether raw calls are direct where physmem_direct has these other names. Nothing that they are told to
    look at may be changed if they are not."""
    direct = fresh_direct()
    for name, value in names.items():
        setattr(direct, name, value)
    calls = direct.raw_calls_of(of_thumb, used_state(), small_integer)
    if calls is None:
        return False
    state = physmem_state.new_state(64, 0)
    alloc, alloc_aligned, alloc_at, free = calls(state)
    assert [alloc(3), alloc_aligned(2, 4), alloc_at(40, 9), free(0), free(True)] == [0, 4, 40, 3, engine.NOT_ALLOCATED]
    return True


def test_the_road_of_this_board():
    """The raw calls of every board that runs Thumb code are direct."""
    assert is_direct() and engine.calls_are_direct is True
    # What stays in heap of physmem_direct is what the calls use, and of physmem_thumb its functions.
    assert sorted(engine.raw_calls.__globals__) == sorted(
        ["_code", "_conversions", "_redirect", "_small_integer", "array"]
    )
    fresh = fresh_physmem()
    assert fresh and "physmem_direct" not in sys.modules and "physmem_thumb" not in sys.modules
    sys.modules.update(MODULES)


def test_assumption_1():
    """Another version of machine code."""
    version = sys.implementation._mpy
    assert is_direct(sys=System(version))
    for bit in range(10):
        assert not is_direct(sys=System(version ^ 1 << bit)), bit
    for bit in range(10, 14):  # the architecture
        assert is_direct(sys=System(version ^ 1 << bit)), bit


def test_assumption_2():
    """Objects that are other words: each of the small integers, and an odd word for each of the others."""
    for which in range(11):
        for bit in (0, 1, 2, 31) if which in (4, 5, 6) else (0,):

            def changed(typecode, things, which=which, bit=bit):
                made = array(typecode, things)
                if typecode == "I" and len(made) == 11:
                    made[which] ^= 1 << bit
                return made

            assert not is_direct(array=changed), (which, bit)
    assert is_direct(array=lambda typecode, things: array(typecode, things))

    def unknown(typecode, things):
        if typecode == "O":
            raise ValueError("bad typecode")
        return array(typecode, things)

    assert not is_direct(array=unknown)


def test_assumption_3():
    """A word of one of two functions that differs, the code of both that does not, and attributes that functions do
    not have."""
    looks = []
    for changed in range(4):

        def read(address, nbytes, changed=changed):
            found = bytearray(bytes_at(address, nbytes))
            looks.append(nbytes)
            if nbytes == 16 and looks.count(16) == 1:  # the first function
                found[4 * changed] ^= 4
            return bytes(found)

        looks.clear()
        assert is_direct(bytes_at=read) is (changed == 3), changed  # another code is what makes the difference
    same = []

    def equal(address, nbytes):
        same.append(bytes_at(address, nbytes))
        return same[0] if nbytes == 16 and len(same) == 2 else same[-1]

    assert not is_direct(bytes_at=equal)
    for name in ("__name__", "__globals__"):
        assert not is_direct(hasattr=lambda thing, asked, name=name: asked == name), name
    assert is_direct(hasattr=lambda thing, asked: False)


def test_assumption_4():
    """A function that does what it did, though its code has been replaced."""
    assert not is_direct(_redirect=lambda function, context, children, code: None)


def test_assumption_5():
    """Another prologue, and each of the branches."""
    for halfword in range(5):

        def read(address, nbytes, halfword=halfword):
            found = bytearray(bytes_at(address, nbytes))
            if nbytes == 10:
                found[2 * halfword + 1] ^= 0x80
            return bytes(found)

        assert not is_direct(bytes_at=read), halfword


def test_assumption_6():
    """Entries of another version, and a physmem_thumb that has no number; nothing of it is called or looked at."""
    for number in (None, 0, 1, 3, "2"):
        assert not is_direct(Thumb(ENTRIES=number, serve=None)), number
    names = Thumb()
    del names.ENTRIES
    assert not is_direct(names)
    assert is_direct(Thumb())


def test_assumption_7():
    """Calls that do less than the closures do: each result, TypeErrors, and the state at the end."""
    works = fresh_direct()._works
    assert works(engine.raw_calls, used_state()) and works(closure_calls, used_state())
    for which in range(4):
        for wrong in range(1, 3):

            def calls(state, which=which, wrong=wrong):
                made = list(closure_calls(state))
                right = made[which]
                if wrong == 1:  # another result
                    made[which] = lambda *arguments: right(*arguments) ^ 1
                else:  # no TypeError

                    def call(*arguments):
                        try:
                            return right(*arguments)
                        except TypeError:
                            return -1

                    made[which] = call
                return made

            assert not works(calls, used_state()), (which, wrong)
            assert not is_direct(raw_calls=calls), (which, wrong)

    def spoiling(state):
        state[physmem_state.STATE_FAILED] = 1
        return closure_calls(state)

    assert not works(spoiling, used_state())


def test_closures_where_the_direct_calls_are_not_known():
    """An engine that finds this out when it is imported has closures, and the same results."""
    other = engine_with(_code_of_serve=lambda of_thumb: None)
    assert other.calls_are_direct is False
    alloc, alloc_aligned, alloc_at, free = other.raw_calls(physmem_state.new_state(64, 0))
    assert [alloc(3), alloc_aligned(2, 4), alloc_at(40, 9), free(0), free(1)] == [0, 4, 40, 3, engine.NOT_ALLOCATED]
    assert outcome(alloc, None) == "n must be an integer, not NoneType: give a number of frames"


def test_machine_code_of_another_layout():
    """An engine beside a physmem_thumb that was built for another layout of a state is refused with a sentence, and
    calls nothing of it."""
    layout = thumb.LAYOUT
    assert layout == engine.LAYOUT
    for other in (None, 0, (1,) + layout[1:], layout[:-1] + (7,), layout[:-1]):
        sys.modules["physmem_thumb"] = Thumb(LAYOUT=other, serve=None, in_interrupt=None, hold=None)
        del sys.modules["physmem_engine"]
        try:
            error = raises(ImportError, __import__, "physmem_engine")
        finally:
            sys.modules.update(MODULES)
            for name in ("physmem_thumb", "physmem_direct"):
                sys.modules.pop(name, None)
        assert "install both from one release" in str(error), other
    assert sys.modules["physmem_engine"] is engine
