"""scripts/check_words.py finds what it bans, wherever a line ends, and nothing else."""

import pytest

from check_words import ALLOWED, BANNED, faults

pytestmark = pytest.mark.xdist_group("words")  # so that their names, with what is banned, are in no list of durations


@pytest.mark.parametrize("phrase", BANNED)
def test_a_banned_phrase_is_found_on_its_line(phrase):
    found = faults(f"First line.\nSecond: {phrase.capitalize()} it.\n")
    assert [(line, phrase in sentence) for line, sentence in found] == [(2, True)]


@pytest.mark.parametrize("sign", ["", "# ", "    # ", " * ", "// ", "> "])
@pytest.mark.parametrize("phrase", [phrase for phrase in BANNED if " " in phrase])
def test_a_phrase_that_is_broken_over_two_lines_is_found_on_the_first(phrase, sign):
    first, rest = phrase.split(" ", 1)
    assert [line for line, _ in faults(f"\n{sign}{first}\n{sign}{rest} it.\n")] == [2]


@pytest.mark.parametrize("text", [*ALLOWED, "the beginning", "Danewort", "this nobody"])
def test_good_english_is_left_alone(text):
    assert faults(f"{text} it.\n") == []


def test_white_space_is_found():
    assert [line for line, _ in faults("a \nb\t\nc\n")] == [1, 2]
    assert [line for line, _ in faults("a")] == [1]
    assert [line for line, _ in faults("a\n\n")] == [3]
    assert faults("") == []
