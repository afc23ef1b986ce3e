"""Write the table of the tiers into CONTRIBUTING.md."""

from emulated_board import ROOT
from harness import tiers
from page_marks import between

PAGE = ROOT / "CONTRIBUTING.md"
FIRST, LAST = "<!-- tiers -->\n", "<!-- /tiers -->\n"


def page():
    """Return what CONTRIBUTING.md must be."""
    return between(PAGE.read_text(), FIRST, LAST, "\n" + "".join(f"{line}\n" for line in tiers.table()) + "\n")


if __name__ == "__main__":
    PAGE.write_text(page())
