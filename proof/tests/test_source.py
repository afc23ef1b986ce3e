"""A fault in a function of lib/ is found, by a state and a call that show it."""

import pytest

from proof.logic.theorems import Counterexample
from proof.source import changes, constraints, repairs, resizing, searches
from proof.source.library import LIB, Library
from proof.source.source_checks import evaluated

_ENGINE, _STATE = "physmem_engine", "physmem_state"


def search(least, most):
    return lambda **options: searches.search(1, least, most, **options)


def resize(words, name):
    (part,) = (each for each in resizing.parts(words) if str(each) == name)
    return lambda **options: resizing.resize(words, part, **options)


def on_one_word(prove):
    return lambda **options: prove(1, **options)


FAULTS = {  # what is wrong: (module, text of the function, the text instead, what finds it)
    "a run of frames with the sign of the word": (
        _ENGINE,
        "\n                x &= (uint(x) >> half)",
        "\n                x &= (x >> half)",
        search(1, 32),
    ),
    "a phase that is added": (_ENGINE, "pattern = 1 << ((0 - phase) ", "pattern = 1 << (phase ", search(1, 32)),
    "a boundary that the last frame must not reach": (
        _ENGINE,
        "if offset + n <= boundary:",
        "if offset + n < boundary:",
        search(1, 32),
    ),
    "a word with 33 frames": (_ENGINE, "free_below = 32", "free_below = 33", search(33, 64)),
    "a search that is not repeated when others have changed the bitmap": (
        _ENGINE,
        "if s[_STATE_VERSION] != version:\n        # The bitmap",
        "if s[_STATE_VERSION] == version:\n        # The bitmap",
        on_one_word(constraints.allocate_within),
    ),
    "a half that is rounded down": (
        _ENGINE,
        "middle = (low + high + 1) >> 1",
        "middle = (low + high) >> 1",
        on_one_word(constraints.largest_free),
    ),
    "a row that is counted from its second word on": (
        _ENGINE,
        "n = 0\n    w = _STATE_ROW\n",
        "n = 0\n    w = _STATE_ROW + 1\n",
        on_one_word(repairs.count_free),
    ),
    "the last top is not cleared": (
        _STATE,
        "range(STATE_TOPS, STATE_TOPS + CLASSES)",
        "range(STATE_TOPS, STATE_TOPS + CLASSES - 1)",
        on_one_word(repairs.rebuild),
    ),
    "the fewest are raised": (
        _STATE,
        "if state[STATE_FEWEST_FREE] > free:",
        "if state[STATE_FEWEST_FREE] < free:",
        on_one_word(repairs.rebuild),
    ),
    "every frame in use that is not a start is freed": (
        _STATE,
        "elif before and not free:",
        "elif not free:",
        on_one_word(repairs.recover),
    ),
    "a frame that was freed does not count as free for the next one": (
        _STATE,
        "            free = bit\n            state[row + word] ^= bit",
        "            state[row + word] ^= bit",
        on_one_word(repairs.recover),
    ),
    "a frame too few in the first word": (
        _ENGINE,
        "frames = 32 - bit\n    if frames > n:",
        "frames = 31 - bit\n    if frames > n:",
        on_one_word(changes.flip_takes),
    ),
    "the rest of the row is not passed": (
        _ENGINE,
        "n = 32 - b\n        while True:",
        "n = 31 - b\n        while True:",
        on_one_word(changes.count),
    ),
    "the first word counts from its first frame": (
        _ENGINE,
        "((one << 32) - 1)) >> (frame & 31)\n    if not x:",
        "((one << 32) - 1))\n    if not x:",
        on_one_word(changes.next_used),
    ),
    "a length that is not compared": (
        _ENGINE,
        "if int(count(address, first)) != old:",
        "if int(count(address, first)) < 1:",
        resize(1, "shorter, words 0 to 0"),
    ),
    "an answer from before the lock": (
        _ENGINE,
        "if s[_STATE_VERSION] == version:\n                break",
        "if s[_STATE_VERSION] != version:\n                break",
        resize(1, "longer, words 0 to 0"),
    ),
}
CUTS = {  # the same: only a power cut shows them
    "a release that first removes the start": (
        _ENGINE,
        "    if taken:\n        s[start_word] = starts\n    else:",
        "    s[start_word] = starts\n    if not taken:",
        on_one_word(changes.flip_releases),
    ),
    "an allocation whose start comes last": (
        _ENGINE,
        "    if taken:\n        s[start_word] = starts\n    else:\n        s[free_word] = free",
        "    s[free_word] = free\n    if taken:\n        s[start_word] = starts",
        on_one_word(changes.flip_takes),
    ),
    "a growing allocation that first gets its first word": (
        _ENGINE,
        "        if n < old:\n            whole = all_32\n            s[_STATE_ROW + word] = x",
        "        s[_STATE_ROW + word] = x\n        if n < old:\n            whole = all_32",
        resize(2, "longer, words 0 to 1"),
    ),
}
ALONE = ("search_within", "count_free", "rebuild", "recover", "_flip", "count", "next_used")  # take no lock


def found(fault):
    """Return (Library with the fault, the Counterexample that its theorem finds)."""
    module, text, other, prove = fault
    right = (LIB / f"{module}.py").read_text()
    assert right.count(text) == 1
    library = Library({module: right.replace(text, other)})
    with pytest.raises(Counterexample) as raised:
        prove(library=library)
    return library, raised.value


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(fault):
    library, counterexample = found(fault)
    state, name, arguments = (counterexample.example[each] for each in ("words", "function", "arguments"))
    if name in ALONE:
        outcome, right = (evaluated(each, name, (None, *arguments), state)[:2] for each in (library, Library()))
        assert outcome != right, counterexample


@pytest.mark.parametrize("fault", CUTS.values(), ids=CUTS)
def test_a_store_at_the_wrong_time_is_found(fault):
    _, counterexample = found(fault)
    assert str(counterexample) == "recover finds the rows of before or after"
    assert counterexample.example["words"]
