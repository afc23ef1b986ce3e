"""A DMA that does not wrap and PSRAM that was not set up are found by the tests of tests_target.

The emulator of the RP2350 has each fault on purpose: emulators/rp2350/main.py --fault=NAME. The same tests pass without
it. test_two_cores.py does the same with a broken spin lock.
"""

import pytest

from harness import target_files
from harness.runners import Rp2Board
from rp2_emulator import Rp2Emulator

FINDERS = {
    "dma-ring": ("RPI_PICO2", "test_dma", ("test_write_ring", "test_read_ring")),
    "psram-set-up": (
        "PIMORONI_PICO_PLUS2",
        "test_psram",
        (
            "test_each_frame_is_memory_of_its_own",
            "test_the_core_writes_bytes_at_both_ends",
            "test_dma_at_both_ends",
            "test_a_ring_in_psram",
        ),
    ),
}
"""Fault -> a board, a file of tests_target and its tests that find the fault on that board."""
CASES = [(fault, board, file, test) for fault, (board, file, tests) in FINDERS.items() for test in tests]

pytestmark = pytest.mark.xdist_group("emulator faults")


class FaultyBoard(Rp2Board):
    """A runner whose emulator is started with more *options*."""

    def __init__(self, name, *options):
        super().__init__(name)
        self.options = options

    def _emulator_for(self, file):
        return Rp2Emulator(self.name, options=("--unpaced", *self.options))


def outcome(board, file, test, *options):
    """Run *test* of *file* on *board*, started with these options. Return (passed, what it printed)."""
    runner = FaultyBoard(board, *options)
    try:
        return runner.run(target_files.read(target_files.FOLDER / f"{file}.py"), test)
    finally:
        runner.stop()


@pytest.mark.parametrize(("fault", "board", "file", "test"), CASES)
def test_fault_is_found(fault, board, file, test):
    assert outcome(board, file, test) == (True, "")
    passed, output = outcome(board, file, test, f"--fault={fault}")
    assert not passed
    assert test in output and "AssertionError" in output


def test_a_transfer_without_a_ring_does_not_notice_that_none_wraps():
    assert outcome("RPI_PICO2", "test_dma", "test_chained_frames", "--fault=dma-ring") == (True, "")


def test_the_emulator_knows_no_other_faults():
    with pytest.raises(RuntimeError, match="(?s)exited at once: .*'rings'"):
        Rp2Emulator("RPI_PICO2", options=("--fault=rings",)).start()
