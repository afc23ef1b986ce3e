"""Run the text of a test on MPS2_AN385 under QEMU: with its firmware, or with other bytes in one of its functions."""

import shutil
import sys
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

from proof.faults.replay_host import FAILS, GOES_DOWN, PASSES, Outcome
from proof.machine import machine_code
from proof.machine.machine_code import ROOT

sys.path.append(str(ROOT / "tests_host"))

from harness import target_files
from harness.runners import QemuBoard, RunnerDown

BOARD = "MPS2_AN385"
FILE = "test_counterexample"


def outcome(text, function=None):
    """Run the text of a test. `function`: a Function with other bytes than those of the firmware; None leaves the
    firmware as it is."""
    with tempfile.TemporaryDirectory() as folder:
        board = Path(folder) / BOARD
        board.mkdir()
        write_firmware(board / "firmware.elf", function)
        path = board / f"{FILE}.py"
        path.write_text(text)
        # An absolute path stands for itself where the runner looks for the folder of a board in build/.
        runner = QemuBoard(str(board))
        try:
            has_passed, said = runner.run(target_files.read(path), FILE)
        except RunnerDown as down:
            return Outcome(GOES_DOWN, str(down).replace(f"{board} went down", "the board went down"))
        finally:
            runner.stop()
    return Outcome(PASSES) if has_passed else Outcome(FAILS, _assertion(said))


def _assertion(said):
    """Return what the last line of a traceback says, without the AssertionError that it is."""
    last = said.strip().splitlines()[-1]
    return last.removeprefix("AssertionError: ")


def write_firmware(path, function):
    """Write a copy of the firmware in which a Function has its bytes; None leaves it as it is."""
    shutil.copy(machine_code.FIRMWARE, path)
    if function is None:
        return
    with open(path, "r+b") as file:
        elf = ELFFile(file)
        number = [each.name for each in machine_code.ROOMS.assembled()].index(function.name)
        name = machine_code.SERVE + (str(number + 1) if number else "")
        (symbol,) = elf.get_section_by_name(".symtab").get_symbol_by_name(name)
        section = elf.get_section(symbol["st_shndx"])
        if symbol["st_size"] != len(function.code):
            raise SystemExit(
                f"proof: {function.name} has {symbol['st_size']} bytes in the firmware, not {len(function.code)}"
            )
        file.seek(section["sh_offset"] + symbol["st_value"] - section["sh_addr"])
        file.write(function.code)
