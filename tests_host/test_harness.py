"""The harness for tests_target tells a test that passes from one that fails, hangs or brings its runner down."""

import os
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import rp2_emulator

from harness import imports, runners, target_files
from harness.console import Console

SOURCE = """
import micropython

TIMEOUT = 1

def test_pass():
    print("seen")

def test_fail():
    assert 1 == 2, "one is not two"

def test_heap_left_locked():
    micropython.heap_lock()

def test_hang():
    while True:
        pass

def test_after_hang():
    pass
"""

FAULT_SOURCE = """
from machine import mem32

NEEDS = ("machine code",)

def test_fault():
    mem32[0xFFFFFFF0] = 0

def test_after_fault():
    pass
"""


@pytest.fixture(scope="module", params=["UNIX", "MPS2_AN385", "RPI_PICO", "RPI_PICO2"])
def runner(request):
    runner = runners.all_runners()[request.param]
    yield runner
    runner.stop()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "test_of_harness.py"
    path.write_text(SOURCE)
    return target_files.read(path)


@pytest.fixture
def faulty_file(tmp_path):
    path = tmp_path / "test_of_faults.py"
    path.write_text(FAULT_SOURCE)
    return target_files.read(path)


pytestmark = pytest.mark.xdist_group("harness")


def test_reading_a_file(file, faulty_file):
    assert file.tests == ("test_pass", "test_fail", "test_heap_left_locked", "test_hang", "test_after_hang")
    assert file.timeout == 1 and faulty_file.timeout == target_files.DEFAULT_TIMEOUT
    assert file.is_for("UNIX") and faulty_file.is_for("MPS2_AN385") and not faulty_file.is_for("UNIX")


def test_what_a_file_needs(tmp_path):
    """A runner must have all of it. A word that nobody knows is an error."""
    path = tmp_path / "test_of_needs.py"
    for needed, has, has_not in (
        ("'two cores',", ["RPI_PICO", "RPI_PICO2", "PIMORONI_PICO_PLUS2"], ["CPYTHON", "UNIX", "MPS2_AN505"]),
        ("'threads',", ["CPYTHON", "RPI_PICO2"], ["UNIX", "MPS2_AN385", "NETDUINO_PLUS_2"]),
        ("'hard interrupts',", ["MPS2_AN385", "NETDUINO_PLUS_2", "RPI_PICO2"], ["CPYTHON", "UNIX"]),
        ("'PSRAM', 'rp2.DMA'", ["PIMORONI_PICO_PLUS2"], ["CPYTHON", "RPI_PICO2", "RPI_PICO", "MPS2_AN505"]),
        ("", ["CPYTHON", "UNIX", "MPS2_AN500", "RPI_PICO2"], ["SPARKFUN_PROMICRO_RP2350"]),
    ):
        path.write_text(f"NEEDS = ({needed})\n")
        target_files._read.cache_clear()
        file = target_files.read(path)
        assert [runner for runner in has + has_not if file.is_for(runner)] == has
    path.write_text("NEEDS = ('dma',)\n")
    target_files._read.cache_clear()
    with pytest.raises(ValueError, match="'dma'.*'rp2.DMA'"):
        target_files.read(path).is_for("RPI_PICO")


def test_results(runner, file):
    assert runner.run(file, "test_pass") == (True, "seen\n")
    passed, output = runner.run(file, "test_fail")
    assert not passed and "one is not two" in output and "test_of_harness.py" in output
    passed, output = runner.run(file, "test_heap_left_locked")
    assert not passed and "left locked" in output
    assert runner.run(file, "test_pass") == (True, "seen\n")


def test_the_free_heap_is_counted_only_if_somebody_asks(runner, file):
    assert runner.run(file, "test_pass") == (True, "seen\n") and runner.least_heap is None
    runner.says_heap = True
    try:
        assert runner.run(file, "test_pass") == (True, "seen\n") and runner.least_heap > 0
    finally:
        runner.says_heap, runner.least_heap = False, None


@pytest.fixture(scope="module")
def hung(runner, tmp_path_factory):
    """Return the runner and the file that has hung it, once for all that look at it."""
    path = tmp_path_factory.mktemp("hung") / "test_of_harness.py"
    path.write_text(SOURCE)
    file = target_files.read(path)
    with pytest.raises(runners.RunnerDown, match="test_hang.*within 1 s"):
        runner.run(file, "test_hang")
    return runner, file


def test_hang(hung):
    runner, file = hung
    with pytest.raises(runners.RunnerDown, match="not run: .*test_hang"):
        runner.run(file, "test_after_hang")


def test_next_file_finds_a_new_machine(hung, tmp_path):
    runner, _ = hung
    other = tmp_path / "test_of_more.py"
    other.write_text(SOURCE)
    assert runner.run(target_files.read(other), "test_pass") == (True, "seen\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MPS2_AN385", "processor fault"),
        ("RPI_PICO", "HardFault of core 0"),
        ("RPI_PICO2", "HardFault of core 0"),
    ],
)
def test_fault(faulty_file, name, message):
    board = runners.all_runners()[name]
    try:
        with pytest.raises(runners.RunnerDown, match=message):
            board.run(faulty_file, "test_fault")
        with pytest.raises(runners.RunnerDown, match="not run: "):
            board.run(faulty_file, "test_after_fault")
    finally:
        board.stop()


@pytest.mark.parametrize("name", ["RPI_PICO", "RPI_PICO2"])
def test_an_emulator_that_does_not_start(name, file, tmp_path, monkeypatch):
    (tmp_path / "firmware.uf2").write_bytes(b"nothing")
    monkeypatch.setattr(rp2_emulator, "firmware", lambda board: tmp_path / "firmware.elf")
    board = runners.all_runners()[name]
    with pytest.raises(runners.RunnerDown, match="went down in test_pass .* exited at once: .*not a .uf2 file"):
        board.run(file, "test_pass")
    with pytest.raises(runners.RunnerDown, match="not run: .*not a .uf2 file"):
        board.run(file, "test_fail")


def processor_time(process):
    """Return the ticks of the processor that *process* has had: proc(5)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_board_that_waits_takes_no_time():
    """Its clock ticks, and what it would wait for passes at once: so it would wait for one tick after the other."""
    board = runners.all_runners()["NETDUINO_PLUS_2"]
    files = {file.path.stem: file for file in target_files.test_files()}
    try:
        for name, test in (
            ("test_cut_calls", "test_releases"),
            ("test_cut_calls", "test_releases"),
            ("test_call_places", "test_every_public_call_is_in_the_table"),
        ):
            assert board.run(files[name], test)[0]
            before = processor_time(board._emulator.process)
            time.sleep(0.2)
            assert processor_time(board._emulator.process) - before <= 1
    finally:
        board.stop()


def test_a_fault_that_comes_with_the_acceptance():
    """It is seen although nothing comes after it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        emulator = SimpleNamespace(url="socket://127.0.0.1:%d" % server.getsockname()[1])
        with Console(emulator) as console:
            line, _ = server.accept()
            with line:
                line.sendall(b"OKHardFault" + runners.FAULT + b"\r\nR0: 00000000\r\n")
                with pytest.raises(RuntimeError, match="processor fault:\nHardFault"):
                    console.execute("fail()", seconds=5, fault=runners.FAULT)


def test_workers_may_compile_a_file_at_the_same_time(tmp_path, monkeypatch):
    """What another worker has put in place meanwhile stays there; what was compiled from an older source goes."""
    board = runners.QemuBoard("MPS2_AN385")
    (tmp_path / "mpy-cross").mkdir()
    (tmp_path / "mpy-cross" / "mpy-cross").write_text("")
    (tmp_path / board.name).mkdir()
    monkeypatch.setattr(runners, "BUILD", tmp_path)
    source = tmp_path / "test_of_harness.py"
    source.write_text(SOURCE)

    def compile_beside_another(command, **_):
        calls.append(command)
        compiled = command[command.index("-o") + 1]
        compiled.write_bytes(b"compiled")
        if len(calls) == 1:
            others.append(board._compile(source))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(runners.subprocess, "run", compile_beside_another)
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: removed.append(path.name) or os.unlink(path))
    calls, others, removed = [], [], []
    output = board._compile(source)
    assert (len(calls), others, removed) == (2, [output], [])
    source.write_text("")
    assert board._compile(source) != output and removed == [output.name]


def test_modules_that_a_file_needs(tmp_path):
    sources = {
        "one": "import two\ndef f():\n    from three import x",
        "two": "import sys",
        "three": "import one",
        "four": "",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    modules = [tmp_path / f"{name}.py" for name in sources]
    test = tmp_path / "test.py"
    test.write_text("import gc, one")
    assert imports.needed(test, modules) == modules[:3]
    test.write_text("import gc")
    assert imports.needed(test, modules) == []
