"""Deferred bookkeeping: allocate_frames_deferred, its actions, and the spare owners behind them.

The scheduler commits by itself. So the tests look at what must still be pending with the heap or the scheduler locked.
"""

import gc
import sys

import micropython
from scheduled import QUEUE, fill_queue, run_scheduled, with_scheduler_locked
from snapshot import of_system
from support import fresh_physmem, raises, spare_owners
from two_regions import FRAME, SRAM, two_regions

NEEDS = ("calls without heap",)
PSRAM = 0x80000000  # a big integer on boards
FRAMES = 80
SPARES = 32
SPLITS = 4  # into two parts and into three parts each
LOCKS = sys.implementation.name == "micropython" and sys.platform != "webassembly"


def system():
    physmem = two_regions(FRAMES, PSRAM)
    run_scheduled()  # what another physmem has left in the queue
    return physmem


def used(physmem):
    return physmem.stats()[None]["used"]


def use_up(physmem, count=SPARES):
    """Take `count` spare owners, of one frame of sram each, with the heap locked. Return the pairs.

    With the heap locked, MicroPython's scheduler makes no others meanwhile.
    """
    pairs = [None] * count
    micropython.heap_lock()
    try:
        for i in range(count):
            pairs[i] = physmem.allocate_frames_deferred(1, region="sram")
        for _ in range(QUEUE):
            pass  # the scheduler tries in vain
    finally:
        micropython.heap_unlock()
    return pairs


def test_commits_by_itself():
    """The scheduler commits soon. Then nothing is left to commit, and all spare owners are back."""
    physmem = system()
    frames, action = physmem.allocate_frames_deferred(3, owner="driver")
    run_scheduled()
    assert not action.pending and action.commit() is False
    assert spare_owners() == SPARES
    assert (frames.count, frames.owner, frames.state) == (3, "driver", physmem.ALLOCATED)
    assert frames.free() == 3 and used(physmem) == 0


def test_pending_until_the_scheduler_runs():
    physmem = system()
    seen = []

    def allocate():
        frames, action = physmem.allocate_frames_by_bytes_deferred(FRAME + 1)
        seen.append((frames, action))
        assert action.pending and spare_owners() == SPARES - 1
        assert frames.count == 2 and used(physmem) == 2

    with_scheduler_locked(allocate)
    run_scheduled()
    frames, action = seen[0]
    assert not action.pending and spare_owners() == SPARES
    assert frames.free() == 2


def test_commit_by_hand():
    """One commit completes all pending actions, once, whatever has become of their frames."""
    physmem = system()

    def commit():
        kept, first = physmem.allocate_frames_deferred(1)
        freed, second = physmem.allocate_frames_deferred(1)
        _, third = physmem.allocate_frames_deferred(1)  # drops the owner, not the frame
        assert freed.free() == 1
        assert first.pending and second.pending and third.pending and spare_owners() == SPARES - 3
        assert second.commit() is True
        assert not first.pending and not second.pending and not third.pending and spare_owners() == SPARES
        assert first.commit() is second.commit() is third.commit() is False
        raises(physmem.PhysMemError, freed.free, code="NotAllocated")
        return kept

    kept = with_scheduler_locked(commit)
    assert used(physmem) == 2 and kept.free() == 1
    run_scheduled()
    assert spare_owners() == SPARES and physmem.check() == []


def test_commit_by_with():
    """The end of a `with` block commits. If an exception leaves the block, it still commits, and the exception
    continues."""
    physmem = system()

    def commit():
        frames, action = physmem.allocate_frames_deferred(1)
        with action as inside:
            assert inside is action and action.pending
        assert not action.pending and spare_owners() == SPARES
        frames.free()
        frames, action = physmem.allocate_frames_deferred(1)
        try:
            with action:
                raise KeyError("of the block")
        except KeyError:
            pass
        assert not action.pending and spare_owners() == SPARES
        frames.free()

    with_scheduler_locked(commit)
    assert used(physmem) == 0


def test_commit_with_the_heap_locked():
    """With the heap locked, MicroPython raises NotPermitted, by hand and by `with`, and the action is still pending.

    An exception of the block takes precedence: it says more.
    """
    physmem = system()
    outcomes = [None] * 4
    error = KeyError("of the block")
    micropython.heap_lock()
    try:
        frames, action = physmem.allocate_frames_deferred(1)
        try:
            outcomes[0] = action.commit()
        except physmem.PhysMemError as refusal:
            outcomes[0] = refusal.code
        outcomes[1] = action.pending
        try:
            with action:
                pass
        except physmem.PhysMemError as refusal:
            outcomes[2] = refusal.code
        try:
            with action:
                raise error
        except KeyError as caught:
            outcomes[3] = caught
    finally:
        micropython.heap_unlock()
    assert outcomes[3] is error
    if LOCKS:
        assert outcomes[:3] == ["NotPermitted", True, "NotPermitted"]
        assert action.pending and spare_owners() == SPARES - 1
        assert action.commit() is True
    assert not action.pending and spare_owners() == SPARES
    assert frames.free() == 1


def test_the_scheduler_runs_with_the_heap_locked():
    """The scheduler cannot make owners with the heap locked. The next deferred allocation makes them for all."""
    physmem = system()
    actions = [None] * 3
    micropython.heap_lock()
    try:
        for i in range(3):
            actions[i] = physmem.allocate_frames_deferred(1)[1]
            run_scheduled()
    finally:
        micropython.heap_unlock()
    run_scheduled()
    if LOCKS:  # on CPython the heap is never locked, so it is done
        assert actions[0].pending and actions[1].pending and actions[2].pending and spare_owners() == SPARES - 3
    _, last = physmem.allocate_frames_deferred(1)
    run_scheduled()
    actions.append(last)
    assert True not in [action.pending for action in actions] and spare_owners() == SPARES


def test_dropped_actions():
    """Two hundred owners and actions, all dropped: no spare owner is lost.

    The frames still belong to the region, and anyone who knows their numbers can free them.
    """
    physmem = system()
    sram = physmem.region("sram")
    for i in range(200):
        physmem.allocate_frames_deferred(1 + i % 3, region="sram")
        if i % 20 == 0:
            gc.collect()
        first = 0
        assert sram.free(first) == 1 + i % 3
    run_scheduled()
    assert spare_owners() == SPARES and used(physmem) == 0 and physmem.check() == []


def test_all_spare_owners_used_up():
    """With all spare owners used up, the next request is a MemoryError that says so, and its frames stay free.

    No number of such requests loses anything. The spare owners and those made after them are all different.
    """
    physmem = system()
    pairs = use_up(physmem)
    owners = [frames for frames, _ in pairs]
    assert used(physmem) == SPARES
    assert {frames.first for frames in owners} == set(range(SPARES))
    assert spare_owners() == 0
    if LOCKS:
        refusals = [None] * 4
        micropython.heap_lock()
        try:
            for i in range(len(refusals)):
                try:
                    if i == 0:
                        physmem.allocate_frames_deferred(1)
                    elif i == 1:
                        physmem.allocate_frames_deferred(2, SRAM + 40 * FRAME)
                    elif i == 2:
                        physmem.allocate_frames_by_bytes_deferred(1, PSRAM)
                    else:
                        physmem.allocate_frames(1)
                except MemoryError as error:
                    refusals[i] = error
        finally:
            micropython.heap_unlock()
        assert None not in refusals and str(refusals[0])
        assert used(physmem) == SPARES and spare_owners() == 0
        assert pairs[0][1].pending and pairs[SPARES - 1][1].pending
    # With the heap unlocked there are more at once.
    owners.append(physmem.allocate_frames_deferred(1, region="sram")[0])
    run_scheduled()
    assert spare_owners() == SPARES
    assert True not in [action.pending for _, action in pairs]
    owners += [frames for frames, _ in use_up(physmem)]
    assert len({id(frames) for frames in owners}) == 2 * SPARES + 1
    assert {frames.first for frames in owners} == set(range(2 * SPARES + 1))
    for frames in owners:
        assert frames.free() == 1
    assert used(physmem) == 0 and physmem.check() == []
    # The last ones were used up without heap: the next commit or allocation makes new ones.
    with physmem.allocate_frames_deferred(1)[0]:
        run_scheduled()
    assert spare_owners() == SPARES


def test_more_than_the_spare_owners_with_the_scheduler_locked():
    """If there is heap, spare owners are made as soon as none is left, without waiting for the scheduler."""
    physmem = system()

    def allocate():
        pairs = [physmem.allocate_frames_deferred(1) for _ in range(2 * SPARES + 5)]
        assert spare_owners() == SPARES - 5
        # The first ones were committed by the request that found no spare owner.
        assert [action.pending for _, action in pairs] == [False] * (2 * SPARES) + [True] * 5
        return [frames for frames, _ in pairs]

    owners = with_scheduler_locked(allocate)
    run_scheduled()
    assert spare_owners() == SPARES
    assert {frames.first for frames in owners} == set(range(2 * SPARES + 5))


def test_queue_of_the_scheduler_is_full():
    """The allocation works, and its action waits for a commit or for the next allocation."""
    physmem = system()

    def nothing(_):
        pass

    def allocate():
        assert fill_queue(nothing) == QUEUE
        return [physmem.allocate_frames_deferred(1) for _ in range(3)]

    (first, action), (second, other), (third, _) = with_scheduler_locked(allocate)
    run_scheduled()
    assert action.pending and other.pending and spare_owners() == SPARES - 3
    fourth, last = physmem.allocate_frames_deferred(1)
    run_scheduled()
    assert not action.pending and not other.pending and not last.pending and spare_owners() == SPARES
    assert [frames.free() for frames in (first, second, third, fourth)] == [1] * 4


def test_it_is_scheduled_once():
    """However many actions wait, they take one place in the queue. Three are left to others."""
    physmem = system()

    def nothing(_):
        pass

    def allocate():
        for _ in range(10):
            physmem.allocate_frames_deferred(1)
        return fill_queue(nothing)

    assert with_scheduler_locked(allocate) == QUEUE - 1
    run_scheduled()
    assert spare_owners() == SPARES


def test_reset_before_the_commit():
    """The new physmem has all of its spare owners. What the old one has scheduled does not touch them."""
    old = system()
    new = []

    def reset():
        frames, action = old.allocate_frames_deferred(1)
        new.append(fresh_physmem())
        new[0].init([("sram", SRAM, FRAMES * FRAME)])
        new[0].boot_complete()
        assert action.pending and spare_owners() == SPARES
        return frames, action

    _, action = with_scheduler_locked(reset)
    run_scheduled()
    physmem = new[0]
    assert not action.pending and spare_owners() == SPARES
    assert used(physmem) == 0
    first, action = physmem.allocate_frames_deferred(FRAMES)
    assert (first.first, first.count) == (0, FRAMES)
    run_scheduled()
    assert not action.pending and first.free() == FRAMES


def test_at_an_address():
    """The frames contain the address, also where it is not a small integer, without heap."""
    physmem = system()
    pairs = [None] * 4
    addresses = (SRAM, SRAM + 5 * FRAME + 7, PSRAM, PSRAM + 7 * FRAME - 1)
    micropython.heap_lock()
    try:
        pairs[0] = physmem.allocate_frames_deferred(2, addresses[0])
        pairs[1] = physmem.allocate_frames_deferred(1, at=addresses[1])
        pairs[2] = physmem.allocate_frames_by_bytes_deferred(3 * FRAME, addresses[2])
        pairs[3] = physmem.allocate_frames_by_bytes_deferred(2, at=addresses[3])
    finally:
        micropython.heap_unlock()
    found = [(frames.region.name, frames.first, frames.count) for frames, _ in pairs]
    assert found == [("sram", 0, 2), ("sram", 5, 1), ("psram", 0, 3), ("psram", 6, 2)]
    assert pairs[3][0].addr == PSRAM + 6 * FRAME
    assert [frames.free() for frames, _ in pairs] == [2, 1, 3, 2]
    assert used(physmem) == 0


def test_what_is_refused_takes_no_spare_owner():
    """With heap and without, a refused request takes neither frames nor spare owners."""
    physmem = system()
    taken = physmem.allocate_frames_at(SRAM + 3 * FRAME, 1)
    requests = (
        (1, SRAM + 3 * FRAME, "AddressNotFree"),
        (2, SRAM + 2 * FRAME, "AddressNotFree"),
        (2, SRAM + (FRAMES - 1) * FRAME, "AddressOutOfRange"),
        (0, None, "ZeroAllocation"),
        (0, SRAM, "ZeroAllocation"),
        (-1, None, "InvalidArgument"),
        (FRAMES + 1, None, MemoryError),
    )
    codes = [None] * len(requests)
    for lock in (False, True):
        before = of_system(physmem)
        if lock:
            micropython.heap_lock()
        try:
            for i in range(len(requests)):
                try:
                    physmem.allocate_frames_deferred(requests[i][0], requests[i][1])
                    codes[i] = None
                except MemoryError:
                    codes[i] = MemoryError
                except physmem.PhysMemError as error:
                    codes[i] = error.code
        finally:
            if lock:
                micropython.heap_unlock()
        assert codes == [request[2] for request in requests]
        assert of_system(physmem) == before
    assert taken.free() == 1 and physmem.check() == []


def test_splits_with_the_heap_locked():
    """Four splits into two parts and four into three; the next is a MemoryError that leaves the owner unchanged.

    All parts are different owners of the right frames. With heap there are as many spare owners again.
    """
    physmem = system()
    for _ in range(2):
        whole = [physmem.allocate_frames(5, region="sram") for _ in range(2 * SPLITS + 2)]
        parts = [None] * (2 * SPLITS)
        refusals = [None] * 2
        micropython.heap_lock()
        try:
            for i in range(SPLITS):
                parts[i] = whole[i].split_at(2)
                parts[SPLITS + i] = whole[SPLITS + i].split_range(1, 3)
            if LOCKS:
                try:
                    whole[2 * SPLITS].split_at(2)
                except MemoryError as error:
                    refusals[0] = error
                try:
                    whole[2 * SPLITS + 1].split_range(1, 3)
                except MemoryError as error:
                    refusals[1] = error
        finally:
            micropython.heap_unlock()
        assert not LOCKS or None not in refusals
        owners = []
        for i in range(SPLITS):
            first = 5 * i
            assert [(part.first, part.count) for part in parts[i]] == [(first, 2), (first + 2, 3)]
            first = 5 * (SPLITS + i)
            found = [(part.first, part.count) for part in parts[SPLITS + i]]
            assert found == [(first, 1), (first + 1, 3), (first + 4, 1)]
            owners += parts[i] + parts[SPLITS + i]
        assert [frames.state for frames in whole] == [physmem.MOVED] * (2 * SPLITS) + [physmem.ALLOCATED] * 2
        owners += whole[2 * SPLITS :]
        assert len({id(frames) for frames in owners}) == len(owners)
        assert sum([frames.free() for frames in owners]) == 5 * (2 * SPLITS + 2)
        assert used(physmem) == 0 and physmem.check() == []
        # The next deferred allocation also makes new ones for splits.
        assert physmem.allocate_frames_deferred(1)[0].free() == 1
        run_scheduled()


def test_spare_parts_of_splits_are_made_by_the_scheduler():
    """Like spare owners, they take no commit and no other allocation."""
    physmem = system()
    whole = [physmem.allocate_frames(3) for _ in range(2 * SPLITS)]
    parts = [None] * (2 * SPLITS)

    def split_in_two():
        micropython.heap_lock()
        try:
            for i in range(SPLITS):
                parts[i] = whole[i].split_at(1)
        finally:
            micropython.heap_unlock()

    def split_in_three():
        micropython.heap_lock()
        try:
            for i in range(SPLITS):
                parts[SPLITS + i] = whole[SPLITS + i].split_range(1, 1)
        finally:
            micropython.heap_unlock()

    for _ in range(3):
        for split in (split_in_two, split_in_three):
            with_scheduler_locked(split)
            run_scheduled()
        assert sum([part.free() for several in parts for part in several]) == 3 * 2 * SPLITS
        whole[:] = [physmem.allocate_frames(3) for _ in range(2 * SPLITS)]
    assert physmem.check() == []


def test_splits_and_single_owners_share_the_pool():
    """Splits take neighbours at the end of the pool, single owners start at the beginning. Whatever the order, no owner
    is handed out twice and none is lost; what one of a split's owners is missing from serves no split."""
    if not LOCKS:
        return
    physmem = system()
    module = sys.modules["physmem_frames"]
    for owners, splits in ((1, 0), (8, 1), (19, 2)):
        module.make_spares(owners)
        for singles in range(owners + 1):
            whole = [physmem.allocate_frames(3) for _ in range(2 * splits + 2)]
            kept = [None] * (5 * (splits + 1) + owners)
            taken = pairs = triples = 0
            micropython.heap_lock()
            try:
                for _ in range(singles):
                    kept[taken] = physmem.allocate_frames(1)
                    taken += 1
                for n in (2, 3):
                    for i in range(splits + 1):
                        try:
                            parts = whole[i].split_at(1) if n == 2 else whole[splits + 1 + i].split_range(1, 1)
                        except MemoryError:
                            continue
                        if n == 2:
                            pairs += 1
                        else:
                            triples += 1
                        for part in parts:
                            kept[taken] = part
                            taken += 1
                left = spare_owners()
                while True:
                    kept[taken] = physmem.allocate_frames(1)
                    taken += 1
                    left -= 1
            except MemoryError:
                pass
            finally:
                micropython.heap_unlock()
            assert left == 0 and taken == owners, (owners, singles, taken)
            # Single owners reach the triples first, then the pairs.
            assert triples == min(splits, max(0, owners - 2 * splits - singles) // 3), (owners, singles, triples)
            assert pairs == min(splits, (owners - singles) // 2), (owners, singles, pairs)
            assert len({id(frames) for frames in kept[:taken]}) == taken
            parts_of_splits = 3 * (pairs + triples)
            assert sum([frames.free() for frames in kept[:taken]]) == parts_of_splits + taken - 2 * pairs - 3 * triples
            for frames in whole:
                if frames:
                    frames.free()
            run_scheduled()
            module.fill_spares()
            assert spare_owners() == owners and used(physmem) == 0


def test_owners_of_plain_allocations_with_the_heap_locked():
    """allocate_frames and its relatives also take spare owners. The scheduler makes others when it next can."""
    physmem = system()
    owners = [None] * 4
    addr = PSRAM + 5 * FRAME
    micropython.heap_lock()
    try:
        owners[0] = physmem.allocate_frames(2)
        owners[1] = physmem.allocate_frames(1, region="psram")
        owners[2] = physmem.allocate_frames_by_bytes(FRAME + 1)
        owners[3] = physmem.allocate_frames_at(addr, 1)
    finally:
        micropython.heap_unlock()
    assert spare_owners() == (SPARES - 4 if LOCKS else SPARES)
    assert [frames.free() for frames in owners] == [2, 1, 2, 1]

    def allocate():
        micropython.heap_lock()
        try:
            owners[0] = physmem.allocate_frames(1)
        finally:
            micropython.heap_unlock()

    with_scheduler_locked(allocate)
    run_scheduled()
    assert spare_owners() == SPARES and owners[0].free() == 1


def test_making_spares_while_they_are_made():
    """The scheduler may run in the middle of a commit. Each spare owner is still made once and handed out once."""
    physmem = system()
    module = sys.modules["physmem_frames"]
    pairs = use_up(physmem)
    assert spare_owners() == 0
    make = module._new_pair
    taken = []
    made = []

    def make_interrupted():
        module._fill_spares_when_possible(None)  # as the scheduler would
        made.append(make())
        module._fill_spares_when_possible(None)
        if len(made) == SPARES // 2:
            for _ in range(3):
                taken.append(module.take_spare(None, 0, 0, None, 0))
        return made[-1]

    module._new_pair = make_interrupted
    pairs[0][1].commit()
    module._new_pair = make
    assert len(taken) == 3 and len(made) == SPARES
    module.fill_spares()
    assert spare_owners() == SPARES and not any(module._is_used)
    everyone = (
        [frames for frames, _ in pairs]
        + [frames for frames, _ in taken]
        + [pair[0] for pair in module._spares[:SPARES]]
    )
    assert len({id(frames) for frames in everyone}) == len(everyone)
    assert True not in [action.pending for _, action in pairs + taken]


class FilledWhenTaken:
    """Stands for `_is_used`, the flags of the spare owners: as soon as a place is marked as used, the pool is filled,
    as by the other core."""

    def __init__(self, is_used, fill):
        self.is_used = is_used
        self.fill = fill

    def __len__(self):
        return len(self.is_used)

    def __getitem__(self, place):
        return self.is_used[place]

    def __setitem__(self, place, value):
        self.is_used[place] = value
        if value:
            self.fill()


def test_a_spare_is_made_at_the_moment_that_one_is_taken():
    """The taker gets what was there before, and nobody else does."""
    physmem = system()
    module = sys.modules["physmem_frames"]
    plain = module._is_used
    module._is_used = FilledWhenTaken(plain, module.fill_spares)
    try:
        pairs = [physmem.allocate_frames_deferred(1) for _ in range(3)]
    finally:
        module._is_used = plain
    assert spare_owners() == SPARES
    owners = [frames for frames, _ in pairs] + [pair[0] for pair in module._spares[:SPARES]]
    assert len({id(frames) for frames in owners}) == len(owners)
    assert [frames.first for frames, _ in pairs] == [0, 1, 2]


def test_owners_outlive_what_their_spares_were_in():
    """Owners that you keep stay whole through collections and new objects, even after the pool has new spare owners."""
    physmem = system()
    owners = [frames for frames, _ in use_up(physmem)]
    for _ in range(3):
        physmem.allocate_frames_deferred(1)[0].free()
        run_scheduled()
        gc.collect()
        assert [bytearray(24) for _ in range(200)]
    assert [frames.first for frames in owners] == list(range(SPARES))
    assert [frames.free() for frames in owners] == [1] * SPARES
    assert used(physmem) == 0


def test_filling_near_the_recursion_limit():
    """What the scheduler calls lets nothing out near the limit: it would be printed on the console.

    Only where a program could call no function at all any more, MicroPython does not enter it. Spares that could not be
    made are made later.
    """
    if not LOCKS:
        return
    physmem = system()
    module = sys.modules["physmem_frames"]
    fill = module._fill_spares_when_possible
    escaped = []
    deepest = [0]

    def descend(depth):
        try:
            fill(None)
        except BaseException as error:
            escaped.append((depth, error))
        deepest[0] = depth
        descend(depth + 1)

    pairs = use_up(physmem)
    raises(RuntimeError, descend, 0)
    assert deepest[0] >= 10 and not [depth for depth, _ in escaped if depth < deepest[0]], (escaped, deepest[0])
    assert not [error for _, error in escaped if not isinstance(error, RuntimeError)]
    # The scheduler calls it there.
    left = [0]

    def descend_and_run(depth):
        left[0] = depth
        micropython.schedule(fill, None)
        for _ in range(QUEUE):
            pass
        descend_and_run(depth + 1)

    for frames, _ in pairs:
        frames.free()
    pairs = use_up(physmem)
    raises(RuntimeError, descend_and_run, 0)
    run_scheduled()
    module.fill_spares()
    assert left[0] >= 8 and spare_owners() == SPARES
    for frames, _ in pairs:
        frames.free()
    assert used(physmem) == 0


def test_filling_with_the_heap_full():
    """It lets nothing out then either, and makes the spares when there is room again."""
    if not LOCKS:
        return
    physmem = system()
    module = sys.modules["physmem_frames"]
    pairs = use_up(physmem)
    hog = None
    escaped = [None]
    gc.collect()
    for size in (1 << 20, 1 << 16, 1 << 12, 256, 32, 1):
        try:
            while True:
                hog = (hog, bytearray(size))
        except MemoryError:
            pass
    try:
        module._fill_spares_when_possible(None)
    except BaseException as error:
        escaped[0] = error
    hog = None
    gc.collect()
    assert escaped[0] is None
    module.fill_spares()
    assert spare_owners() == SPARES
    for frames, _ in pairs:
        frames.free()
    assert used(physmem) == 0
