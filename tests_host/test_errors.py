"""Every error that lib/ can raise is provoked, says what was asked, what there was and what to do, and is on the page.

The places that raise are read from the source (scripts/errors/library_sites.py). The calls of tests_host/provocations
are made on CPython, in one process, and each error tells which lines it came through. Where no heap or an interrupt
handler is needed, the provocations make physmem believe in it; ON_BOARDS says which tests have the real thing.
"""

import json
import re
import subprocess
import sys

import pytest

import layers
import physmem
from emulated_board import ROOT
from errors import guide, page
from errors.library_sites import VALUE, Library, pattern
from harness import target_files

WRONG_CALLS = "of_wrong_arguments"  # what these say is checked by tests_target/test_wrong_arguments.py
MET_ELSEWHERE = {
    ("physmem_engine", "", "physmem_thumb is of another version"): (
        "tests_host/test_engine.py::test_machine_code_of_another_layout"
    ),
}
"""Places that CPython does not reach like the others, (module, function, start of the sentence), and who does."""
NEVER_SEEN = {
    ("physmem_find", "find", "{} must be an int"): "what is given there is an int or a bool already",
    ("physmem_system", "region_at", "{} needs heap"): "it is caught there, and an error that says more is raised",
}
ON_BOARDS = {
    "heap that is locked": (
        "tests_target/test_call_places.py::test_program_with_the_heap_locked",
        "tests_target/test_heap_free_errors.py::test_sizes",
    ),
    "interrupt handlers": ("tests_target/test_call_places.py::test_hard_interrupt_handler",),
    "memory that is claimed": ("tests_host/test_stock_claim.py::test_what_is_refused",),
    "packages": (
        "tests_host/test_package_errors.py::test_machine_code_for_arm_on_another_machine",
        "tests_host/test_package_errors.py::test_too_little_heap_to_compile_the_source",
        "tests_host/test_package_errors.py::test_installation_that_was_interrupted",
        "tests_host/test_package_errors.py::test_what_the_raw_package_lacks",
    ),
}
"""What CPython only imitates -> the tests that have it."""

# What tells you what to do: an imperative, or a call, behind a colon, semicolon or comma; or what a value must be.
VERBS = (
    "add|allocate|ask|bind|call|claim|combine|delete|drop|fill|free|give|import|install|keep|leave|make|map|merge|name"
    "|omit|pick|release|remove|rename|reset|retain|see|unmap|use|write"
)
WHAT_TO_DO = re.compile(rf"[:;,] (?:or |then |on \w+ )?(?:(?:{VERBS})\b|\w+(?:\.\w+)*\()")
WHAT_IT_MUST_BE = re.compile(r"\bmust (?:be|have|return|lie)\b.*\bnot\b|\bneeds at least\b.*\bnot\b")


@pytest.fixture(scope="module")
def provoked():
    """Return what the provocations raised: tests_host/programs/provoke_errors.py says what of each."""
    program = ROOT / "tests_host" / "programs" / "provoke_errors.py"
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def library():
    return Library()


@pytest.fixture(scope="module")
def sites(library):
    return library.sites()


def places_of(sites):
    """Return {(module, line): sites there}."""
    found = {}
    for site in sites:
        found.setdefault((site.module, site.line), []).append(site)
    return found


def met_by(row, places):
    """Return the places that an error of `provoked` came through and whose sentence it has."""
    return [
        site
        for line in row["lines"]
        for site in places.get(tuple(line), ())
        if (site.error, site.code) == (row["error"], row["code"]) and site.says(row["text"])
    ]


def unmet(sites, provoked):
    """Return the places that no provocation reached and no table names."""
    places = places_of(sites)
    met = {site for row in provoked for site in met_by(row, places)}
    tables = [*MET_ELSEWHERE, *NEVER_SEEN]
    return [
        site
        for site in sites
        if site not in met
        and not any((site.module, site.function) == key[:2] and site.sentence.startswith(key[2]) for key in tables)
    ]


def test_every_place_that_raises_is_met(sites, provoked):
    assert unmet(sites, provoked) == []


def with_function(body):
    """Return the Library of physmem_errors and a module with one function, `new`, that does *body*."""
    source = f"from physmem_errors import mistake\n\n\ndef new(n):\n    {body}\n"
    return Library({"physmem_errors": layers.library()["physmem_errors"], "physmem_map": source})


def test_a_place_that_nobody_meets_is_found(provoked):
    library = with_function("mistake('InvalidArgument', 'there is no {}: give another', n)")
    (found,) = [site for site in unmet(library.sites(), provoked) if site.module == "physmem_map"]
    assert (found.function, found.code, found.sentence) == ("new", "InvalidArgument", "there is no {}: give another")


@pytest.mark.parametrize(
    "raising",
    [
        "mistake('InvalidArgument', what(n), n)",
        "mistake(code_of(n), 'a sentence', n)",
        "raise ValueError(n)",
        "raise MemoryError",
    ],
)
def test_a_sentence_that_the_source_does_not_tell_is_refused(raising):
    with pytest.raises(ValueError, match="lib/physmem_map.py:5: the (sentence|code) of this error cannot be told"):
        with_function(raising).sites()


def test_each_error_is_one_of_the_source(library, sites, provoked):
    """No provocation meets an error that comes from elsewhere, such as a fault of the library."""
    places = places_of(sites)
    prepared = [sentence for _, sentence in library.prepared()]
    assert [row for row in provoked if not met_by(row, places) and row["text"] not in prepared] == []


def test_the_errors_without_heap_are_met(library, provoked):
    texts = {(row["error"], row["text"]) for row in provoked}
    assert [error for error in library.prepared() if error not in texts] == []


def test_each_message_says_what_was_asked_and_what_there_was(provoked):
    lacking = [row for row in provoked if any(words not in row["text"] for words in row["says"])]
    assert lacking == []


def test_each_message_says_what_to_do(library, sites):
    sentences = {site.sentence for site in sites} | {sentence for _, sentence in library.prepared()}
    lacking = [text for text in sentences if not WHAT_TO_DO.search(text) and not WHAT_IT_MUST_BE.search(text)]
    assert lacking == []


def test_each_message_is_found_on_the_page(provoked):
    """A search for words of a message finds it: with its values left out it is a line of docs/errors.md."""
    lines = re.findall(r"^- `(.*)`$", page.DOCUMENT.read_text(), re.MULTILINE)
    patterns = [pattern(line.replace("…", VALUE)) for line in lines]
    for text in {row["text"] for row in provoked}:
        assert any(found.fullmatch(text) for found in patterns), text


def test_the_page_is_that_of_the_source():
    assert page.text() == page.DOCUMENT.read_text(), "run make errors-page"


def test_the_raw_codes_are_those_of_physmem(library):
    codes = library.raw_codes()
    assert [number for number, _, _ in codes] == list(range(-1, -9, -1))
    for number, constant, name in codes:
        assert (getattr(physmem, constant), physmem.code_name(number)) == (number, name)
        assert guide.error(name).raw
    assert sum(1 for error in guide.ERRORS.values() if error.raw) == len(codes)


def test_the_guide_has_each_error_and_nothing_else(sites):
    assert {site.code or site.error for site in sites} == set(guide.ERRORS)
    for words, file, _ in guide.ELSEWHERE:
        source = (ROOT / file).read_text().replace('" "', "").replace("{FILE}", "physmem_sentences.txt")
        for piece in words.removeprefix("physmem: ").split("…"):
            assert piece.strip() in source, (file, piece)


@pytest.mark.parametrize("test", [*MET_ELSEWHERE.values(), *(test for tests in ON_BOARDS.values() for test in tests)])
def test_the_tests_that_are_named_are_there(test):
    file, _, name = test.partition("::")
    assert name in target_files.read(ROOT / file).tests
