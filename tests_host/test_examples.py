"""The programs in examples/ on each kind of board that they are for: each twice, and nothing is left behind.

What a program must print is computed here from the memory plan and from what the program says that it does. A board
that lacks what a program needs prints one line which says so. docs/examples.md lists the programs.
"""

import fnmatch
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from emulated_board import BUILD, ROOT, memory_map
from emulators import EMULATED_BOARDS, emulator_of
from harness import runners
from psram_chips import PSRAM_BOARDS
from rp2_emulator import RP2_BOARDS

SECONDS = 60
BANNER = b"raw REPL; CTRL-B to exit\r\n"  # and then the prompt, which mpremote waits for

# One of each kind. PIMORONI_PICO_PLUS2 has the chip of RPI_PICO2, so it runs what has to do with PSRAM, and one more.
MPS2 = ("MPS2_AN385", "MPS2_AN500", "MPS2_AN505")
RP2 = ("RPI_PICO", "RPI_PICO2")
RUNS_ON = {
    "audio_double_buffer": (*MPS2, *RP2),
    "dma_chain": (*RP2, PSRAM_BOARDS[0]),
    "dma_ring": RP2,
    "framebuffer": (*MPS2, PSRAM_BOARDS[0]),
    "packet_pool": RP2,
    "producer_consumer": RP2,
    "two_cores": RP2,
}
OF_MAKE_RUN = ("crash_log", "demonstration")  # and dma_ring
OF_A_STOCK_PICO = ("stock_boot",)  # test_stock_pico.py
OF_MAKE_MAP = ("busy_frames",)  # test_look.py

NO_DMA = "{}.py needs rp2.DMA: run it on a board with an RP2040 or RP2350"
NO_EXTERNAL = (
    "framebuffer.py needs external memory: no region suits: ask for less than require DMA EXTERNAL, forbid nothing, *"
)
NO_INTERRUPTS = "audio_double_buffer.py needs hard interrupts: a machine.Timer that takes hard=True, or rp2.DMA"
NO_ASYNCIO = "producer_consumer.py needs asyncio, which is not in this firmware"
NO_THREADS = "two_cores.py needs _thread: run it on a board with an RP2040 or RP2350"
WITHOUT_RP2 = {
    **{name: NO_DMA.format(name) for name in ("dma_chain", "dma_ring", "packet_pool")},
    "producer_consumer": NO_ASYNCIO,
    "two_cores": NO_THREADS,
}
LACKING = {
    "MPS2_AN385": {name: WITHOUT_RP2[name] for name in ("dma_chain", "two_cores")},  # the unix port lacks the same
    "NETDUINO_PLUS_2": {"audio_double_buffer": NO_INTERRUPTS, "framebuffer": NO_EXTERNAL},
    "RPI_PICO": {"framebuffer": NO_EXTERNAL},
}
"""Board -> the programs that need what it has not, and what they print."""

STATE = """
import physmem
print([tuple(found)[1:6] for found in physmem.allocations()], physmem.quarantined(), physmem.check())
"""
NOTHING_IN_USE = "[] [] []"  # no allocation, nothing that is still mapped, nothing wrong


def source_of(name):
    return (ROOT / "examples" / f"{name}.py").read_text()


def region_of(plan, attribute):
    """Return (name, base, frame size) of the first region of the memory *plan* that has the *attribute*."""
    return next((name, base, frame) for name, base, _, frame, attrs in plan["REGIONS"] if attribute in attrs.split())


def picture(number):
    """Return the bytes of picture *number* of framebuffer.py: black, a red box, and a white line all around it."""
    white, red, black = 0xFFFF, 0xF800, 0x0000

    def pixel(x, y):
        if x in (0, 319) or y in (0, 239):
            return white
        left = 10 + 60 * number
        return red if left <= x < left + 100 and 80 <= y < 130 else black

    pixels = [pixel(x, y) for y in range(240) for x in range(320)]
    return struct.pack(f"<{len(pixels)}H", *pixels)


def printed_by_framebuffer(plan):
    name, base, frame = region_of(plan, "EXTERNAL")
    nbytes = 320 * 240 * 2
    second = -(-nbytes // frame) * frame  # bytes behind the first: requests get the first place that there is
    lines = [
        f"picture {i} in {name} at {base + i % 2 * second:#x}: checksum {zlib.crc32(picture(i)):#010x}"
        for i in range(4)
    ]
    return [*lines, f"2 pictures of {nbytes} bytes, freed"]


def printed_by_dma_ring(plan):
    _, base, _ = region_of(plan, "FAST")
    return [
        f"a ring of 4096 bytes at {base:#x}, 10000 bytes written, the next would go to byte {10000 % 4096}",
        "it holds the last 4096 bytes of them",
    ]


def printed_by_dma_chain(plan):
    """Every second frame is free, so each of the five is a piece of its own."""
    _, _, frame = region_of(plan, "FAST")
    return [f"{5 * frame} bytes in 5 pieces, sent by one chain: all are there"]


def printed_by_packet_pool(plan):
    """Of 8 packets one is always being received."""
    return [f"10 packets have arrived: {8 - 1} received, no room for {10 - (8 - 1)}"] * 2


PRINTED = {
    # How many are dropped depends on how fast the computer is that emulates.
    "audio_double_buffer": lambda plan: ["4 blocks of 128 samples, 4 of them whole; * dropped"],
    "dma_chain": printed_by_dma_chain,
    "dma_ring": printed_by_dma_ring,
    "framebuffer": printed_by_framebuffer,
    "packet_pool": printed_by_packet_pool,
    "producer_consumer": lambda plan: [
        "20 blocks of 500 bytes consumed, each as it was produced",
        "frames that are still in use: 0",
    ],
    "two_cores": lambda plan: ["core 0 filled 24 blocks of 200 bytes, and core 1 summed 24 of them right"],
}


def assert_printed(output, expected):
    """Fail if *output* is not the lines *expected*, in which * stands for any characters."""
    lines, patterns = output.splitlines(), [line.replace("[", "[[]") for line in expected]
    assert len(lines) == len(expected) and all(map(fnmatch.fnmatchcase, lines, patterns)), (lines, expected)


class Board:
    """An emulated board and mpremote's transport to it."""

    def __init__(self, emulator):
        self.name = emulator.board
        self.plan = memory_map(emulator.board)
        self.transport = emulator.connect()

    def execute(self, source):
        """Execute *source*, as `mpremote run` does without the soft reset. Return what it printed; it must not fail."""
        output, error = self.transport.exec_raw(source)
        assert not error, (output + error).decode()
        return output.decode().replace("\r\n", "\n")

    def wait_for_soft_reset(self):
        """Wait until the board, whose program has called sys.exit, is at its prompt again."""
        self.transport.read_until(1, BANNER, SECONDS)


def emulated(name, psram=None):
    return emulator_of(name, options=("--unpaced",) if name in RP2_BOARDS else (), psram=psram)


@pytest.fixture(scope="module")
def shared(request):
    with emulated(request.param) as emulator:
        board = Board(emulator)
        yield board
        board.transport.close()


@pytest.fixture
def board(shared):
    """Return the board after a soft reset."""
    shared.transport.enter_raw_repl(soft_reset=True)
    return shared


def on_boards(pairs):
    """Return the decorator of a test of a board and an example, for each of the *pairs*. A board has one worker."""
    parameters = [
        pytest.param(board, name, id=f"{board}-{name}", marks=pytest.mark.xdist_group(f"examples-{board}"))
        for board, name in pairs
    ]
    return pytest.mark.parametrize(("shared", "name"), parameters, indirect=["shared"], scope="module")


@on_boards((board, name) for name, boards in RUNS_ON.items() for board in boards)
def test_example(board, name):
    """It prints what it must, twice in a row without a reset, and leaves nothing behind."""
    assert board.execute(STATE).strip() == NOTHING_IN_USE
    for _ in range(2):
        assert_printed(board.execute(source_of(name)), PRINTED[name](board.plan))
        assert board.execute(STATE).strip() == NOTHING_IN_USE


@on_boards((board, name) for board, names in LACKING.items() for name in names)
def test_what_a_board_lacks_is_said_in_one_line(board, name):
    assert_printed(board.execute(source_of(name)), [LACKING[board.name][name]])
    board.wait_for_soft_reset()
    assert board.execute(STATE).strip() == NOTHING_IN_USE


HANDLERS = {
    "audio_double_buffer": (
        "recorder = Recorder(region)\nhandler, argument = recorder.on_sample, None",
        "for frame in (recorder.fetch(), recorder.filling):\n    region.free(frame)",
    ),
    "packet_pool": (
        "frames = physmem.allocate_frames_by_bytes(PACKETS * NBYTES)\nreceiver = Receiver(frames)\n"
        "handler, argument = receiver.on_packet, receiver.channel",
        "receiver.channel.close()\nframes.free()",
    ),
}
"""Example -> how to make its `handler` and the `argument` that it gets, and how to give back what that takes."""

# The handler goes through all that it does: it fills blocks which nobody fetches, and more packets than there are.
HEAP_OF_HANDLER = """
import gc, micropython
i = before = after = 0
{make}
gc.collect()
before = gc.mem_alloc()
micropython.heap_lock()
try:
    for i in range(600):
        handler(argument)
    after = gc.mem_alloc()
finally:
    micropython.heap_unlock()
{clean}
print(after - before)
"""


@on_boards((board, name) for name in HANDLERS for board in RUNS_ON[name] if board in (MPS2[0], *RP2))
def test_handler_takes_no_heap(board, name):
    make, clean = HANDLERS[name]
    board.execute(source_of(name))
    assert board.execute(HEAP_OF_HANDLER.format(make=make, clean=clean)) == "0\n"
    assert board.execute(STATE).strip() == NOTHING_IN_USE


@on_boards([(MPS2[0], "audio_double_buffer")])
def test_handler_that_takes_heap_is_noticed(board, name):
    make, clean = HANDLERS[name]
    board.execute(source_of(name) + "\ndef wasteful(argument):\n    recorder.on_sample([argument])\n")
    make += "\nhandler = wasteful"
    _, error = board.transport.exec_raw(HEAP_OF_HANDLER.format(make=make, clean=clean))
    assert b"MemoryError" in error, error


@pytest.mark.parametrize("board", PSRAM_BOARDS[:1])
def test_framebuffer_without_psram(board):
    """A board with a chip of PSRAM that does not respond: the line says which memory is missing."""
    with emulated(board, psram=0) as emulator:
        output = Board(emulator).execute(source_of("framebuffer"))
    assert_printed(output, [NO_EXTERNAL + "psram*"])


def run_on_host(runner, source):
    """Run *source* in a new process of CPYTHON, UNIX or STOCK_UNIX. Return (its status, what it printed)."""
    program = Path(sys.executable)
    if runner == "UNIX":
        command, folders = [BUILD / "UNIX" / "micropython"], [".frozen"]
    else:
        source = "import physmem_boot\n" + source
        if runner == "STOCK_UNIX":
            command = [program.with_name("micropython"), "-X", f"heapsize={runners.HOST_HEAP}"]
            folders = [".frozen", *runners.LIBRARY_AS_INSTALLED]
        else:
            command = [program]
            folders = [ROOT / name for name in ("tests_host/stubs", "lib", "boards/UNIX", "firmware")]
    path = ":".join(map(str, folders))
    done = subprocess.run(
        [*command, "-c", source],
        env={**os.environ, "PYTHONPATH": path, "MICROPYPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout


WITH_ASYNCIO = ("CPYTHON", *(() if runners.missing() else ("STOCK_UNIX",)))


@pytest.mark.parametrize("runner", WITH_ASYNCIO)
def test_producer_and_consumer_on_a_host(runner):
    status, output = run_on_host(runner, source_of("producer_consumer") + STATE)
    assert status == 0, output
    assert_printed(output, [*PRINTED["producer_consumer"](None), NOTHING_IN_USE])


CANCELLED = """
async def cancelled(steps):
    task = asyncio.create_task(main([]))
    for _ in range(steps):
        await asyncio.sleep(0)
    is_early = not task.done()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    for _ in range(3):
        await asyncio.sleep(0)
    return is_early, physmem.stats()[None]["used"] - before

results = [asyncio.run(cancelled(steps)) for steps in range(70)]
print([used for _, used in results] == [0] * 70, sum([is_early for is_early, _ in results]))
"""


@pytest.mark.parametrize("runner", WITH_ASYNCIO)
def test_cancelled_tasks_lose_no_frames(runner):
    """Cancelled after each of its steps; each of the 20 blocks takes at least one."""
    status, output = run_on_host(runner, source_of("producer_consumer") + CANCELLED)
    assert status == 0, output
    is_all_free, early = output.split()[-2:]
    assert is_all_free == "True", output
    assert int(early) >= 20


def test_framebuffer_on_the_unix_port():
    """Twice in one process. The operating system chooses where its memory lies."""
    status, output = run_on_host("UNIX", (source_of("framebuffer") + STATE) * 2)
    assert status == 0, output
    lines = printed_by_framebuffer({"REGIONS": [("psram", 0, 0, 4096, "EXTERNAL")]})
    lines = [re.sub(" at 0x[0-9a-f]+:", " at 0x*:", line) for line in lines]
    assert_printed(output, [*lines, NOTHING_IN_USE] * 2)


def test_framebuffer_has_both_pictures_or_none():
    """There is room for one: what it takes is free again, and the line says how much there was."""
    one = -(-320 * 240 * 2 // 4096)
    take_all_but = f"import physmem\nregion = physmem.region('psram')\nregion.alloc(region.frames - {2 * one - 1})\n"
    program = f"try:\n    exec({source_of('framebuffer')!r})\nexcept SystemExit:\n    print(region.free_frames)"
    status, output = run_on_host("UNIX", take_all_but + program)
    assert status == 0, output
    left = (one - 1) * 4096
    why = "no place for 153600 bytes: free some, or ask for less; "
    why += f"psram has {left} bytes free in 1 run, at most {left} in one"
    assert_printed(output, [f"framebuffer.py needs external memory: {why}", str(2 * one - 1)])


@pytest.mark.parametrize("name", [*WITHOUT_RP2, "audio_double_buffer"])
def test_what_a_host_lacks_is_said_in_one_line(name):
    status, output = run_on_host("UNIX", source_of(name))
    assert status == 1
    assert_printed(output, [WITHOUT_RP2.get(name, NO_INTERRUPTS)])


def make_run(*arguments):
    """Return what `make run` prints: scripts/run.py, which must not fail."""
    command = [sys.executable, ROOT / "scripts" / "run.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=4 * SECONDS
    )
    assert done.returncode == 0, done.stdout
    assert "not a real board" in done.stdout.splitlines()[0]
    return done.stdout


def demonstrated(*arguments):
    """Return what `make run` prints, having checked that nothing failed."""
    output = make_run(*arguments)
    assert "check: nothing is wrong" in output
    assert output.rstrip().endswith("used besides the log and the records: 0 frames")
    return output


@pytest.mark.parametrize("board", EMULATED_BOARDS)
def test_make_run(board):
    """examples/demonstration.py, dma_ring.py, and crash_log.py before and after a reset."""
    assert ("it holds the last 4096 bytes" in demonstrated(board)) == (board in RP2_BOARDS)


def test_make_run_without_psram():
    """What `make run PSRAM=0` does. Lines of the tables of statistics start with the name of a region."""
    assert "\npsram " in demonstrated(PSRAM_BOARDS[0])
    assert "\npsram " not in demonstrated(PSRAM_BOARDS[0], "--psram=0")


def test_make_run_of_an_example():
    """What `make run EXAMPLE=examples/framebuffer.py` does: that program alone."""
    output = make_run(MPS2[0], "--example=examples/framebuffer.py").split("\n\n", 1)[1]
    assert_printed(output, printed_by_framebuffer(memory_map(MPS2[0])))


def test_make_run_of_an_example_that_fails(tmp_path):
    example = tmp_path / "wrong.py"
    example.write_text("raise ValueError('on purpose')\n")
    command = [sys.executable, ROOT / "scripts" / "run.py", MPS2[0], f"--example={example}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1
    assert f"physmem: {example} on {MPS2[0]} failed:\n" in done.stderr and "ValueError: on purpose" in done.stderr


ROW = re.compile(r"^\| \[`(\w+)\.py`\]\(\.\./examples/(\w+)\.py\) \|.*\| ([^|]*) \|$", re.MULTILINE)
TRY = re.compile(r"`make run BOARD=(\w+) EXAMPLE=examples/(\w+)\.py`")


def test_page_lists_the_examples_with_commands_that_are_tested():
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    rows = ROW.findall(page)
    assert [name for name, _, _ in rows] == [link for _, link, _ in rows]
    assert sorted(name for name, _, _ in rows) == sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
    assert {*RUNS_ON, *OF_MAKE_RUN, *OF_A_STOCK_PICO, *OF_MAKE_MAP} == {name for name, _, _ in rows}
    for name, _, command in rows:
        found = TRY.search(command)
        assert bool(found) == (name in RUNS_ON), name
        if found:
            board, example = found.groups()
            assert example == name and board in RUNS_ON[name], command
