"""`make matrix`: what it takes as a checkout, when a cell runs again, and what it writes into the page."""

import json
from dataclasses import asdict

import pytest

from campaigns import matrix, matrix_page
from campaigns.matrix import Cell, Result


@pytest.fixture
def trees(tmp_path):
    """Return a folder with checkouts of two versions, one of which has an SDK, and with another folder."""
    for name, minor, preview in (("v1.28.0", 28, 0), ("newest", 30, 1)):
        (tmp_path / name / "py").mkdir(parents=True)
        (tmp_path / name / "py" / "mpconfig.h").write_text(
            f"#define MICROPY_VERSION_MAJOR 1\n#define MICROPY_VERSION_MINOR {minor}\n"
            f"#define MICROPY_VERSION_MICRO 0\n#define MICROPY_VERSION_PRERELEASE {preview}\n"
        )
    sdk = tmp_path / "v1.28.0" / "lib" / "pico-sdk"
    sdk.mkdir(parents=True)
    (sdk / "pico_sdk_init.cmake").write_text("")
    (tmp_path / "pico-sdk").mkdir()
    return tmp_path


def test_checkouts_and_their_versions(trees):
    found = matrix.checkouts(trees)
    assert [path.name for path in found] == ["newest", "v1.28.0"]
    assert [matrix.version_of(path) for path in found] == ["1.30.0-preview", "1.28.0"]


def test_sdk_is_that_of_the_checkout_or_the_one_beside_it(trees):
    assert Cell(trees / "v1.28.0", "RPI_PICO", "").sdk == trees / "v1.28.0" / "lib" / "pico-sdk"
    assert Cell(trees / "newest", "RPI_PICO", "").sdk == trees / "pico-sdk"


def test_a_cell_runs_again_unless_it_has_passed_the_same(trees, monkeypatch):
    monkeypatch.setattr(matrix, "RESULTS", trees / "results")
    cell = Cell(trees / "v1.28.0", "UNIX", "test_boot")
    cell.folder.mkdir(parents=True)
    for state, holds in (("passed", True), ("refused", True), ("failed", False)):
        result = Result(cell.identity(), state, "why", 3, 4)
        cell.path.write_text(json.dumps(asdict(result)))
        assert cell.earlier() == (result if holds else None)
        assert Cell(trees / "v1.28.0", "UNIX", "").earlier() is None


def test_a_refusal_of_the_checkout_is_no_failure_and_says_why(trees, monkeypatch):
    """It lacks ports/qemu, so scripts/check_checkout.sh refuses it."""
    monkeypatch.setattr(matrix, "RESULTS", trees / "results")
    result = Cell(trees / "newest", "UNIX", "").run()
    assert result.state == "refused" and "is not a MicroPython checkout" in result.why
    assert json.loads((trees / "results" / "newest" / "UNIX.json").read_text()) == asdict(result)


def test_page_has_each_board_and_version_and_each_refusal_once(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- Written by make matrix. -->\nold\n<!-- End of what make matrix writes. -->\nafter\n")
    monkeypatch.setattr(matrix_page, "PAGE", page)
    results = {
        ("v1.26.1", "1.26.1", "UNIX"): Result("", "passed", "", 7, 7),
        ("v1.26.1", "1.26.1", "RPI_PICO"): Result("", "refused", "it is wrong."),
        ("v1.26.1", "1.26.1", "RPI_PICO2"): Result("", "refused", "it is wrong."),
        ("v1.28.0", "1.28.0", "UNIX"): Result("", "failed", "log"),
        ("v1.28.0", "1.28.0", "RPI_PICO"): Result("", "passed", "", 5, 5, 14000, 99000),
        ("v1.28.0", "1.28.0", "RPI_PICO2"): Result("", "failed", "log", 4, 5),
    }
    matrix_page.write(results, ("UNIX", "RPI_PICO", "RPI_PICO2"), "")
    written = page.read_text()
    assert written.startswith("before\n") and written.endswith("after\n") and "old" not in written
    assert "| tests passed | 1.26.1 | 1.28.0 |" in written
    assert "| `UNIX` | 7 | **not built** |" in written
    assert "| `RPI_PICO` | refused | 5 |" in written
    assert "| `RPI_PICO2` | refused | **4 of 5** |" in written
    assert "| heap at the prompt of `RPI_PICO`, used / free | - | 14,000 / 99,000 |" in written
    assert written.count("- 1.26.1: it is wrong.\n") == 1
