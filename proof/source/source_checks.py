"""Compare `evaluator.Evaluator` with CPython: the same functions of lib/, on the same numbers, every word of the state.

CPython runs lib/ with the stubs of tests_host, which compute with exact integers. Words of 32 bits give the same
results, as these functions see to it (physmem_engine's docstring).

`compare` evaluates each call with numbers. `compare_with_symbols` evaluates a function once, for all states and
arguments, and lets the solver say what this gives for each call: that checks how paths are merged.
"""

import random
import sys

from proof.contract.regions import assumptions
from proof.logic.arrays import KnownArray
from proof.logic.solver import Solver
from proof.logic.terms import bits
from proof.logic.theorems import Counterexample, Proof, Theorem
from proof.source import integers
from proof.source.evaluator import Evaluator, Pointer
from proof.source.library import Library
from proof.source.reference import addressof, engine, physmem_state
from proof.source.source_calls import Region

FRAMES, PLANES, LOCK, ROW = (engine.LAYOUT[number] for number in (0, 6, 7, 10))
SIZES = (1, 2, 5, 31, 32, 33, 63, 64, 65, 90, 96, 97, 128, 1024, 1055, 1100)  # frames
LOCKS = (0, 0, 1, 3, 0xD0000101, 0xD0000103)
TWINS = {  # the names by which the engine calls physmem_thumb -> its own functions
    "serve_call": "serve",
    "_count_failure": "count_failure",
    "hold_lock": "hold",
    "give_lock": "let_go",
    "in_handler": "in_interrupt",
}
OF_STATE = ("rebuild", "recover", "starts_of")  # functions of physmem_state
TAKES_ARRAY = (*OF_STATE, "largest_free")  # not its address
CHANGES_LIVE = ("allocate_within", "flip_start", "resize_allocation", "serve")
CALLS = (*OF_STATE, *CHANGES_LIVE, "count", "count_free", "forget_fewest", "frame_of", "largest_free", "next_used")
CALLS += ("offset_in_frame", "reclass", "search_within", "search_within", "search_within")


def twins(library):
    """Return contracts that call the engine's own functions in the place of physmem_thumb's."""

    def contract(name):
        function = library.function("physmem_engine", name)
        return lambda evaluator, state, arguments: evaluator.called(function, arguments, state)

    return {name: contract(twin) for name, twin in TWINS.items()}


def module_of(name):
    return "physmem_state" if name in OF_STATE else "physmem_engine"


def evaluated(library, name, arguments, state):
    """Return (result, words, lines) of a function on a state of numbers. None in the arguments stands for the state."""
    evaluator = Evaluator(library, Solver(), twins(library))
    values = [Pointer("state") if each is None else integers.known(each) for each in arguments]
    array = KnownArray(bits(word) for word in state)
    result, arrays = evaluator.call(module_of(name), name, values, {"state": array})
    assert evaluator.solver.questions == 0, f"{name} asked the solver about numbers"
    words = [word.number for word in arrays["state"].words]
    return None if result is None else result.number, words, evaluator.executed


def executed(name, arguments, state):
    """Return what CPython's call of the function returns. It changes the state."""
    function = getattr(physmem_state if name in OF_STATE else engine, name)
    own = state if name in TAKES_ARRAY else addressof(state)
    return function(*(own if each is None else each for each in arguments))


# States and calls at random.


def random_state(generator):
    """Return (state, starts of its allocations): of a random size, lock and fullness, made by calls of the engine."""
    frames = generator.choice(SIZES)
    first_number = generator.choice((0, 1, 17, 1 << 29, (1 << 30) - 1, generator.getrandbits(30)))
    state = physmem_state.new_state(frames, first_number)
    state[LOCK] = generator.choice(LOCKS)
    alloc, _, alloc_at, free = engine.raw_calls(state)
    live = []
    for _ in range(generator.choice((0, 3, 30, 200))):
        n = generator.choice((1, 1, 2, 3, generator.randrange(1, 40)))
        if live and generator.random() < 0.4:
            free(live.pop(generator.randrange(len(live))))
        else:
            frame = alloc(n) if generator.random() < 0.5 else alloc_at(generator.randrange(frames), n)
            live += [frame] if frame >= 0 else []
    return state, live


def damage(generator, state):
    """Flip random bits of the rows and of what derives from them, but none behind the last word of a row."""
    words = (state[FRAMES] + 31) >> 5
    damaged = (*range(ROW, ROW + words), *range(ROW + words + 1, state[PLANES]), *range(state[PLANES], len(state)))
    for _ in range(generator.choice((1, 3, 40))):
        state[generator.choice(damaged)] ^= 1 << generator.randrange(32)


def random_arguments(generator, name, state, live):
    """Return arguments that the function's docstring allows; None stands for the state."""
    frames = state[FRAMES]
    words = (frames + 31) >> 5
    frame = generator.randrange(frames)
    n = generator.choice((1, 2, 3, 4, generator.randrange(1, 34), generator.randrange(1, frames + 3)))
    align = 1 << generator.choice((0, 0, generator.randrange(8), generator.randrange(30)))
    least = (n - 1).bit_length()
    boundary = generator.choice((0, 0, 1 << least, 1 << generator.randrange(least, 30)))
    limits = generator.choice((0, 0, frame)), generator.choice((frames, frames, generator.randrange(frames + 1)))
    owned = generator.choice(live) if live else frame
    count = engine.count(addressof(state), owned)
    first = generator.randrange(words)
    ways = (n, -1), (n, -align), (frame, 0), (owned, 0), (frame, min(n, frames - frame))
    return {
        "search_within": (None, n, align, boundary, *limits),
        "allocate_within": (None, n, align, boundary, *limits),
        "serve": (None, *generator.choice(ways)),
        "resize_allocation": (None, owned, count + generator.choice((0, 0, 0, 1)), generator.randrange(frames + 2)),
        "count": (None, frame),
        "next_used": (None, frame),
        "flip_start": (None, frame),
        "reclass": (None, first, generator.randrange(first, words)),
        "frame_of": (generator.getrandbits(32), generator.getrandbits(20), generator.randrange(5, 20)),
        "offset_in_frame": (generator.getrandbits(32), 1 << generator.randrange(20)),
        "largest_free": (None, align),
    }.get(name, (None,))


# Comparisons. Each raises AssertionError with the call that differs.


def compare(calls, seed):
    """Make so many random calls both ways. Return ({name: calls}, lines that were executed)."""
    generator = random.Random(seed)
    library = Library()
    made, lines = {}, set()
    while sum(made.values()) < calls:
        state, live = random_state(generator)
        if generator.random() < 0.3:
            damage(generator, state)
        for _ in range(8):
            name = generator.choice(CALLS)
            arguments = random_arguments(generator, name, state, live)
            call = f"{name}{arguments} of {list(state)}"
            result, words, found = evaluated(library, name, arguments, state)
            expected = executed(name, arguments, state)
            assert result == expected, f"{call}: the evaluator returns {result}, CPython {expected}"
            assert words == list(state), f"{call}: the evaluator leaves {words}, CPython {list(state)}"
            made[name] = made.get(name, 0) + 1
            lines |= found
            if name in CHANGES_LIVE:
                live = [each for each in range(state[FRAMES]) if engine.count(addressof(state), each)]
    return made, lines


def _whole(region, values):
    """Assume the invariants."""
    region.assume(*assumptions(region.before))


def _search(region, values):
    """Assume what the docstring of `search_within` says of its arguments."""
    n, align, boundary, _, high = values
    region.assume(n >= 1, align >= 1, (align & (align - 1)) == 0, (boundary & (boundary - 1)) == 0)
    region.assume((boundary == 0) | (n <= boundary), high <= region.before.frames)


WITH_SYMBOLS = {  # function: (words of the region, the largest numbers that its arguments may be, what is assumed)
    "rebuild": (2, (), None),
    "recover": (2, (), None),
    "count": (2, (31,), _whole),
    "next_used": (2, (31,), _whole),
    "reclass": (2, (1, 1), None),
    "resize_allocation": (2, (63, 64, 64), _whole),
    "search_within": (1, (8, 64, 64, 31, 32), _search),
}


def compare_with_symbols(calls, seed):
    """Make so many random calls of each function both ways. Return {name: calls}."""
    generator = random.Random(seed)
    made = {}
    for name, (words, largest, assume) in WITH_SYMBOLS.items():
        region = Region(words)
        values = [region.number(f"argument {number}", 0, most) for number, most in enumerate(largest)]
        if assume:
            assume(region, values)
        pointers = [Pointer("state"), *map(integers.signed, values)]
        evaluator = Evaluator(region.library, region.solver, twins(region.library))
        ends = evaluator.ends(module_of(name), name, pointers, {"state": region.state})
        made[name] = 0
        while made[name] < calls:
            state, live = random_state(generator)
            arguments = random_arguments(generator, name, state, live)
            numbers = [each for each in arguments if each is not None]
            is_allowed = all(0 <= number <= most for number, most in zip(numbers, largest))
            if (state[FRAMES] + 31) >> 5 != words or not is_allowed:
                continue
            call = f"{name}{arguments} of {list(state)}"
            facts = [one == number for one, number in zip((*region.state.words, *values), (*state, *numbers))]
            found = []
            for path, value, arrays in ends:
                if region.solver.can_be(*facts, *path):
                    found.append(_example(region.solver, value, arrays))
            right = executed(name, arguments, state), list(state)
            assert found == [right], f"{call}: the symbols give {found}, CPython {right}"
            made[name] += 1
    return made


def _example(solver, value, arrays):
    """Return (result, words) of the example that the solver has."""
    number = None if value is None else bits(solver.value(value.lowest_bits(32))).signed()
    return number, [solver.value(word) for word in arrays["state"].words]


def theorem(calls, seed=1):
    """Return the Theorem that the Evaluator gives what CPython gives: not proven, but tried with so many calls."""

    def prove():
        try:
            compare(calls, seed)
            compare_with_symbols(calls // 20, seed)
        except AssertionError as error:
            raise Counterexample(f"the evaluator is not CPython: {error}", {}) from error
        return Proof()

    return Theorem("functions of lib/, as CPython executes them", prove)


if __name__ == "__main__":
    number, seed = map(int, sys.argv[1:])
    print(compare(number, seed)[0])
    print(compare_with_symbols(number // 20, seed))
