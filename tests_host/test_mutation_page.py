"""docs/mutation.md agrees with itself and with the reasons for its survivors.

`make mutation`, which takes long, writes the page and compares it with the engine; the page says which engine it is of.
"""

import re
import tomllib

from campaigns import statements
from emulated_board import ROOT

LEAST_KILLED = 0.95
PAGE = (ROOT / "docs" / "mutation.md").read_text()
REASONS = tomllib.loads((ROOT / "docs" / "mutation_reasons.toml").read_text())


def test_enough_mutants_were_killed():
    """The sums of the page's table are its headline, and enough are killed."""
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    mutants, killed, survivors = (sum(int(row[i].replace(",", "")) for row in rows) for i in range(3))
    assert f"**{mutants:,} mutants, {killed:,} killed ({killed / mutants:.2%}), {survivors:,} survivors.**" in PAGE
    assert mutants == killed + survivors and killed / mutants >= LEAST_KILLED


def test_every_survivor_is_explained():
    """By one of the reasons on the page."""
    assert "Not explained" not in PAGE
    for entry in REASONS["survivor"]:
        assert entry["reason"] in REASONS["reasons"] and entry["changes"], entry


SOURCE = '''\
@viper
def function(a):
    """Text."""
    if (a & 1) == 0:  # even
        return (
            a
            + 1
        )
    elif a > 2: return a
    for i in range(3):
        try:
            a += i
        except (ValueError):
            break
    return a
'''


def test_a_survivor_is_known_by_its_statement():
    """The layout does not matter: each row gives its innermost statement."""
    found = statements.by_row(SOURCE)
    assert found[2] == "def function(a):"
    assert found[4] == "if a & 1 == 0:"
    assert found[5] == found[6] == found[7] == found[8] == "return a + 1"
    assert found[9] == "return a"
    assert found[10] == "for i in range(3):"
    assert found[11] == "try:"
    assert found[12] == "a += i"
    assert found[13] == "except ValueError:"
    assert found[14] == "break"
    assert found[15] == "return a"
