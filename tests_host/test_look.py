"""`make map`: what the board tells is what a program on it did, and a person sees it in the terminal."""

import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios

import pytest
from rich.console import Console as RichConsole

from emulated_board import BUILD, FRIENDLY_PROMPT, ROOT
from harness.console import Console
from harness.snapshots import VERSION, history_of, region_of, snapshot_of, with_free_runs
from look import connection
from look.connection import BoardError, GarbledError
from look.history import TICKS_PERIOD
from look.main import arguments, main, objection
from look.observed_board import KEPT, SOURCE, ObservedBoard, functions
from look.report import html_report, svg_picture
from look.session import Session, is_terminal
from look.snapshot import Run, SnapshotError, parse
from look.terminal import FREE, LAST, PARTS, View, cells, map_lines, picture
from qemu import Qemu

PROGRAM = ROOT / "tests_host" / "programs" / "known_frames.py"
QUOTED = 'a "quoted"\nowner'
KNOWN = (
    (0, 2, "allocated", "display", None),
    (2, 1, "allocated", "display", None),
    (5, 4, "allocated", QUOTED, None),
    (12, 3, "mapped", "sensor", None),
    (20, 2, "retained", "log", "log"),
    (30, 2, "allocated", None, None),
    (40, 8, "allocated", None, None),
)
"""What programs/known_frames.py allocates in `sram`."""
KNOWN_FRAMES = 22
FREED_AGAIN = 6
SRAM_FRAMES = {"UNIX": 64, "MPS2_AN385": 768}
SECONDS = 60

pytestmark = pytest.mark.xdist_group("look")


def fields(run):
    """Return `run` as JSON has it: without what is not known at its end."""
    values = [run.first, run.count, run.state, run.owner, run.name]
    while values[-1] is None:
        values.pop()
    return values


def observed(url, **options):
    """Return an ObservedBoard of an emulator, which is given its time."""
    return ObservedBoard(url, is_emulated=True, **options)


def on_unix_port(program):
    """Return the text that a look prints in the unix port after `program`, a text."""
    look = "\n".join(functions(SOURCE.read_text()))
    source = f"{program}\nimport sys\n{look}\nlook_at_frames(sys.stdout.write, True)\n"
    done = subprocess.run(
        [BUILD / "UNIX" / "micropython", "-c", source], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def emulator():
    with Qemu("MPS2_AN385") as emulator:
        yield emulator


FREE_WHAT_WAS_KEPT = """
import physmem
for frames in physmem.quarantined():
    print(frames.unmap().free())
for kept in physmem.retained():
    print(physmem.release(kept.name))
"""


@pytest.fixture
def fresh(emulator):
    """Return the emulator with the board freshly reset, without what programs have mapped and retained."""
    kept = True
    while kept:  # what was freed counts for this run of the board
        emulator.reset()
        with Console(emulator) as console:
            console.enter_raw_repl()
            kept = console.execute(FREE_WHAT_WAS_KEPT)
    return emulator


@pytest.fixture
def board(fresh):
    with observed(fresh.url) as board:
        yield board


@pytest.fixture(params=SRAM_FRAMES)
def told(request):
    """Return (the name of the machine, the Snapshot after programs/known_frames.py)."""
    if request.param == "UNIX":
        return request.param, parse(on_unix_port(PROGRAM.read_text()))
    board = request.getfixturevalue("board")
    board.run_program(PROGRAM, SECONDS)
    return request.param, parse(board.look(measure=True))


def test_a_look_tells_what_the_program_did(told):
    machine, snapshot = told
    frames = SRAM_FRAMES[machine]
    sram = snapshot.region("sram")
    runs = with_free_runs(KNOWN, frames)
    assert [fields(run) for run in sram.runs] == [fields(Run(*run)) for run in runs]
    assert (sram.frames, sram.frame_size, sram.attributes) == (frames, 4096, "DMA FAST RETAINED SHARED")
    assert (sram.used, sram.free) == (KNOWN_FRAMES, frames - KNOWN_FRAMES)
    assert sram.peak == KNOWN_FRAMES + FREED_AGAIN
    assert sram.failed == 1
    longest = max(count for _, count, state, *_ in runs if state == "free")
    assert sram.largest == longest
    assert sram.fragmentation() == pytest.approx(1 - longest / (frames - KNOWN_FRAMES))
    assert sram.is_of_one_moment
    assert sram.allocations() == {(first, count) for first, count, *_ in KNOWN}
    assert f'__version__ = "{snapshot.version}"\n' in (ROOT / "lib" / "physmem.py").read_text()
    assert snapshot.owners() == ["display", QUOTED, "sensor", "log"]
    assert snapshot.us > 0 and snapshot.heap > 0


def test_the_firmware_has_its_own_memory(board):
    """As boards/MPS2_AN385/physmem_board.py says: code, the heap with the stack, and the records."""
    snapshot = parse(board.look())
    found = {region.name: (region.base, region.end) for region in snapshot.regions if region.is_of_the_firmware}
    expected = {"firmware": (0, 0x400000), "micropython": (0x20000000, 0x200FF000), "records": (0x200FF000, 0x20100000)}
    assert found == expected
    assert snapshot.region("psram").address(3) == 0x21003000


GUARDS = """
import physmem
physmem.debug(owners=True, guard_frames=1)
class Owner:
    def __repr__(self):
        return "what is used by a guard"
sram = physmem.region("sram")
physmem.allocate_frames_at(sram.addr(8), 2, owner=Owner())
"""


def test_guards_are_told_apart():
    """Also from an owner who has the words of a guard."""
    runs = parse(on_unix_port(GUARDS)).region("sram").runs
    assert [fields(run) for run in runs if run.state != "free"] == [
        [7, 1, "guard"],
        [8, 2, "allocated", "what is used by a guard"],
        [10, 1, "guard"],
    ]


FILL_THE_HEAP = """
import gc, physmem
psram = physmem.region("psram")
for frame in range(0, 2048, 2):
    psram.alloc_at(frame, 1)
kept = []
while True:
    gc.collect()
    room = gc.mem_free() - 20000
    if room < 200:
        break
    try:
        kept.append(bytearray(room // 2))
    except MemoryError:
        kept.append(bytearray(128))
"""


def test_a_look_needs_20_kb_of_heap(board):
    """With 1,024 allocations, each beside a free frame, in a region of 4,096 frames."""
    board.run(FILL_THE_HEAP)
    snapshot = parse(board.look())
    taken = [(frame, 1, "allocated") for frame in range(0, 2048, 2)]
    assert [fields(run) for run in snapshot.region("psram").runs] == with_free_runs(taken, 4096)


COUNT_WHAT_THERE_IS = """
import gc, sys
modules = [name for name in sys.modules if not name.startswith("physmem")]
gc.collect()
print(gc.mem_alloc(), sorted(globals()), sorted(modules))
"""


def test_a_look_leaves_nothing_to_the_program(fresh):
    """No name and no module of its own; what it loads of the library keeps less than 4 KB of heap."""
    with observed(fresh.url) as board:
        board.run(COUNT_WHAT_THERE_IS)
        before, there = board.run(COUNT_WHAT_THERE_IS).split(" ", 1)
    with observed(fresh.url) as board:
        board.look(measure=True)
        assert board.bytes_sent > sum(map(len, functions(SOURCE.read_text())))
        first = board.bytes_sent
        received = len(board.look().replace("\n", "\r\n"))
        assert board.bytes_sent < first / 10
        assert received < board.bytes_received < received + 60
    with observed(fresh.url) as board:
        after, there_after = board.run(COUNT_WHAT_THERE_IS).split(" ", 1)
    assert there_after == there
    assert int(after) - int(before) < 4096


def test_names_of_the_program_stay_its_own(board):
    """Also those that make map has for something else."""
    board.run("error = kept = leak = look_at_frames = physmem = sys = 7")
    names = board.run("print(sorted(globals()))")
    board.look()
    assert not board.has_owners()
    assert board.leaks(board.mark()) == []
    assert board.run("print(sorted(globals()))") == names
    assert board.run("print(error, kept, leak, look_at_frames, physmem, sys)").split() == ["7"] * 6


# What a snapshot may be


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback",
        "[]",
        '{"version": "0"}',
        json.dumps({"version": "0", "board": "", "ticks_ms": 0, "regions": [{"name": "sram"}]}),
    ],
)
def test_what_is_not_a_snapshot_is_refused(text):
    with pytest.raises(SnapshotError, match="not a snapshot"):
        parse(text)


@pytest.mark.parametrize(
    "runs", [[[0, 63, "free"]], [[1, 63, "free"]], [[0, 32, "free"], [31, 32, "free"]], [[0, 64, "wild"]], []]
)
def test_runs_that_are_not_the_region_are_refused(runs):
    with pytest.raises(SnapshotError, match="sram"):
        snapshot_of(region_of(runs=runs))


def test_runs_of_another_moment_are_noticed():
    assert snapshot_of(region_of(taken=[(0, 1, "allocated")])).region("sram").is_of_one_moment
    assert not snapshot_of(region_of(taken=[(0, 1, "allocated")], used=2)).region("sram").is_of_one_moment


# What changes


def test_rates():
    """In 2 seconds an allocation of 3 frames went, and two came, of 4 and 1 frames. One stayed."""
    before = [(0, 2, "allocated"), (10, 3, "allocated")]
    after = [(0, 2, "allocated"), (10, 4, "allocated"), (20, 1, "mapped")]
    end = TICKS_PERIOD - 500
    history = history_of(
        snapshot_of(region_of(taken=before), ticks_ms=end), snapshot_of(region_of(taken=after), ticks_ms=1500)
    )
    assert history.rates("sram") == (2 / 2, 1 / 2, 5 / 2, 3 / 2)
    assert history.rates("psram") is None
    assert history.series("sram") == [(0, 59, 51), (2, 57, 43)]


@pytest.mark.parametrize("before, after, seconds", [(50_000, 700, 0.7), (50_000, 50_700, 0.7), (1000, 61_000, 60)])
def test_a_restart_is_not_a_rate(before, after, seconds):
    """Whether the ticks start over, as by the reset pin, or go on, as over a soft reset."""
    history = history_of(snapshot_of(region_of(), ticks_ms=before))
    history.add(snapshot_of(region_of(taken=[(0, 1, "allocated")]), ticks_ms=after), restarts=1)
    assert history.restarts == 1
    assert history.rates("sram") is None
    assert history.series("sram")[-1][0] == seconds


def test_a_clock_that_goes_back_is_not_a_restart():
    """As a busy PC may have it in an emulator."""
    history = history_of(snapshot_of(region_of(), ticks_ms=500), snapshot_of(region_of(), ticks_ms=499))
    assert (history.restarts, history.rates("sram"), history.series("sram")[-1][0]) == (0, None, 0)


# What a person sees


def text_of(history, view, width, height=None):
    console = RichConsole(width=width, file=io.StringIO(), color_system=None, highlight=False)
    console.print(picture(history, view, width, height))
    return console.file.getvalue().splitlines()


MAPPED_AND_MORE = (
    (0, 3, "allocated", "display", None),
    (3, 2, "mapped", None, None),
    (5, 1, "retained", None, "log"),
    (6, 1, "guard", None, None),
)


@pytest.mark.parametrize("width, scale", [(80, 1), (120, 1), (140, 2)])
def test_each_frame_has_its_place_on_the_map(width, scale):
    lines = text_of(history_of(snapshot_of(region_of(taken=MAPPED_AND_MORE))), View("a board"), width)
    assert all(len(line) <= width for line in lines)
    [drawn] = [line for line in lines if FREE * 10 in line]
    allocated = "█" * (3 * scale - 1) + "▉"
    expected = "  " + allocated + "MM" * scale + "R" * scale + "g" * scale + FREE * (57 * scale)
    assert drawn == expected


@pytest.mark.parametrize(
    "width, frames, height",
    [(80, 2048, None), (80, 4096, 24), (80, 999, 24), (80, 1, 24), (120, 2048, 24), (120, 999, None), (120, 1, None)],
)
def test_a_map_of_any_size_fits(width, frames, height):
    taken = [(frame, 1, "allocated") for frame in range(0, frames, 2)]
    regions = [region_of(name, frames, taken) for name in ("one", "two")]
    firmware = region_of("firmware", 8, [(0, 8, "firmware")])
    lines = text_of(history_of(snapshot_of(firmware, *regions)), View("a board", is_interactive=True), width, height)
    assert all(len(line) <= width for line in lines)
    assert height is None or len(lines) <= height
    assert "q quit" in lines[-1]


@pytest.mark.parametrize("selected", [None, "region 0", "region 7", "region 9"])
def test_regions_that_do_not_fit_are_left_out(selected):
    """The picture says so, and still has the keys and the region that was picked."""
    regions = [region_of(f"region {i}") for i in range(10)]  # three lines each
    view = View("a board", selected=selected, is_interactive=True)
    lines = text_of(history_of(snapshot_of(*regions)), view, 80, 24)
    assert len(lines) == 24 and lines[0] == f"physmem {VERSION} on a board"
    assert "q quit" in lines[-1] and [line for line in lines if "lines do not fit: make the terminal higher" in line]
    assert any(line.startswith(f"▶ {selected}" if selected else "  region 0") for line in lines)


def test_a_name_breaks_no_line():
    """Nor does it command the terminal."""
    taken = [(0, 1, "allocated", "two\nlines", None), (1, 1, "retained", "\x1b[2J", "\x9b")]
    regions = [region_of("a\rb", taken=taken), region_of("\u202ec", taken=[(0, 64, "firmware")])]
    snapshot = snapshot_of(*regions)
    view = View("a\nboard", selected="a\rb", message="a\nsentence", mark=3, leaks=[["a\rb", 0, 1, "two\nlines"]])
    lines = text_of(history_of(snapshot), view, 100, 24)
    assert all(line.isprintable() for line in lines) and len(lines) <= 24
    shown = "\n".join(lines)
    assert shown.count(r"two\nlines") == 3 and shown.count(r"a\rb") == 2
    assert r"\x1b[2J" in shown and r"\x9b" in shown and r"\u202ec" in shown


@pytest.mark.parametrize("frames_per_cell", [1, 2, 7, 64])
def test_cells_count_every_frame(frames_per_cell):
    region = snapshot_of(region_of(frames=100, taken=MAPPED_AND_MORE)).region("sram")
    found = cells(region, frames_per_cell)
    assert sum(taken for _, taken, _, _ in found) == 7
    assert sum(there for _, _, there, _ in found) == 100
    assert len(found) == -(-100 // frames_per_cell)


@pytest.mark.parametrize("there", [2, 7, 8, 9, 64])
def test_a_cell_is_full_or_empty_only_if_its_frames_are(there):
    """And a cell with more frames taken is not drawn lower."""
    drawn = []
    for taken in range(there + 1):
        region = region_of(frames=8 * there, taken=[(0, taken, "allocated")] if taken else [])
        lines, frames_per_cell = map_lines(snapshot_of(region).region("sram"), View("a board"), 8, 1)
        assert frames_per_cell == there
        drawn.append(lines[0].plain.strip()[0])
    assert (drawn[0], drawn[-1]) == (FREE, LAST)
    assert set(drawn[1:-1]) <= set(PARTS)
    assert drawn[1:-1] == sorted(drawn[1:-1], key=PARTS.index)
    assert (drawn[1], drawn[-2]) == (PARTS[7 // there], PARTS[7 * (there - 1) // there])


LEAKS = [["psram", 3, 2, "late"], ["sram", 1, 1, None]]


def test_what_has_gone_with_a_restart_is_told():
    """Of a leak in a region that is no longer there the frame is known. Its plot has all that there was."""
    history = history_of(snapshot_of(region_of(), region_of("psram")))
    history.add(snapshot_of(region_of(frames=16), ticks_ms=1000), restarts=1)
    view = View("a board", selected="psram", mark=8, leaks=LEAKS)
    shown = "\n".join(text_of(history, view, 100, 24))
    assert "psram  frame 3  2 frames  owner late" in shown and "sram  0x20001000  1 frames  no owner" in shown
    assert "restarted once" in shown
    report = html_report(history, view)
    assert "<td>psram</td><td>frame 3</td><td>2 frames</td><td>late</td>" in report
    assert ">64</text>" in report and 'd="M52.0 8.0' in report


def test_the_counters_are_shown():
    taken = [(0, 10, "allocated"), (20, 4, "allocated", "net", None)]
    history = history_of(
        snapshot_of(region_of(taken=taken[:1])), snapshot_of(region_of(taken=taken, failed=3), ticks_ms=500)
    )
    shown = "\n".join(text_of(history, View("a board", selected="sram", line_cost=(54, 1234)), 120))
    assert "used 14 (56 KiB)  free 50 (200 KiB)  peak 14  failed 3  largest free 40 (160 KiB)  fragmented 20 %" in shown
    assert "came 2.0/s (8 frames/s)  went 0.0/s (0 frames/s)" in shown
    assert "0x20000000..0x20040000  64 frames of 4 KiB  DMA" in shown
    assert re.search(r"0x20014000 +4 frames +16 KiB  allocated  owner net", shown)
    assert "Look 2 at 0.5 s: 54 bytes sent, 1,234 received" in shown


def test_the_picture_needs_nothing_from_elsewhere():
    history = history_of(snapshot_of(region_of(taken=MAPPED_AND_MORE)))
    svg = svg_picture(picture(history, View("<a> board"), 80), 80, "<a> board")
    assert set(re.findall(r"https?://[^\"]*", svg)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in svg and "&lt;a&gt;" in svg


# Keys


def session_on(board, *words):
    console = RichConsole(width=100, height=40, file=io.StringIO(), force_terminal=True, color_system=None)
    session = Session(board, "a board", arguments(["MPS2_AN385", *words]), console)
    session.look()
    return session


def test_a_mark_and_what_leaks_after_it(board):
    """A mark that takes heap is asked for twice."""
    board.run("import physmem\nbefore = physmem.allocate_frames(5)")
    session = session_on(board)
    session.press("l")
    assert "press m first" in session.view.message
    session.press("m")
    assert session.view.mark is None
    assert f"{9 * (768 + 4096):,} bytes" in session.view.message
    assert not board.has_owners()
    session.press("m")
    assert board.has_owners()
    board.run("after = physmem.allocate_frames(2, region='sram', owner='late')\nphysmem.allocate_frames(1).free()")
    session.press("l")
    first = int(board.run("print(physmem.find(after).first)"))
    assert session.view.leaks == [["sram", first, 2, "late"]]
    assert "1 allocated since mark" in "\n".join(text_of(session.history, session.view, 100))
    assert session.press("m") and session.view.leaks is None  # the tier is on: no question


def test_keys_pick_a_region_and_freeze(board):
    session = session_on(board)
    picked = []
    for key in ("tab", "down", "j", "up"):
        assert session.press(key)
        picked.append(session.view.selected)
    assert picked == ["sram", "psram", None, "psram"]
    assert session.press(" ") and session.view.is_frozen
    assert session.press("h") and session.view.shows_help
    assert session.press("x") and not session.press("q")


def test_a_reset_is_seen(board, fresh):
    """By that the board has lost what looks keep there, whatever its clock says. A mark is lost with it."""
    session = session_on(board)
    session.press("m")
    session.press("m")
    board.run("import physmem\nlost = physmem.allocate_frames(3)")
    session.press("l")
    assert len(session.view.leaks) == 1
    fresh.reset()
    session.look()
    assert (session.history.restarts, session.view.mark, session.view.leaks) == (1, None, None)
    assert "the mark is gone" in session.view.message
    assert all(region.used == 0 for region in session.history.latest.regions if not region.is_of_the_firmware)
    session.look()
    assert session.history.restarts == 1


def test_without_a_keyboard_the_time_ends_it(board, monkeypatch):
    session = session_on(board, "--seconds", "0.1")
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        session.watch_in_terminal()
    shown = session.console.file.getvalue()
    assert "Look 2 at" in shown and "q quit" not in shown


ENVIRONMENT = dict(os.environ, PYTHONPATH=str(ROOT / "scripts"))
for _size in ("COLUMNS", "LINES"):  # rich takes these for the terminal's own
    ENVIRONMENT.pop(_size, None)
MAP = """
import sys
from look import connection, main
connection.SECONDS_TO_ANSWER = {}
sys.exit(main.main())
"""
"""`make map`, for a real board that may take so long to answer. With PORT= it takes an emulator for one."""


class Terminal:
    """A program in a pseudo-terminal of 100 columns and 40 rows."""

    def __init__(self, *words):
        self._inner, outer = pty.openpty()
        fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        environment = dict(ENVIRONMENT, TERM="xterm-256color")
        command = [sys.executable, "-c", MAP.format(SECONDS), *words]
        self.process = subprocess.Popen(command, stdin=outer, stdout=outer, stderr=outer, env=environment)
        os.close(outer)
        self._data = b""

    def press(self, keys):
        os.write(self._inner, keys)

    def _read(self):
        """Read what is shown next. Return whether the program is still there."""
        assert select.select([self._inner], [], [], SECONDS)[0], f"nothing more is shown than {self._shown()}"
        try:
            data = os.read(self._inner, 65536)
        except OSError:  # what Linux says when the other end is closed
            data = b""
        self._data += data
        return bool(data)

    def _shown(self):
        """Return what is shown, without its colours."""
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", self._data.decode(errors="ignore"))

    def wait_for(self, text):
        """Wait until `text` is shown after what was waited for before."""
        while text not in self._shown():
            assert self._read(), f"{text!r} was not shown: {self._shown()}"
        self._data = self._shown().partition(text)[2].encode()

    def status(self):
        """Wait for the end of the program, and return its status."""
        while self._read():
            pass
        return self.process.wait(SECONDS)

    def hang_up(self):
        """Close the terminal, as when its window is closed."""
        os.close(self._inner)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.hang_up()


def test_keys_reach_it_through_a_terminal(fresh, tmp_path):
    report = tmp_path / "report.html"
    words = ("--port", fresh.url, "--interval", "0.2", "--program", str(PROGRAM), "--html", str(report))
    terminal = Terminal("MPS2_AN385", *words)
    try:
        terminal.wait_for("h help")
        terminal.press(b"\t")
        terminal.wait_for("▶ sram")
        terminal.wait_for("owner sensor")
        terminal.press(b" ")
        terminal.wait_for("FROZEN")
        terminal.press(b"m")  # the tier is on
        terminal.wait_for("Mark 8 is set")
        terminal.press(b"l")
        terminal.wait_for("0 allocated since mark 8")
        terminal.press(b"\x03")
        assert terminal.status() == 0
    finally:
        terminal.close()
    assert "Allocated since mark 8, and not freed: 0" in report.read_text()
    with observed(fresh.url) as board:  # Ctrl-C did not reach the board
        assert board.run("print(mapped.state)").strip() == "mapped"


# What cannot be done


@pytest.mark.parametrize(
    "words, said",
    [
        (["PYBV11", "--once"], "no emulator for PYBV11: set PORT="),
        (["RPI_PICO9", "--once"], "no emulator for RPI_PICO9"),
        (["MPS2_AN385", "--once", "--psram", "2M"], "omit PSRAM="),
        (
            ["MPS2_AN385", "--once", "--port", "/dev/nowhere"],
            "there is no /dev/nowhere: plug the board in",
        ),
        (["MPS2_AN385", "--once", "--port", "/dev/null"], "/dev/null cannot be opened as a serial port ("),
        (["MPS2_AN385", "--once", "--port", "socket://127.0.0.1:1"], "no board at socket://127.0.0.1:1"),
        (["MPS2_AN385", "--once", "--port", "wild://x"], "no board at wild://x"),
        (["MPS2_AN385", "--once", "--port", "/dev/nowhere", "--psram", "2M"], "omit one of them"),
        (["MPS2_AN385", "--once", "--html", "/nowhere/map.html"], "there is no folder /nowhere"),
        (["MPS2_AN385", "--once", "--svg", "/tmp"], "/tmp is a folder"),
        (["MPS2_AN385", "--once", "--program", "nothing.py"], "there is no program nothing.py"),
        (["MPS2_AN385", "--once", "--width", "20"], "20 columns are too few"),
        (["MPS2_AN385"], "the output is not a terminal: give --once"),
    ],
)
def test_bad_input_is_told(words, said):
    problem = main(words)
    assert problem.startswith("physmem: ") and problem.endswith(".") and said in problem


def test_a_screen_without_a_keyboard_needs_an_end():
    options = arguments(["MPS2_AN385"])
    assert objection(options, True, True) is None
    assert "the input is not a terminal, so no key can end this: give --once" in objection(options, False, True)
    assert objection(arguments(["MPS2_AN385", "--seconds", "1"]), False, True) is None


def test_a_closed_input_is_not_a_terminal():
    with open(os.devnull) as closed:
        pass
    for stream in (None, closed, io.StringIO()):
        assert not is_terminal(stream)


def test_a_port_that_belongs_to_others_is_told(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may use any
    with pytest.raises(BoardError, match="you may not use /dev/null: add yourself"), ObservedBoard("/dev/null"):
        pass


def test_a_file_that_cannot_be_written_is_told(board, tmp_path):
    """And the other one is written."""
    report = tmp_path / "map.html"
    session = session_on(board, "--svg", "/dev/full", "--html", str(report))
    [problem] = session.write()
    assert re.fullmatch(r"cannot write /dev/full, of [\d,]+ characters \(No space left on device\): .*", problem)
    assert "drawMemoryMap" in report.read_text()


@pytest.mark.parametrize("words", [["--seconds", "0"], ["--interval", "-1"], ["--seconds", "soon"], ["--colour"]])
def test_bad_options_are_told(words, capsys):
    with pytest.raises(SystemExit):
        arguments(["MPS2_AN385", *words])
    assert "error: " in capsys.readouterr().err


COUNT = "import time\nturns = 0\nwhile True:\n    turns += 1\n    time.sleep_ms(1)\n"


def test_a_program_that_runs_is_left_alone(fresh, monkeypatch):
    """Until somebody asks for the Ctrl-C."""
    monkeypatch.setattr(connection, "SECONDS_TO_ANSWER", 0.3)
    with Console(fresh) as console:
        console.enter_raw_repl()
        console.begin(COUNT)
    with pytest.raises(BoardError, match="program is running there.*--interrupt"), ObservedBoard(fresh.url):
        pass
    with observed(fresh.url, interrupt=True) as board:
        turns = int(board.run("print(turns)"))
        assert turns > 1
        assert parse(board.look()).region("sram").frames == 768
        assert board.run("print(turns)").strip() == str(turns)  # nothing was reset


def test_a_pseudo_terminal_where_a_program_prints(monkeypatch):
    """Its line is never silent, and mpremote's own reading would wait for that, or for a first character."""
    with Qemu("MPS2_AN385", interactive=True) as emulator:
        emulator.connect().close()
        with observed(emulator.url) as board:
            board._send(f"{COUNT}    print(turns)")
        monkeypatch.setattr(connection, "SECONDS_TO_ANSWER", 2)
        with pytest.raises(BoardError, match="program is running there"), ObservedBoard(emulator.url):
            pass
        with observed(emulator.url, interrupt=True) as board:
            assert int(board.run("print(turns)")) > 1
            assert parse(board.look()).region("sram").used == 0


def half_of(read):
    """Return a function like `read` of a serial port, which has half of the two bytes that start a transfer."""
    return lambda size=1: data[:1] if len(data := read(size)) == 2 and data != b"R\x01" else data


def test_a_garbled_line_is_told(board, monkeypatch):
    """And the board, which waits for the rest of a program, can be asked again."""
    board.look()
    port = board._transport.serial
    monkeypatch.setattr(port, "read", half_of(port.read))
    with pytest.raises(GarbledError, match="does not belong to its raw REPL .*: have handlers print nothing"):
        board.look()
    monkeypatch.undo()
    assert parse(board.look()).regions
    assert board.restarts == 0


def test_a_garbled_mark_is_told(board, monkeypatch):
    monkeypatch.setattr(board, "ask", lambda source: "x8")
    with pytest.raises(BoardError, match="the board sent 'x8', which is not a mark: have handlers print nothing"):
        board.mark()
    with pytest.raises(BoardError, match="the board sent 'x8', which is not a leak"):
        board.leaks(8)


def pressing_ctrl_c(read):
    """Return a function like `read`, during which somebody presses Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

    def interrupted(size=1):
        signal.raise_signal(signal.SIGINT)
        return read(size)

    return interrupted


@pytest.mark.parametrize("happens, raised", [(half_of, GarbledError), (pressing_ctrl_c, KeyboardInterrupt)])
def test_a_board_is_left_at_its_prompt_whatever_happens(fresh, monkeypatch, happens, raised):
    with pytest.raises(raised), observed(fresh.url) as board:
        board.look()
        port = board._transport.serial
        with monkeypatch.context() as during_a_look:
            during_a_look.setattr(port, "read", happens(port.read))
            board.look()
    with Console(fresh) as console:
        console.send(b"\r")
        console.read_until(b"\r\n" + FRIENDLY_PROMPT)
        console.enter_raw_repl()
        assert KEPT not in console.execute("import sys\nprint(sorted(sys.modules))")


def test_a_board_without_physmem():
    with Qemu("stock/MPS2_AN385") as emulator:
        emulator.connect().close()
        with observed(emulator.url) as board, pytest.raises(BoardError, match="no program on this board has imported"):
            board.look()


def test_a_program_that_fails_is_told(board, tmp_path):
    program = tmp_path / "fails.py"
    program.write_text("import physmem\nphysmem.region('none')\n")
    with pytest.raises(BoardError, match="fails.py has failed .* there is no region of the name 'none'"):
        board.run_program(program, SECONDS)
    program.write_text("while True:\n    pass\n")
    with pytest.raises(BoardError, match="fails.py was silent for 0.5 s and has not ended"):
        board.run_program(program, 0.5)


def test_a_board_that_has_gone_is_told(tmp_path):
    """What was seen before is written all the same."""
    report = tmp_path / "report.html"
    with Qemu("MPS2_AN385") as gone:
        gone.connect().close()
        terminal = Terminal("MPS2_AN385", "--port", gone.url, "--interval", "0.1", "--html", str(report))
        try:
            terminal.wait_for("Look 2 at")
            gone.stop()
            terminal.wait_for("physmem: the board at ")
            terminal.wait_for("does not answer any more")
            assert terminal.status() == 1
        finally:
            terminal.close()
    assert "drawMemoryMap(document.getElementById" in report.read_text()


def test_it_ends_with_its_terminal(fresh):
    terminal = Terminal("MPS2_AN385", "--port", fresh.url)
    terminal.wait_for("h help")
    terminal.hang_up()
    assert terminal.process.wait(SECONDS) is not None


def test_what_a_handler_prints_into_a_look_is_looked_at_again(board, monkeypatch):
    session = session_on(board)
    text = board.look()

    def look(measure):
        if isinstance(answers[0], str):
            return answers.pop(0)
        raise answers.pop(0)

    monkeypatch.setattr(board, "look", look)
    for garbled in ("x" + text, GarbledError("x")):
        answers = [garbled, text]
        session.look()
        assert not answers
    assert len(session.history.looks) == 3
    answers = ["x", "x"]
    with pytest.raises(SnapshotError, match="have handlers print nothing"):
        session.look()


# The whole program


def test_json_without_a_terminal():
    """Of a board that it boots itself, which is not held to the time of a real one."""
    command = [sys.executable, "-c", MAP.format(0), "MPS2_AN385", "--json", "--program", str(PROGRAM)]
    command += ["--seconds", "1", "--interval", "0.1"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=2 * SECONDS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["history"]) >= 1
    assert found["history"][-1]["regions"]["sram"]["used"] == KNOWN_FRAMES
    assert parse(done.stdout).region("sram").used == KNOWN_FRAMES
