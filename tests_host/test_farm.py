"""`pytest tests_target --target labgrid:PLACE`, on a rack of emulated boards that labgrid serves."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from emulated_board import ROOT
from harness import pytest_process, targets
from harness.farm import Farm

SERIAL, NETWORK = "MPS2_AN385", "MPS2_AN505"
FREE, TAKEN = "labgrid:mps2_an385", "labgrid:mps2_an505"
SECONDS = 300
SOURCE = """
import physmem_board

def test_that_passes():
    pass

def test_that_one_board_fails():
    assert physmem_board.NAME != "MPS2_AN385"
"""

pytestmark = pytest.mark.xdist_group("farm")


@pytest.fixture(scope="module")
def farm():
    """Yield a rack: one board at a serial port of the exporter, one at a serial server in the network."""
    with Farm((SERIAL, NETWORK), raw=(NETWORK,)) as rack:
        yield rack


@pytest.fixture
def coordinator(farm, monkeypatch):
    monkeypatch.setenv("LG_COORDINATOR", farm.environment["LG_COORDINATOR"])


def acquired(farm):
    """Return the names of the places that somebody has acquired."""
    return [line.split()[0] for line in farm.client("places", "--acquired").splitlines()]


def test_boards_of_places(farm):
    """A place is acquired for the tests, and released after them, although some have failed."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="farm_") as folder:
        path = Path(folder, "test_of_farm.py")
        path.write_text(SOURCE)
        options = ("-n", "2", path, f"--target={FREE}", f"--target={NETWORK}@{TAKEN}")
        status, output = pytest_process.run(*options, environment=farm.environment)
    assert status == pytest.ExitCode.TESTS_FAILED, output
    assert re.search(rf"\n{FREE} +{SERIAL} +1 +1 +0 +0 ", output), output
    assert re.search(rf"\n{NETWORK}@{TAKEN} +{NETWORK} +2 +0 +0 +0 ", output), output
    assert acquired(farm) == []


def test_what_cannot_be_acquired(farm, coordinator):
    """A place that somebody else uses, one that there is not, and one without a board. The others are released."""
    farm.client("--place", "mps2_an505", "acquire")
    farm.client("--place", "empty", "create")
    try:
        assert acquired(farm) == ["mps2_an505"]
        with contextlib.ExitStack() as stack:
            with pytest.raises(targets.TargetError) as error:
                targets.resolve([FREE, TAKEN, "labgrid:shelf", "labgrid:empty"], stack)
            assert acquired(farm) == ["mps2_an385", "mps2_an505"]
        told = str(error.value)
        assert f"--target {TAKEN}: the place mps2_an505 cannot be acquired: " in told and "already acquired" in told
        assert "--target labgrid:shelf: labgrid has no place shelf: the places at 127.0.0.1:" in told
        assert "the place empty has no serial port: let one NetworkSerialPort match it" in told
        assert acquired(farm) == ["mps2_an505"]
    finally:
        farm.client("--place", "mps2_an505", "release")


def test_a_place_is_released_when_pytest_is_killed(farm, coordinator):
    """Its own process sees that it is alone."""
    code = "from harness.labgrid_place import Place\nprint(Place('mps2_an505').address, flush=True)\ninput()"
    folders = os.pathsep.join(str(ROOT / folder) for folder in ("scripts", "tests_host"))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": folders},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline().startswith("socket://127.0.0.1:")
        assert acquired(farm) == ["mps2_an505"]
        process.kill()
    deadline = time.monotonic() + SECONDS
    while acquired(farm):
        assert time.monotonic() < deadline


def test_without_a_coordinator(monkeypatch):
    monkeypatch.setenv("LG_COORDINATOR", "127.0.0.1:1")
    with pytest.raises(targets.TargetError, match="there is no coordinator of labgrid at 127.0.0.1:1 .* set LG_COORD"):
        targets.resolve([FREE], contextlib.ExitStack())
