"""`pytest tests_target --target ...`: the tests on a board at a serial port, and on several targets at once.

The serial ports are pseudo-terminals with emulated boards behind them. To pytest, pyserial and mpremote they are what a
real board's port is; no real board has been tried.
"""

import contextlib
import fcntl
import os
import pty
import re
import tempfile
from pathlib import Path

import pytest

from emulated_board import ROOT
from emulators import emulator_of
from harness import (
    labgrid_place,
    needs,
    pytest_process,
    serial_board,
    serial_line,
    target_files,
    target_tests,
    targets,
    tiers,
)
from harness.runners import NotRun, RunnerDown
from harness.serial_line import SerialLine
from harness.stock_board import StockBoard
from qemu import Qemu
from rp2_emulator import Rp2Emulator

MPS2 = "MPS2_AN385"
USAGE_ERROR = 4

FILES = {
    "test_anywhere": """
import physmem
import physmem_board

def test_that_passes():
    with physmem.allocate_frames(1) as frames:
        assert frames.count == 1

def test_that_one_board_fails():
    print("seen on", physmem_board.NAME)
    assert physmem_board.NAME != "MPS2_AN385", "the wrong board"
""",
    "test_under_qemu": """
NEEDS = ("timers of firmware/qemu",)

def test_the_port():
    pass
""",
    "test_on_a_pico": """
from rp2 import DMA

NEEDS = ("rp2.DMA",)

def test_the_chip():
    DMA().close()
""",
    "test_with_options": """
NEEDS = ("timers of firmware/qemu", "hard interrupts")
QEMU = ("-icount", "shift=6,sleep=off")

def test_that_needs_them():
    pass
""",
}
"""Test files: what they do on which board."""

HANGING = """
TIMEOUT = 1

def test_that_hangs():
    while True:
        pass

def test_after_it():
    pass
"""

OF_PACKAGE = """
import physmem
from physmem_board import REGIONS
from support import fresh_physmem, spare_owners

def test_the_claimed_memory():
    region = physmem.region("sram")
    assert [("sram", region.base, region.frames * 1024)] == [part[:3] for part in REGIONS]

def test_private_names():
    fresh = fresh_physmem()
    fresh.boot()
    fresh.boot_complete()
    assert spare_owners() == 8
"""

HOLDING = """
import sys

def test_first():
    pass

def test_that_waits():
    while sys.platform == "qemu":
        pass

def test_last():
    pass
"""

pytestmark = pytest.mark.xdist_group("targets")


@pytest.fixture(scope="module")
def emulators():
    """Yield a function that returns the emulator of a board, which is started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        running = {}

        def emulator(board):
            if board not in running:
                running[board] = stack.enter_context(emulator_of(board, interactive=True))
            return running[board]

        yield emulator


@pytest.fixture(scope="module")
def folder():
    """Yield a folder for test files, in which pytest finds the project's settings."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="targets_") as path:
        yield Path(path)


def written(folder, **sources):
    """Write test files. Return their paths."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return [folder / f"{name}.py" for name in sources]


def chosen(*names):
    """Return the options that choose the targets of these names."""
    return [f"--target={name}" for name in names]


def rows(output):
    """Return the report: target -> (board, passed, failed, not run, files that do not fit)."""
    table = output.partition(" by target ")[2].splitlines()[2:]
    seen = {}
    for line in table:
        words = line.split()
        if len(words) != 8 or not words[2].isdigit():
            break
        seen[words[0]] = (words[1], *map(int, words[2:6]))
    return seen


def found(*names):
    """Return the Targets of these names, of which none is a place of labgrid that stays acquired."""
    with contextlib.ExitStack() as stack:
        return targets.resolve(names, stack)


def refusal(*names):
    """Return why these targets cannot be used."""
    with pytest.raises(targets.TargetError) as error:
        found(*names)
    return str(error.value)


RUNS = {"MPS2_AN505": ("test_anywhere", "test_under_qemu"), "RPI_PICO": ("test_anywhere", "test_on_a_pico")}
"""Board -> the files that it has all for."""


@pytest.mark.parametrize("board", RUNS)
def test_two_boards_at_once(emulators, folder, board):
    """Each runs what it has all for, in a worker of its own; what fails on one is told of that one."""
    mps2, other = f"{MPS2}@{emulators(MPS2).url}", emulators(board).url
    status, output = pytest_process.run("-n", "2", *written(folder, **FILES), *chosen(mps2, other))
    assert status == pytest.ExitCode.TESTS_FAILED, output
    passed = sum(FILES[name].count("def test_") for name in RUNS[board])
    assert rows(output) == {mps2: (MPS2, 2, 1, 0, 2), other: (board, passed, 0, 0, len(FILES) - len(RUNS[board]))}, (
        output
    )
    assert re.findall(r"^FAILED \S+::(\w+\[.*?\])(?:@\S+)? - ", output, re.MULTILINE) == [
        f"test_that_one_board_fails[{mps2}]"
    ]
    assert "the wrong board" in output and f"seen on {MPS2}" in output
    assert f"\n{mps2} lacks rp2.DMA: test_on_a_pico\n" in output
    assert f"\n{mps2} lacks QEMU started with -icount shift=6,sleep=off: test_with_options\n" in output
    assert f"\n{other} lacks " in output


def test_a_hung_board(emulators, folder):
    """It is interrupted, and runs the next file."""
    hanging, later = map(target_files.read, written(folder, test_hanging=HANGING, test_later=FILES["test_under_qemu"]))
    (target,) = found(emulators(MPS2).url)
    runner = target.runner()
    try:
        with pytest.raises(RunnerDown, match="went down in test_that_hangs of test_hanging: no result within 1 s"):
            runner.run(hanging, "test_that_hangs")
        with pytest.raises(NotRun, match="not run: .* went down in test_that_hangs"):
            runner.run(hanging, "test_after_it")
        assert runner.run(later, "test_the_port") == (True, "")
    finally:
        runner.stop()


def test_a_board_that_goes_away(folder):
    """The test that ran has failed, those after it were not run, in other files neither; the other target goes on."""
    paths = written(folder, test_a_holding=HOLDING, test_b_holding=HOLDING)
    with emulator_of(MPS2, interactive=True) as emulator:
        port = emulator.url
        with pytest_process.started("-v", *paths, *chosen(port, "unix")) as process:
            for line in process.stdout:
                if "test_first[" in line and "PASSED" in line:
                    emulator.process.kill()
                    break
            output = process.stdout.read()
            status = process.wait()
    assert status == pytest.ExitCode.TESTS_FAILED
    assert rows(output) == {port: (MPS2, 1, 1, 4, 0), "unix": ("UNIX", 6, 0, 0, 0)}, output
    assert f"{port} went down in test_that_waits of test_a_holding: its line was closed (" in output
    assert f"not run: {port} can no longer be reached: there is no {port}: plug the board in" in output


def test_wrong_targets_are_told_before_tests_start(folder):
    """All of them at once."""
    paths = written(folder, test_anywhere=FILES["test_anywhere"])
    status, output = pytest_process.run(*paths, *chosen("/dev/ttyNONE", "unix", "rp2041"))
    assert status == USAGE_ERROR and "passed" not in output, output
    assert (
        "--target /dev/ttyNONE: there is no /dev/ttyNONE: plug the board in, or name another port; the serial" in output
    )
    assert "--target rp2041: there is no target rp2041: name a serial port (/dev/ttyACM0), labgrid:PLACE, or" in output


def test_only_the_files_of_tests_target_run():
    """Without a path the settings of pytest say what it collects, and they name tests_host as well."""
    status, output = pytest_process.run("--collect-only", "-q", *chosen("unix"))
    collected = set(re.findall(r"^(\w+/\w+)\.py::", output, re.MULTILINE))
    assert (status, collected) == (0, {f"tests_target/{file.path.stem}" for file in target_files.test_files()}), output
    for folder in ("tests_host", "benchmarks"):
        assert target_tests.TargetPlugin.pytest_ignore_collect(None, ROOT / folder)  # of `pytest .`
    assert target_tests.TargetPlugin.pytest_ignore_collect(None, target_files.FOLDER) is None


def test_a_file_of_another_folder_does_not_run_on_a_target():
    status, output = pytest_process.run("tests_host/test_version.py", *chosen("unix"))
    assert status == USAGE_ERROR, output
    assert "--target runs files of tests_target, and tests_host/test_version.py is in tests_host: name files" in output


def test_what_names_a_target():
    for text, name in (
        ("cpython", "CPYTHON"),
        ("unix", "UNIX"),
        ("qemu:MPS2_AN385", "MPS2_AN385"),
        ("rp2040", "RPI_PICO"),
        ("rp2350", "RPI_PICO2"),
        ("PIMORONI_PICO_PLUS2", "PIMORONI_PICO_PLUS2"),
    ):
        (target,) = found(text)
        assert (target.text, target.name, target.address) == (text, name, None)
    assert "qemu:RPI_PICO" in refusal("qemu:RPI_PICO")
    assert "it is named twice: name each target once" in refusal("unix", "unix")
    assert "there is no board RPI_PICO3: name one of " in refusal("RPI_PICO3@/dev/ttyACM0")


def test_a_port_that_is_none(tmp_path, monkeypatch):
    """A file, a port that another program uses, a line on which nothing answers, and one where nobody listens."""
    monkeypatch.setattr(serial_line, "SECONDS_TO_ANSWER", 0.2)
    monkeypatch.setattr(serial_line, "ATTEMPTS", 2)
    file = tmp_path / "port"
    file.write_text("")
    assert f"{file} cannot be opened as a serial port (" in refusal(str(file))
    inner, outer = pty.openpty()
    try:
        path = os.ttyname(outer)
        assert f"nothing at {path} shows MicroPython's raw REPL within 0.4 s: see whether" in refusal(path)
        fcntl.flock(outer, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert f"another program uses {path}: end it" in refusal(path)
    finally:
        os.close(inner)
        os.close(outer)
    assert "Connection refused" in refusal("socket://127.0.0.1:1")


TELLS_AND_WAITS = (
    'printf \'{"address": "socket://127.0.0.1:1", "speed": 9600}\\n\'; exec 1>&-; cat >/dev/null; echo $2 >>released'
)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that has a shell script stand in for labgrid's Python: $2 is the name of the place."""

    def replace(script):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(labgrid_place, "ENVIRONMENT", tmp_path)

    return replace


def test_each_place_is_released_if_one_board_is_missing(programs, tmp_path):
    programs(TELLS_AND_WAITS)
    told = refusal("labgrid:shelf", "labgrid:desk")
    assert told.count("Connection refused") == 2
    assert sorted((tmp_path / "released").read_text().split()) == ["desk", "shelf"]


def test_labgrid_may_say_more_than_a_pipe_takes(programs, tmp_path):
    """What it says goes into a file."""
    programs(f"head -c 200000 /dev/zero >&2; {TELLS_AND_WAITS}")
    place = labgrid_place.Place("shelf")
    assert (place.address, place.speed) == ("socket://127.0.0.1:1", 9600)
    place.release()
    assert (tmp_path / "released").read_text() == "shelf\n"


def test_labgrid_that_fails(programs):
    programs("echo no such module >&2; exit 1")
    assert "--target labgrid:shelf: labgrid failed: no such module" in refusal("labgrid:shelf")


def test_labgrid_that_says_nothing(programs, monkeypatch):
    monkeypatch.setattr(labgrid_place, "SECONDS", 0.2)
    programs("exec sleep 600")
    assert "labgrid did not acquire the place within 0.2 s: look at its coord" in refusal("labgrid:shelf")


def test_a_place_that_labgrid_does_not_take_back(programs, monkeypatch, capsys):
    programs(f"{TELLS_AND_WAITS}; echo no coordinator >&2; exit 1")
    labgrid_place.Place("shelf").release()
    assert "the place shelf was not released: run labgrid-client --place shelf release" in capsys.readouterr().err
    programs(f"{TELLS_AND_WAITS}; exec sleep 600")
    place = labgrid_place.Place("shelf")
    monkeypatch.setattr(labgrid_place, "SECONDS", 0.2)
    place.release()
    assert "the place shelf was not released" in capsys.readouterr().err


def test_the_wrong_board(emulators):
    port = emulators(MPS2).url
    told = refusal(f"RPI_PICO@{port}")
    assert f"the board at {port}, mps2-an385 with Cortex-M3 with MicroPython 1.25.0, has the memory plan of" in told
    assert "MPS2_AN385, and you asked for RPI_PICO" in told


def test_a_board_without_physmem():
    with Qemu("stock/MPS2_AN385", interactive=True) as emulator:
        told = refusal(emulator.url)
    assert "has no physmem (ImportError: no module named 'physmem'): flash a firmware that has it, `make flash" in told


def test_a_board_that_does_not_tell_what_it_is(emulators, monkeypatch, tmp_path):
    """Its MicroPython is not one that the program of the tests is for."""
    (tmp_path / "facts.py").write_text("import sys\nsys.implementation.colour\n")
    monkeypatch.setattr(serial_board, "FACTS", tmp_path / "facts.py")
    port = emulators(MPS2).url
    assert re.search(f"the board at {port} does not tell what it is: .*has no attribute 'colour'", refusal(port), re.S)


def test_memory_that_is_kept_is_not_taken(emulators):
    """It may be a log that somebody wants to read."""
    port = emulators(MPS2).url
    try:
        with SerialLine(port) as line:
            line.soft_reset()
            line.execute("import physmem\nlog = physmem.retain('crash log', 5000)")
        told = refusal(port)
        assert "keeps memory over resets, and the tests take all of it: release 'crash log' of 8192 bytes at 0x" in told
    finally:
        with SerialLine(port) as line:
            line.soft_reset()
            line.execute("import physmem\nphysmem.release('crash log')")
    assert found(port)


@pytest.mark.parametrize("board", [MPS2, "NETDUINO_PLUS_2", "RPI_PICO"])
def test_a_board_has_what_the_table_says(emulators, board):
    """What it tells of itself, and what needs.py has of the board of that name."""
    facts = serial_board.facts_of(emulators(board).url)
    assert facts["board"] == board and not facts["package"] and facts["kept"] == []
    assert needs.words_of(facts) == {word for word, boards in needs.RUNNERS_WITH.items() if board in boards}


def test_a_stock_pico_with_the_package(folder, tmp_path):
    """The tests have the names of the package, and the memory plan of what boot.py has claimed."""
    with StockBoard("RPI_PICO") as board:
        board.install()
        board.write({"boot.py": b"import physmem_claim\nphysmem_claim.boot(32 * 1024)\n"})
        board.emulator.save_flash(tmp_path / "flash")
    (path,) = written(folder, test_of_package=OF_PACKAGE)
    with Rp2Emulator("stock/RPI_PICO", interactive=True) as emulator:
        emulator.load_flash(tmp_path / "flash")
        emulator.reset()
        (target,) = found(emulator.url)
        assert target.facts["package"] == "/lib" and target.facts["regions"] == [("sram", 31, 1024)]
        runner, file = target.runner(), target_files.read(path)
        try:
            assert target.lacking(file) == []
            for test in file.tests:
                assert runner.run(file, test) == (True, "")
        finally:
            runner.stop()


def facts_with(**changes):
    """Return facts of a board that tests can run on, with these *changes*."""
    good = {"machine": "Pico", "version": (1, 25, 0), "physmem": serial_board.version(), "is_whole": True}
    good |= {"board": "RPI_PICO", "kept": [], "mpy": 4870, "mounts": True, "build": "RPI_PICO", "reason": ""}
    return good | changes


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"physmem": "0.1.0"}, "has physmem 0.1.0, and these are the tests of "),
        ({"physmem": None, "build": ""}, "`make flash BOARD=... PORT=/dev/ttyACM0`"),
        (
            {"is_whole": False},
            "has a raw package, which lacks most of what is tested: install the package without -raw",
        ),
        ({"board": None}, "has no memory plan: write a physmem_board.py"),
        ({"mpy": 4870 - 1}, "takes .mpy files of version 5, and mpy-cross makes 6"),
        (
            {"mpy": 6 | 12 << 10},
            "takes machine code number 12 in .mpy files, and the tests know those below 12: add it",
        ),
        ({"mounts": False}, "cannot mount a folder of this PC"),
    ],
)
def test_boards_that_do_not_suit(changes, told):
    assert told in serial_board.objection(facts_with(**changes), "/dev/ttyACM0")
    assert serial_board.objection(facts_with(), "/dev/ttyACM0") is None


def test_machine_code_is_that_of_the_board(tmp_path):
    """The RP2350 as RISC-V has machine code number 11: MP_NATIVE_ARCH_RV32IMC of py/persistentcode.h."""
    runner = serial_board.SerialBoard("riscv", "/dev/ttyACM0", facts_with(mpy=6 | 11 << 10, short_names=False))
    assert runner.firmware == "serial/rv32imc"
    (tmp_path / "test_of_riscv.py").write_text("@micropython.viper\ndef f() -> int:\n    return 1\n")
    code = runner._compile(tmp_path / "test_of_riscv.py").read_bytes()
    assert (code[:2], code[2] >> 2) == (b"M\x06", 11)
    runner.stop()


def test_the_tiers_of_a_board_that_they_do_not_name():
    """What differs from board to board is in `make test`."""
    for file in target_files.test_files():
        of_pico, of_other = (tiers.tiers_of("", board, file.path) for board in ("RPI_PICO", "PYBV11"))
        assert of_pico == of_other
    assert tiers.tiers_of("", "PYBV11", target_files.FOLDER / "test_boot.py") == (tiers.TEST,)
    assert tiers.tiers_of("", "PYBV11", target_files.FOLDER / "test_machine_code.py") == (tiers.RELEASE,)
