"""What the theorems leave open together: the stretches must fit, and no instruction may be left out."""

from proof.machine import forms

CHAINED = ("entries", "few frames", "many frames", "taking", "releasing")
"""The parts whose stretches go on in each other. Those of "classes" begin and end within a subroutine."""
COUNTED = ("worst cases",)
"""The part whose stretches count the instructions: a chain of its own."""
_ENDS = {"end", "LOWER_NEXT"}  # of a call or a subroutine; of LAST_TOP, which is counted as a subroutine


def gaps(function, outcomes):
    """Return a line for each gap. `outcomes` are those of all theorems, with `part` and `proof`; all are proven."""
    executed = set().union(*(each.proof.executed for each in outcomes if each.part not in COUNTED))
    points = [label for parts in (CHAINED, COUNTED) for label in _not_begun(outcomes, parts)]
    *instructions, _ = forms.instructions(function)  # the last is the assembler's own, behind the end of `serve`
    left_out = [each for each in instructions if each.address not in executed]
    return [
        *(f"GAP: the code comes to {label}, where no stretch begins" for label in points),
        *(f"GAP: no theorem executes {each.place}" for each in left_out),
    ]


def _not_begun(outcomes, parts):
    """Return the labels to which stretches of the parts go on, and at which none of them begins."""
    chained = [each.proof for each in outcomes if each.part in parts]
    begun = {proof.begins for proof in chained} | _ENDS
    return sorted({label for proof in chained for label in proof.reached} - begun)
