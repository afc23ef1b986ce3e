"""Write the table of the tiers into CONTRIBUTING.md."""

from emulated_board import ROOT
from harness import tiers

PAGE = ROOT / "CONTRIBUTING.md"
FIRST, LAST = "<!-- tiers -->\n", "<!-- /tiers -->\n"


def page():
    """Return what CONTRIBUTING.md must be."""
    before, first, rest = PAGE.read_text().partition(FIRST)
    _, last, after = rest.partition(LAST)
    if not first or not last:
        raise SystemExit(f"physmem: CONTRIBUTING.md has no lines {FIRST.strip()} and {LAST.strip()}: put them back")
    return before + first + "\n" + "".join(f"{line}\n" for line in tiers.table()) + "\n" + last + after


if __name__ == "__main__":
    PAGE.write_text(page())
