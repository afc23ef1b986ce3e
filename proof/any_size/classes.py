"""What RAISE, LOWER and the others of firmware/thumb/classes.py do to planes and tops: what their callers need and get.

A contract is applied in the place of the code: what it needs is proven where it is called, and what it does is all that
the caller knows afterwards. class_theorems.py proves the contracts.

The tops of an array "header" are not followed. Invariant 6 holds after each contract, as it did before; nothing else
writes to a plane or a top: `Fault`, unless the segments say so.
"""

from proof.contract.any_region import run_starts
from proof.contract.regions import BASE
from proof.contract.specification import CLASSES
from proof.logic.terms import all_of, bits, some, some_truth
from proof.machine.thumb import LR, Fault

TOPS = 8
MOST = {
    "RAISE": 199,
    "LOWER": 154,
    "LOWER_WORD": 139,
    "RAISE_SEVERAL": 135,
    "LOWER_SEVERAL": 133,
    "LAST_TOP": 12,
}
"""Name -> most instructions of the subroutine, in a region of up to 32 groups: a bit of a top stands for one."""


def returned(state):
    """Return the state behind a subroutine that has destroyed r1 to r7 and the flags."""
    for number in range(1, 8):
        state.registers[number] = some(f"r{number} behind a subroutine")
    state.flags = [some_truth(f"flag {number} behind a subroutine") for number in range(4)]
    state.compared = None
    state.pc = state.registers[LR].number & ~1
    if not state.calls or state.calls[-1] != state.pc:
        raise Fault("a subroutine returns to another place than that behind its call")
    state.calls = state.calls[:-1]
    return [state]


def need(exploration, state, name, truths):
    """Raise Fault unless all of the truths hold."""
    if not exploration.solver.holds(all_of(truths), *state.path):
        raise Fault(f"what {name} needs does not hold")


def with_class_of(region, state, word):
    """Return (truths needed, planes) of a change of the class of one word, which the row of the state says."""
    row, planes = state.arrays["row"], state.arrays["planes"]
    region.know_classes(word)
    bit = bits(1) << (word & 31)
    is_of = [run_starts(row.read(word), row.read(word + 1), c) for c in range(CLASSES)]
    was_of = [planes.read(region.plane_index(word, c)) for c in range(CLASSES)]
    for c in range(CLASSES):
        plane = is_of[c].choose(was_of[c] | bit, was_of[c] & ~bit)
        planes = planes.written(region.plane_index(word, c), plane)
    had = [plane.bit(word & 31) for plane in was_of]
    return is_of, had, planes


def apply(exploration, state, region, word, name, is_raised):
    """RAISE or LOWER: the word's bit in the planes becomes what its class is. A class that is raised was not higher
    before, one that is lowered not lower; and each plane has only words that the plane below has."""
    is_of, had, planes = with_class_of(region, state, word)
    in_order = [had[c + 1].implies(had[c]) for c in range(CLASSES - 1)]
    one_way = [had[c].implies(is_of[c]) if is_raised else is_of[c].implies(had[c]) for c in range(CLASSES)]
    is_free = [state.arrays["row"].read(word) != 0] if is_raised else []
    need(exploration, state, name, [state.registers[0] == BASE, word < region.words, *in_order, *one_way, *is_free])
    state.arrays["planes"] = planes
    forget_tops(state)
    return returned(state)


def forget_tops(state):
    header = state.arrays["header"]
    for c in range(CLASSES):
        header = header.written(bits(TOPS + c), some(f"top {c} behind a subroutine"))
    state.arrays["header"] = header


def word_at(exploration, state, number):
    """Return (state, word) whose R is in the register; Fault if it may be something else."""
    located = exploration.located(state, state.registers[number])
    if len(located) != 1 or located[0][1] != "row":
        raise Fault(f"r{number} is not R of a word where a subroutine needs one")
    return located[0][0], located[0][2]


def of_several(region, name, is_raised):
    """Return the contract of RAISE_SEVERAL or LOWER_SEVERAL: all words of r5 get, or lose, all six classes.

    It needs r0: the state; r4: a group of the region; r5: a set of its words, none of them behind the last of the
    region; r6: the planes of the group; r3: r6 + 24 for RAISE_SEVERAL, r6 for LOWER_SEVERAL. Each plane of the group
    has, among the words of r5, only words that the plane below has: both stop at the first plane that has nothing to
    change. What the row says of these words is up to the caller: invariant 5 holds behind it if each of them has 32
    free frames, or none. Destroys r1, r2, r3, r7, and the flags; the contract says nothing of r4 to r6 either.
    """

    def contract(exploration, state):
        registers, planes = state.registers, state.arrays["planes"]
        group, words, own = registers[4], registers[5], registers[6]
        region.know_order(group)
        had = [planes.read(group * CLASSES + c) for c in range(CLASSES)]
        left = region.words - (group << 5)
        as_needed = [
            registers[0] == BASE,
            group <= (region.words - 1) >> 5,
            (left < 32).implies((words >> left) == 0),
            own == region.planes_of(group),
            registers[3] == own + (4 * CLASSES if is_raised else 0),
            *((had[c + 1] & words & ~had[c]) == 0 for c in range(CLASSES - 1)),
        ]
        need(exploration, state, name, as_needed)
        for c in range(CLASSES):
            planes = planes.written(group * CLASSES + c, had[c] | words if is_raised else had[c] & ~words)
        state.arrays["planes"] = planes
        forget_tops(state)
        return returned(state)

    return contract


def contracts(region, lowered_word=None):
    """Return {label: contract} of the subroutines for a region. `lowered_word` is the word of LOWER_WORD."""

    def of_one_word(name, is_raised):
        def contract(exploration, state):
            state, word = word_at(exploration, state, 1)
            return apply(exploration, state, region, word, name, is_raised)

        return contract

    def lower_word(exploration, state):
        word, registers, row = lowered_word(), state.registers, state.arrays["row"]
        group = word >> 5
        as_needed = [
            registers[2] == row.read(word),
            registers[3] == row.read(word + 1),
            registers[4] == group,
            registers[5] == bits(1) << (word & 31),
            registers[6] == region.planes_of(group),
        ]
        need(exploration, state, "LOWER_WORD", as_needed)
        return apply(exploration, state, region, word, "LOWER_WORD", False)

    return {
        "RAISE": of_one_word("RAISE", True),
        "LOWER": of_one_word("LOWER", False),
        "LOWER_WORD": lower_word,
        "RAISE_SEVERAL": of_several(region, "RAISE_SEVERAL", True),
        "LOWER_SEVERAL": of_several(region, "LOWER_SEVERAL", False),
    }
