"""docs/mutation.md is the page of an engine like today's: `make mutation`, which takes long, writes it."""

import re
import tomllib

from emulator import ROOT

LEAST_KILLED = 0.95
PAGE = (ROOT / "docs" / "mutation.md").read_text()
REASONS = tomllib.loads((ROOT / "docs" / "mutation_reasons.toml").read_text())


def test_enough_mutants_were_killed():
    """By the sums of the page's table, which are its headline."""
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    mutants, killed, survivors = (sum(int(row[i].replace(",", "")) for row in rows) for i in range(3))
    assert f"**{mutants:,} mutants, {killed:,} killed ({killed / mutants:.2%}), {survivors:,} survivors.**" in PAGE
    assert mutants == killed + survivors and killed / mutants >= LEAST_KILLED
    assert mutants > 5 * len((ROOT / "lib" / "physmem_engine.py").read_text().splitlines())


def test_every_survivor_is_explained():
    """By one of the reasons that are given."""
    assert "Not explained" not in PAGE
    for entry in REASONS["survivor"]:
        assert entry["reason"] in REASONS["reasons"] and entry["changes"], entry


def test_the_lines_that_are_explained_stand_in_the_engine():
    """A line that was rewritten since wants another look: run `make mutation`."""
    lines = {line.strip() for line in (ROOT / "lib" / "physmem_engine.py").read_text().splitlines()}
    assert [entry["line"] for entry in REASONS["survivor"] if entry["line"] not in lines] == []
