"""A store that comes too early is found, although each call leaves what it must."""

import pytest

from proof.logic.theorems import Counterexample
from proof.machine.exploration import SUBROUTINES
from proof.machine.flow import Flow
from proof.whole import small_regions

START, FRAMES = bytes.fromhex("2f60"), bytes.fromhex("2660")  # str r7, [r5, 0] and str r6, [r4, 0], in TAKE


def test_a_start_behind_its_frames_is_found(serve):
    sure = serve.labels["SURE"]
    at = serve.code.index(START + FRAMES, sure)
    swapped = serve.with_code(serve.code[:at] + FRAMES + START + serve.code[at + 4 :])
    theorems = small_regions.theorems((swapped, Flow(swapped, SUBROUTINES)), 1)
    (alloc_at,) = (each for each in theorems if each.name == "alloc_at, of word 0")
    with pytest.raises(Counterexample, match="if the power fails") as found:
        alloc_at.prove()
    assert found.value.example.keys() == {"words", "what", "how"}
    assert "take.py" in str(found.value)
