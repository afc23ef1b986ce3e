"""What calls `search_within` in physmem_engine, by the contract that searches.py proves: `allocate_within` and
`largest_free`, for every state of a region of one to three words and all arguments that their docstrings allow.

The other functions that they call have contracts, too: `serve` and `count_failure` are proven as machine code, `_flip`
in changes.py.
"""

from proof.contract import specification
from proof.logic.terms import all_of, bits, some
from proof.source import integers
from proof.source.source_calls import CHANGING, SMALL, Lock, Region, named, whole_region

LARGEST_POWER = 1 << 29


def _is_power_or_0(number):
    return ((number & (number - 1)) == 0) & (number <= LARGEST_POWER)


class _Contracts:
    """Contracts on a Region with a Lock, for any one frame, `place`."""

    def __init__(self, region, lock):
        self.region, self.lock = region, lock
        self.place = some("place")

    def search_within(self, evaluator, state, arguments):
        map, (n, align, boundary, low, high) = self.region.map(state.arrays["state"]), self._words(arguments)
        allowed = {
            "n": (n >= 1) & (n < SMALL),
            "align": (align != 0) & _is_power_or_0(align),
            "boundary": _is_power_or_0(boundary) & ((boundary == 0) | (n <= boundary)),
            "limits": (low < SMALL) & (high <= map.frames),
        }
        self._expect(state, "search_within", allowed)
        result = some("what search_within returned")
        self._know(state, specification.search_within(map, result, n, align, boundary, low, high, self.place))
        return integers.signed(result)

    def allocate(self, evaluator, state, arguments):
        """Of ``serve(address, frame, n)`` where n > 0. It would wait for a spin lock that the call holds for ever."""
        before, (frame, n) = self.region.map(state.arrays["state"]), self._words(arguments)
        waits = self.lock.is_held(state.arrays) & (before.lock >> 2 != 0)
        allowed = {"n": n >= 1, "frames": (n <= before.frames) & (frame <= before.frames - n), "lock": ~waits}
        self._expect(state, "serve", allowed)
        after, result = self._changed(state, "served"), some("what serve returned")
        self._know(state, specification.alloc_at(before, after, result, frame, n))
        return integers.signed(result)

    def count_failure(self, evaluator, state, arguments):
        """Nothing has changed since the search began: the region has no lock."""
        before = self.region.map(state.arrays["state"])
        self._expect(state, "count_failure", {"no lock": before.lock == 0})
        after = self._changed(state, "failure counted")
        self._know(state, {"counted": after.failed == before.failed + 1})
        self._know(state, specification.unchanged(before, after, ("failed",)))
        return integers.known(specification.OUT_OF_MEMORY)

    def flip(self, evaluator, state, arguments):
        before, (frame, n) = self.region.map(state.arrays["state"]), self._words(arguments)
        if n.number == 0:
            return
        fits = specification.fits(before, frame, n)
        self.region.assume(~fits | (n <= before.free))  # invariant 4, and the lemma `changes.place_is_counted`
        self._expect(state, "_flip", {"free frames": (n >= 1) & fits, "count": n <= before.free})
        after = self._changed(state, "flipped")
        self._know(state, specification.allocated(before, after, frame, n))
        self._know(state, {"version": after.version == before.version})

    def _words(self, arguments):
        """Return the Bits of all arguments but the first, the address of the state."""
        return [each.lowest_bits(32) for each in arguments[1:]]

    def _changed(self, state, name):
        state.arrays["state"] = self.region.some_state(name, state.arrays["state"], CHANGING)
        return self.region.map(state.arrays["state"])

    def _expect(self, state, name, truths):
        self.region.expect(state.path, {f"before {name}: {each}": value for each, value in truths.items()})

    def _know(self, state, truths):
        self.region.assume(all_of(state.path).implies(all_of(truths.values())))


def allocate_within(words, **options):
    region = whole_region(words, **options)
    before, lock = region.before, Lock(region)
    contracts = _Contracts(region, lock)
    n, align = region.number("n", 1, SMALL - 1), region.power("align", 1, LARGEST_POWER)
    boundary, low, high = region.power("boundary", 0, LARGEST_POWER), region.number("low", 0, SMALL - 1), some("high")
    region.assume((boundary == 0) | (boundary >= n), high <= before.frames)
    limits = n, align, boundary, low, high

    def wanted(after, result):
        held = lock.held
        return specification.allocate_within(before, held, after, result, limits, lock.is_refused, contracts.place)

    used = {
        "search_within": contracts.search_within,
        "serve_call": contracts.allocate,
        "_count_failure": contracts.count_failure,
        "_flip": contracts.flip,
        **lock.contracts(),
    }
    return region.prove("physmem_engine", "allocate_within", limits, wanted, lock=lock, contracts=used)


def shorter_fits(words):
    """Where n + 1 frames fit, n do."""
    region = Region(words)
    map, place, n, align = region.before, some("place"), some("n"), region.power("align", 1, LARGEST_POWER)
    region.assume(n < SMALL, specification.fits(map, place, n + 1, align))
    return region.expect((), {"fits": specification.fits(map, place, n, align)})


def largest_free(words, **options):
    """It returns the largest number of frames that fit somewhere at a multiple of `align`: `most`.

    n frames fit somewhere if, and only if, n is `most` or less (`shorter_fits`), so `search_within` finds a place then
    and only then. `most` is no more than the free frames (`changes.place_is_counted`).
    """
    region = whole_region(words, **options)
    before = region.before
    align, most = region.power("align", 1, LARGEST_POWER), some("most")
    region.assume(most <= before.free)

    def search_within(evaluator, state, arguments):
        n, own_align, boundary, low, high = (each.lowest_bits(32) for each in arguments[1:])
        whole = (boundary == 0) & (low == 0) & (high == before.frames) & (own_align == align)
        region.expect(state.path, {"before search_within: all of the region": whole & bits(0).less_with_sign(n)})
        result = some("what search_within returned")
        region.assume(all_of(state.path).implies(result.bit(31).same_as(n > most)))
        return integers.signed(result)

    def wanted(after, result):
        return {"the largest": result == most, **specification.unchanged(before, after)}

    contracts = {"search_within": search_within}
    return region.prove("physmem_engine", "largest_free", [align], wanted, contracts=contracts)


def theorems(words):
    """Return the theorems on regions of so many words."""
    return named(words, (allocate_within, shorter_fits, largest_free))
