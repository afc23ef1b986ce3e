"""The reference: each public name has its entry, with signature, place, and the errors of its docstring; the site is
made without a warning, and asks no other host for anything.
"""

import re
import subprocess

import pytest

import call_places
import physmem
import public_names
from emulated_board import ROOT
from emulators import emulator_of
from harness.console import ConnectedBoard
from harness.contract import FUNCTIONS, METHODS
from reference import costs, guide, make, pages, places
from reference.contents import PAGES
from reference.entries import entry, links_of
from reference.errors import CODES, errors_in
from reference.examples import EXAMPLES, OVERVIEW
from reference.markup import markup, of_markdown, source_in
from reference.places import IN_THE_PROGRAM, OF_MODULES, ROWS, rows_of, subject
from reference.signatures import thing

NAMES = public_names.TABLE + public_names.CHANGING + public_names.VOCABULARY
OTHERS = {
    "physmem_cache.Transfer",
    "physmem_claim.ClaimError",
    "physmem_claim.boot",
    "physmem_claim.claim",
    "physmem_claim.plan",
    "physmem_debug.owner",
    "physmem_debug.statistics",
    "physmem_debug.untracked",
    "physmem_find.Allocation",
    "physmem_find.Place",
    "physmem_kept.Retained",
    "physmem_requests.Request",
    "physmem_scope.Scope",
    "physmem_tiers.Leak",
}
"""The public names of other modules, and the classes of what calls return."""
LINKS = links_of(pages.all_names())
SECONDS = 60
FIGURES = costs.figures(costs.BENCH.read_text())
UNIX_PORT = ROOT / "build" / "UNIX" / "micropython"
PYTHON = ROOT / "build" / "docs" / "venv" / "bin" / "python"


def made(name):
    return entry(name, LINKS, FIGURES)


def test_the_pages_have_every_public_name_once():
    names = pages.all_names()
    assert sorted(names) == sorted([*NAMES, *OTHERS])


@pytest.mark.parametrize("name", [*NAMES, *sorted(OTHERS)])
def test_entry_has_a_signature_a_place_and_its_errors(name):
    text = made(name)
    short = name.rpartition(".")[2]
    assert re.search(rf"^\.\. py:(function|class|exception|data):: {short}\b", text, re.MULTILINE)
    assert ":Place: " in text or name in ("physmem_requests.Request", "physmem_tiers.Leak")
    errors = errors_in(thing(name).text)
    listed = re.search(r"^   :Errors: (.*)$", text, re.MULTILINE)
    assert [error for error in errors if not (listed and error in listed[1])] == []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_signature_has_the_parameters_of_the_contract(name):
    text = made(name)
    first = text[text.index(f":: {name}(") :].partition("\n\n")[0]
    before, _, by_name = FUNCTIONS[name].partition("*")
    for parameter in before.split():
        assert re.search(rf"\b{parameter}: ", first)
    if by_name:
        assert all(re.search(rf"\b{parameter}: ", first.split("*, ", 1)[1]) for parameter in by_name.split())


@pytest.mark.parametrize("owner", ["Region", "AllocatedFrames", "DeferredAllocAction"])
def test_methods_of_the_contract_have_entries(owner):
    for method in METHODS[owner]:
        if not method.startswith("__"):
            assert re.search(rf"^   \.\. py:method:: {method}\(", made(owner), re.MULTILINE), method


def test_every_row_of_the_places_is_in_an_entry():
    entries = "\n".join(map(made, pages.all_names()))
    in_classes = {
        f"{name}.{member.name.rpartition('.')[2]}" for name in pages.all_names() for member in thing(name).members
    }
    of_operators = set(places.SPECIAL.values())
    for call, *_ in call_places.OF_A_REGION + call_places.OF_THE_SYSTEM:
        name = subject(call)
        assert name in pages.all_names() or name in in_classes | of_operators, call
    assert "NOT_PERMITTED" in entries


@pytest.mark.parametrize(
    "name, call, outcomes",
    [
        ("Region.alloc", "region.alloc(3)", ("works", "works", "works", "NOT_PERMITTED")),
        ("dma_ring", "physmem.dma_ring(2 * FRAME)", ("works",) * 4),
        ("stats", "physmem.stats()", ("works", "NotPermitted", "NotPermitted", "NotPermitted")),
        ("PhysAddr.__add__", "a + 4096", ("works", "MemoryError", "MemoryError", "MemoryError")),
    ],
)
def test_rows_of_a_name(name, call, outcomes):
    """A handler has no heap, and works in SHARED regions alone."""
    assert (call, outcomes) in [(row.call, row.outcomes) for row in ROWS[name]]


def test_names_without_a_row_say_so():
    assert rows_of("Region.end") == ([], IN_THE_PROGRAM)
    assert rows_of("physmem_claim.boot") == ([], OF_MODULES["physmem_claim"])
    with pytest.raises(ValueError, match="SPECIAL"):
        subject("len(thing)")


RUN = """\
import physmem
for source in {sources}:
    used = [region.used_frames for region in physmem.regions()]
    exec(source, {{"physmem": physmem}})
    print("{end}")
    assert used == [region.used_frames for region in physmem.regions()]
    assert physmem.check() == []
"""
END = "-- end of the example --\n"


def printed_on_the_unix_port(program):
    done = subprocess.run([UNIX_PORT, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def printed_on_a_board(program):
    with ConnectedBoard(emulator_of("MPS2_AN385")) as connected:
        return connected.console.execute(program, SECONDS).replace("\r\n", "\n")


@pytest.mark.parametrize("printed", [printed_on_the_unix_port, printed_on_a_board])
def test_examples_print_what_they_say(printed):
    """They run one after the other, and each gives back what it has taken."""
    sources = [OVERVIEW, *EXAMPLES.values()]
    output = printed(RUN.format(sources=sources, end=END.strip()))
    outputs = output.split(END)
    assert len(outputs) == len(sources) + 1, output
    for source, output in zip(sources, outputs):
        said = re.findall("# -> (.*)$", source, re.MULTILINE)
        assert not said or output.splitlines() == said, source
    assert sum("# ->" in source for source in sources) > len(sources) / 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_in_the_entry(name):
    """Its words are the name's own."""
    text = made(name if name in pages.all_names() else name.partition(".")[0])
    for line in EXAMPLES[name].splitlines():
        assert line in text
    assert name.rpartition(".")[2] in EXAMPLES[name] or thing(name).kind == "class"


def test_costs_are_those_of_the_bench():
    assert set().union(*costs.OF.values()) <= set(FIGURES)
    assert costs.cost_of("Region", FIGURES) == ""
    assert costs.figures("## What a call costs\n| call | figure |\n| f(1) | 1,234 | x |\n## More\n| g | 5 |\n") == {
        "f(1)": "1,234"
    }
    assert costs.cost_of("find", {"find(addr)": "1,234"}) == "``find(addr)``: 1,234 instructions (``make bench``)."


def test_codes_have_the_numbers_of_the_contract():
    numbered = [name for name, code in CODES.items() if code.is_of_raw_calls]
    assert [CODES[name].number for name in numbered] == list(range(-1, -9, -1))
    assert [physmem.code_name(CODES[name].number) for name in numbered] == numbered
    documented = set(re.findall(r"\b[A-Z]\w+\b", physmem.PhysMemError.__doc__.partition("names: ")[2]))
    assert set(CODES) <= documented


def test_errors_are_found_in_words():
    assert errors_in("NotAllocated, MemoryError; NotAllocatedYet") == ["NotAllocated", "MemoryError"]


def test_constants_of_raw_calls_are_errors_too():
    assert errors_in("a negative code: OUT_OF_MEMORY, NOT_PERMITTED") == ["OutOfMemory", "NotPermitted"]
    (listed,) = set(re.findall(r"(?<=:Errors: ).*", made("Region"))[1:2])
    assert all(f"<error-{name}>` ({code.number})" in listed for name, code in CODES.items() if code.is_of_raw_calls)


@pytest.mark.parametrize(
    "name, text, target",
    [
        ("BuddyAllocator", "init", "physmem.BuddyAllocator.init"),
        ("physmem_claim.boot", "plan", "physmem_claim.plan"),
        ("AllocatedFrames", "map", "physmem.AllocatedFrames.map"),
        ("reset_peak", "stats", "physmem.stats"),
    ],
)
def test_links_lead_to_what_is_meant(name, text, target):
    assert f":py:obj:`{text} <{target}>`" in made(name)


def test_parameters_are_not_links():
    assert ":py:obj:`region <" not in made("on_low") and "``region`` is a Region or the name of one" in made("on_low")


def test_source_is_taken_out():
    assert source_in("Do a. Source: Theseus' f,\nwhich g.") == ("Theseus' f, which g.", "Do a.")
    assert source_in("Do a.") == ("", "Do a.")


def test_markup():
    assert markup("`a` and ``b`` and `c`", {"c": "physmem.c"}) == "``a`` and ``b`` and :py:obj:`c <physmem.c>`"
    assert of_markdown("see `a` in [p.md](p.md#b)") == "see ``a`` in :doc:`p <../p>`"
    assert markup("In it:\n\n    code", {}) == "In it::\n\n    code"


def test_links_that_lead_out_of_the_site_become_text():
    assert guide.linked("[a](two_cores.md#x) [b](#b)", "docs") == "[a](two_cores.md#x) [b](#b)"
    assert guide.linked("[docs](docs/bench.md)", "") == "[docs](bench.md)"
    assert guide.linked("[the file](../lib/physmem.py)", "docs") == "the file (`lib/physmem.py`)"
    assert guide.linked("[emulators/README.md](emulators/README.md)", "") == "`emulators/README.md`"
    assert guide.linked("[what](../README.md#runs)", "docs") == "[what](readme.md#runs)"


def test_the_sources_of_the_site_have_each_picture_of_docs(tmp_path):
    """Without one, Sphinx refuses the page that shows it."""
    guide.write_guide(tmp_path)
    pictures = [path for path in (ROOT / "docs").iterdir() if path.suffix in (".png", ".svg")]
    assert {path.suffix for path in pictures} == {".png", ".svg"}
    assert [path.name for path in pictures if not (tmp_path / path.name).exists()] == []


def test_the_contents_are_those_of_the_readme():
    listed = [name for names in guide.groups().values() for name in names]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
    assert list(guide.groups())[0] == "Start here" and guide.groups()["Start here"][0] == "tutorial"
    contents = pages.index()
    for caption in guide.groups():
        assert f":caption: {caption}\n" in contents


FOREIGN = re.compile(
    r"""<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)=["'](?:https?:)?//|url\(["']?(?:https?:)?//"""
)


def test_requests_to_other_hosts_are_recognised():
    assert FOREIGN.search('<link rel="stylesheet" href="//a.example/font.css">') and FOREIGN.search(
        "url(https://a.example)"
    )
    assert not FOREIGN.search('<a href="https://a.example">text</a> <img src="_images/a.svg">')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, made as `make docs` makes it."""
    folder = tmp_path_factory.mktemp("docs")
    assert make.main(folder, PYTHON) == 0
    return folder / "html"


def test_help_at_the_prompt_says_where_the_reference_is():
    """In the folder docs/ of a release, which is the site; the next test has the page among those of the site."""
    program = "import physmem; help(physmem)"
    done = subprocess.run([UNIX_PORT, "-c", program], capture_output=True, text=True, check=True)
    assert re.search(r"__doc__ -- docs/reference/physmem\.html of the release", done.stdout)


def test_site_is_made_without_a_warning(site):
    """Each page of docs/ and of the reference is there; it asks no other host for anything."""
    wanted = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    wanted |= {f"reference/{name}.html" for name in PAGES} | {"index.html", "readme.html", "reference/physmem.html"}
    there = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    assert wanted <= there
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css"):
            assert not FOREIGN.search(path.read_text(encoding="utf-8")), path


def test_site_with_a_dead_link_is_refused(tmp_path):
    """Sphinx' options make a warning an error."""
    for name in ("conf.py", "tables.css"):
        (tmp_path / name).write_bytes((make.HERE / name).read_bytes())
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.rst").write_text("T\n=\n\n:py:obj:`nothing <physmem.nothing>`\n")
    command = [PYTHON, "-m", "sphinx", *make.OPTIONS, tmp_path, tmp_path / "html"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "physmem.nothing" in done.stderr


def test_without_sphinx_it_says_what_to_run(tmp_path, capsys):
    assert make.main(tmp_path / "docs", tmp_path / "absent") == 1
    assert "absent is missing, which has Sphinx: run make docs" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
