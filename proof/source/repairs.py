"""`physmem_state.rebuild`, `recover` and `empty`: for every state of a region of one to three words, however damaged.

What is assumed is that the layout is right, and that nothing lies behind the last frame (invariant 3), which no call
changes.

`rebuild` calls `count_free` and `reclass`, `recover` calls `rebuild`: `rebuild` is proven by the contract of the first
of these, `recover` by that of `rebuild`. The power may fail in `recover`, too: calling it again makes the same of the
rows.
"""

from proof.contract import specification
from proof.contract.regions import assumptions
from proof.logic.terms import all_of
from proof.source import integers
from proof.source.evaluator import Invariant
from proof.source.source_calls import Region, named

DERIVED = ("free", "fewest", "tops ", "planes ")


def _one_bit_less(entry, now):
    """The inner loop of `count_free`: n counts the bits that x has lost."""
    left, all_bits = specification.ones_in(now["x"].bits), specification.ones_in(entry["x"].bits)
    return {"counted": now["n"].bits + left == entry["n"].bits + all_bits}


COUNT = {("count_free", 1): Invariant(_one_bit_less, lambda now: now["x"].bits)}


def _with_ends(words, **options):
    """Return a Region with nothing behind its last frame."""
    region = Region(words, **options)
    invariants = specification.invariants_of_rows(region.before)
    region.assume(invariants["3, free"], invariants["3, starts"])
    return region


def count_free(words, **options):
    region = Region(words, **options)
    count = specification.counted(region.before)
    return region.prove(
        "physmem_engine",
        "count_free",
        [],
        lambda after, result: {"all free frames": result == count, **specification.unchanged(region.before, after)},
        invariants=COUNT,
    )


def rebuild(words, **options):
    region = _with_ends(words, **options)
    return region.prove(
        "physmem_state",
        "rebuild",
        [],
        lambda after, _: specification.rebuild(region.before, after),
        contracts={"count_free": counting(region)},
    )


def recover(words, **options):
    region = _with_ends(words, **options)
    return region.prove(
        "physmem_state",
        "recover",
        [],
        lambda after, result: specification.recover(region.before, after, result),
        contracts={"rebuild": rebuilding(region)},
        survives_cuts=True,
    )


def recover_repairs(words, **options):
    """What `recover` leaves fulfils all invariants, if the first frame is free or a start: as all calls leave it."""
    region, after = _recovered(words, **options)
    region.assume((region.before.is_free | region.before.is_start).bit(0))
    region.check_possible()
    counted = {"counted": after.free == specification.counted(after)}
    invariants = {**specification.invariants_of_rows(after), **specification.invariants_of_planes(after)}
    return region.expect((), {**counted, **invariants})


def recover_keeps(words, **options):
    """A state that fulfils all invariants is left as it is, and nothing is freed."""
    region, after = _recovered(words, **options)
    before = region.before
    region.assume(*assumptions(before), before.free == specification.counted(before))
    region.check_possible()
    unchanged = specification.unchanged(before, after)
    return region.expect((), {"nothing is freed": specification.loose(before) == 0, **unchanged})


def recover_stays_empty(words, **options):
    """A state with no free frame and no start, as `empty` leaves it, stays so."""
    region, after = _recovered(words, **options)
    before = region.before
    region.assume(before.is_free == 0, before.is_start == specification.bit_of(before, before.frames))
    region.check_possible()
    rows = {"free frames": after.is_free == before.is_free, "starts": after.is_start == before.is_start}
    return region.expect((), {**rows, "nothing is freed": specification.loose(before) == 0, "count": after.free == 0})


def empty(words, **options):
    """`empty` leaves no free frame and no start, whatever the words of the state are."""
    region = Region(words, **options)
    before = region.before

    def wanted(after, _):
        only_end = specification.bit_of(before, before.frames)
        rows = {"free frames": after.is_free == 0, "starts": after.is_start == only_end}
        return {**rows, **specification.derived(before, after)}

    return region.prove("physmem_state", "empty", [], wanted, contracts={"rebuild": rebuilding(region)})


def _recovered(words, **options):
    """Return a Region with nothing behind its last frame, and the map that `recover` leaves."""
    region = _with_ends(words, **options)
    state = region.some_state("recovered", region.state, ("row ", "starts ", *DERIVED))
    after = region.map(state)
    freed = specification.ones_in(specification.loose(region.before))
    region.assume(*specification.recover(region.before, after, freed).values())
    return region, after


def counting(region):
    """Return the contract of `count_free`."""

    def contract(evaluator, state, arguments):
        return integers.signed(specification.counted(region.map(state.arrays["state"])))

    return contract


def rebuilding(region):
    """Return the contract of `rebuild`."""

    def contract(evaluator, state, arguments):
        before = region.map(state.arrays["state"])
        invariants = specification.invariants_of_rows(before)
        ends = {name: invariants[name] for name in ("3, free", "3, starts")}
        region.expect(state.path, {f"before rebuild(): {name}": each for name, each in ends.items()})
        state.arrays["state"] = region.some_state("rebuilt", state.arrays["state"], DERIVED)
        after = region.map(state.arrays["state"])
        region.assume(all_of(state.path).implies(all_of(specification.rebuild(before, after).values())))

    return contract


def theorems(words):
    """Return the theorems on regions of so many words."""
    return named(words, (count_free, rebuild, recover, recover_repairs, recover_keeps, recover_stays_empty, empty))
