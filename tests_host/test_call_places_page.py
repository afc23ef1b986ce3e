"""docs/where_to_call.md says what the table of tests_target/call_places.py says."""

import call_places_page


def test_the_page_has_the_table():
    text = call_places_page.DOCUMENT.read_text()
    assert len(call_places_page.PART.findall(text)) == 4
    assert call_places_page.written(text) == text, "run make call-places-page"


def test_a_cell_of_each_kind_of_outcome():
    """What the page must say, taken from the contract and not from the table."""
    text = call_places_page.DOCUMENT.read_text()
    for row in (
        "| `region.alloc(3)` | works | works | works | NOT_PERMITTED |",
        "| `physmem.allocate_frames(3, region=region)` | works | works | works | NotPermitted |",
        "| `frames.free()` | works | works | works | NotPermitted |",
        "| `frames.free()` (mapped) | NotPermitted | NotPermitted | NotPermitted | NotPermitted |",
        "| `frames.view` | works | NotPermitted | NotPermitted | NotPermitted |",
        "| `physmem.stats()` | works | NotPermitted | NotPermitted | NotPermitted |",
        "| `region.free_frames` | works | works | works | works |",
    ):
        assert row in text, row
