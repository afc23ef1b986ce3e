"""A board in the emulator of its chip, with mpremote's transport, and pytest's fixtures of it for each of the chips.

A file of tests names the fixtures that it uses: ``chip, shared, board = rp2_board.chip, rp2_board.shared, ...``.
"""

import pytest
from mpremote.transport import TransportError

from harness.rp2_chips import CHIPS
from rp2_emulator import Rp2Emulator

SECONDS = 60
PROMPT = b"\r\n>>> "


class Rp2Board:
    """The emulator and mpremote's transport to it."""

    def __init__(self, emulator, chip):
        self.emulator = emulator
        self.chip = chip
        self.transport = emulator.connect()

    def run(self, source, seconds=SECONDS):
        """Execute *source* on the board, with the names of `Chip.with_names`. Return what it printed.

        Raise RuntimeError with the traceback if it fails.
        """
        output, error = self.transport.exec_raw(self.chip.with_names(source), seconds)
        if error:
            raise RuntimeError(error.decode())
        return output.decode().replace("\r\n", "\n")

    def soft_reset(self):
        self.transport.enter_raw_repl(soft_reset=True)

    def restart(self):
        """Reset by the RUN pin and connect again: a fault has ended the last connection."""
        self.emulator.reset()
        self.transport.close()
        self.transport = self.emulator.connect()

    def reset_by(self, source):
        """Execute *source*, which resets the board, and wait until the board is up again."""
        self.transport.exec_raw_no_follow(self.chip.with_names(source))
        self.wait_for_prompt()

    def wait_for_prompt(self):
        """Wait until the board, which has been reset, is up again."""
        self.transport.read_until(1, PROMPT, SECONDS)
        self.transport.enter_raw_repl(soft_reset=False)


def _parameter(chip):
    return pytest.param(chip, id=chip.board, marks=pytest.mark.xdist_group(f"{chip.name.lower()} emulator"))


def only(chip):
    """Return the decorator of a test of *chip* alone."""
    return pytest.mark.parametrize("chip", [_parameter(chip)], indirect=True, scope="module")


@pytest.fixture(scope="module", params=[_parameter(chip) for chip in CHIPS])
def chip(request):
    """Return the Chip: the test runs on each. One worker runs all tests of a chip."""
    return request.param


@pytest.fixture(scope="module")
def shared(chip):
    """Yield the board that all tests of a file share. A test that breaks it must reset it."""
    with Rp2Emulator(chip.board) as emulator:
        board = Rp2Board(emulator, chip)
        yield board
        board.transport.close()


@pytest.fixture
def board(shared):
    """Return the board after a soft reset; after a test that left it busy, after a reset by its RUN pin."""
    try:
        shared.soft_reset()
    except (OSError, TransportError):
        shared.restart()
    return shared
