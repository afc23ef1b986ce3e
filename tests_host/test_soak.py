"""A short `make soak` finds no mismatch where there is none, finds one where there is, and continues after a stop."""

import io
import json

import pytest
from campaigns import soak
from models.placement_model import OUT_OF_MEMORY, PlacementModel
from rich.console import Console
from campaigns.soak_operations import OPERATIONS_OF_CHUNK, segments


def test_two_chunks_on_the_unix_port():
    """These are 100,000 operations."""
    assert [soak.mismatches_of(chunk) for chunk in (1000, 1001)] == [[], []]


def test_the_operations_of_a_chunk():
    """A chunk has the operations it should have, and is the same each time."""
    chunk = list(segments(7))
    assert sum(len(segment) for segment in chunk) == OPERATIONS_OF_CHUNK
    assert [segment.operations for segment in chunk] == [segment.operations for segment in segments(7)]
    assert [segment.operations for segment in chunk] != [segment.operations for segment in segments(8)]
    answers = [answer for segment in chunk for answer in segment.answers[::4]]
    for code in range(-7, 0):
        assert code in answers
    assert sum(answer >= 0 for answer in answers) > OPERATIONS_OF_CHUNK / 2


def test_sizes_of_regions():
    """Each listed size occurs within as many chunks, and so do others of up to 4,096 frames."""
    sizes = {segment.frames for chunk in range(4) for segment in segments(chunk)}
    assert sizes >= {1, 31, 32, 33, 100, 1000, 4095, 4096} and max(sizes) == 4096 and len(sizes) > 12


@pytest.fixture
def wrong_engine(monkeypatch):
    """Return a function that changes one answer of the unix port, in segment 2, as the test chooses."""

    def choose(operation, which):
        answers_of = soak.UnixEngine.answers
        turns = iter(range(100))

        def answers(engine, segment):
            received = answers_of(engine, segment)
            if next(turns) == 2:
                received[4 * operation + which] += 1
            return received

        monkeypatch.setattr(soak.UnixEngine, "answers", answers)

    return choose


@pytest.mark.parametrize("which", range(4))
def test_one_wrong_answer_is_found(wrong_engine, which):
    wrong_engine(9999, which)
    [text] = soak.mismatches_of(3)
    assert text.startswith("chunk 3, segment 2: ") and "operation 9999" in text


def test_a_unix_port_that_ends_is_a_mismatch(tmp_path):
    program = tmp_path / "micropython"
    program.write_text("#!/bin/sh\necho no such thing\nexit 1\n")
    program.chmod(0o755)
    [text] = soak.mismatches_of(0, program)
    assert "the unix port ended" in text and "no such thing" in text


def one_bad_chunk(chunk):
    return ["chunk 2: wrong"] if chunk == 2 else []


def no_bad_chunk(chunk):
    return []


def never(chunk):
    raise AssertionError(f"chunk {chunk} was run again")


def console():
    return Console(file=io.StringIO(), width=200)


def test_it_goes_on_where_it_was(tmp_path):
    """A chunk with a mismatch is not done, the others are not run again, and a changed source starts from the first."""
    state = tmp_path / "soak.json"
    shown = console()
    assert soak.soak(4, state, one_bad_chunk, shown) == ["chunk 2: wrong"]
    assert "chunk 2: wrong" in shown.file.getvalue() and "make soak CHUNK=2" in shown.file.getvalue()
    assert json.loads(state.read_text())["chunks"] == [0, 1, 3]
    assert soak.soak(3, state, one_bad_chunk, console()) == ["chunk 2: wrong"]
    assert soak.soak(4, state, no_bad_chunk, console()) == []
    assert soak.soak(4, state, never, console()) == []
    remembered = json.loads(state.read_text())
    state.write_text(json.dumps(dict(remembered, digest="of an older engine")))
    with pytest.raises(AssertionError, match="was run again"):
        soak.soak(4, state, never, console())


def test_the_model_on_a_worked_example():
    """Free runs by address: 5 frames from 0, 40 from 10, 35 from 60, 35 from 100; frame 1 has frame number 4."""
    model = PlacementModel(135, 3)
    assert [model.alloc_at(*used) for used in ((5, 5), (50, 10), (95, 5))] == [5, 50, 95]
    assert model.runs() == [(0, 5), (10, 50), (60, 95), (100, 135)]
    assert model.largest() == 40 and model.largest(32) == 34  # from frame 61, which has frame number 64
    assert [model.place(n, 1) for n in (1, 5, 6, 33, 40, 41)] == [0, 0, 10, 10, 10, -1]
    assert [model.place(4, align) for align in (1, 4, 8, 64)] == [0, 1, 13, 61]
    assert [model.place(33, align) for align in (4, 16, 64, 128)] == [13, 13, 61, -1]
    for n in (1, 5, 33, 40):
        for align in (1, 4, 64):
            assert model.place(n, align) == model.place_within(n, align, 0, 0, 135)
    assert model.place_within(4, 1, 4, 11, 20) == 13 and model.place_within(4, 1, 4, 11, 16) == -1
    assert model.alloc(41) == OUT_OF_MEMORY and model.failed == 1
