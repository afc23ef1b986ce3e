"""Resets in the middle of a random workload: what was retained or in the hands of hardware is there again, and nothing
else is.

Three kinds. *soft*: Ctrl-C, which ends the program at any place in MicroPython's code, and Ctrl-D. *request*: a hard
timer writes to AIRCR.SYSRESETREQ, within microseconds of a call. *pin*: QEMU's system_reset at any moment. The emulator
takes interrupts and resets where a block of straight-line code begins.

The host reads the journal of reset_workload.py up to the reset and knows what must be there: a call under way at that
moment may have been done or not, a content that was being written may be anything, everything else is as the journal
says. After each reset the board says what is there.
"""

import json
import random
import time
import zlib
from collections import Counter
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
import reset_workload
from emulator import MACHINES, ROOT, Emulator, memory_map
from harness.console import BANNER, INTERRUPT, Console

KINDS = ("soft", "request", "pin")
RESETS = {"MPS2_AN385": 1000, "MPS2_AN500": 60, "MPS2_AN505": 60}
LONGEST = 0.02  # seconds of work before a reset
MOST_CALLS = 20  # of the journal before a board resets itself
MOST_TICKS = 1000  # microseconds of the timer from there on
CALLS = ("retain", "again", "write", "release", "map", "unmap", "hand", "take")
VERSIONS = 1000  # of contents between two resets, at most
PROGRAM = ROOT / "tests_host" / "reset_workload.py"
TRANSLATED = "tcg,tb-size=64"  # MiB for what QEMU translates anew after each reset
PROGRAM_OFFSET = 0x200000  # where the emulator puts it at each reset, in the memory of the firmware, behind that


class WrongMemory(AssertionError):
    """What is there after a reset is not what must be there."""


@dataclass
class Kept:
    """A name. What is not known is None."""

    nbytes: int
    addr: int | None = None
    checksum: int | None = None
    mapped: bool = False
    resets: int = 0


@dataclass
class Model:
    """What must be there: `names` by name; `handed`: address -> frames, without a name and in the hands of hardware."""

    names: dict = field(default_factory=dict)
    handed: dict = field(default_factory=dict)

    def do(self, words, answer=None):
        """Do the journal's call *words*, which answered *answer*, a list; None if it did not come to that."""
        call, *arguments = words
        if call == "hand":
            self.handed[int(arguments[0])] = int(arguments[1])
        elif call == "take":
            del self.handed[int(arguments[0])]
        else:
            getattr(self, call)(*arguments, answer)

    def retain(self, name, nbytes, answer):
        self.names[name] = Kept(int(nbytes))
        if answer:
            self.names[name].addr = int(answer[0])
            if answer[1] != "1":
                raise WrongMemory(f"{name} is retained for the first time and not fresh")

    def again(self, name, nbytes, answer):
        kept = self.names[name]
        if answer and (int(answer[0]), answer[1], int(nbytes)) != (kept.addr, "0", kept.nbytes):
            raise WrongMemory(f"{name}, asked for again, is {answer}, not {kept}")

    def write(self, name, version, answer):
        self.names[name].checksum = None if answer is None else checksum(name, int(version), self.names[name].nbytes)

    def release(self, name, answer):
        del self.names[name]

    def map(self, name, answer):
        self.names[name].mapped = True

    def unmap(self, name, answer):
        self.names[name].mapped = False

    def differences(self, report, frame_size):
        """Sentences about what of *report* differs; what is not known is learned from it."""
        found = []
        there = {name: fields for name, *fields in report["names"]}
        for name in there.keys() | self.names.keys():
            if name not in there or name not in self.names:
                found.append(f"{name}: there {there.get(name)}, must be there {self.names.get(name)}")
                continue
            kept = self.names[name]
            addr, nbytes, resets, mapped, crc = there[name]
            kept.resets += 1
            kept.addr = addr if kept.addr is None else kept.addr
            kept.checksum = crc if kept.checksum is None else kept.checksum
            if kept != Kept(nbytes, addr, crc, mapped, resets):
                found.append(f"{name}: there {Kept(nbytes, addr, crc, mapped, resets)}, must be there {kept}")
        if sorted(report["handed"]) != [[addr, n, "mapped", False] for addr, n in sorted(self.handed.items())]:
            found.append(f"hardware has {report['handed']}, must have {self.handed}")
        owned = [[kept.addr, -(-kept.nbytes // frame_size)] for kept in self.names.values()]
        owned += [[addr, count] for addr, count in self.handed.items()]
        if sorted(report["allocated"], key=str) != sorted(owned, key=str):  # a name that is lost may have no address
            found.append(f"allocated are {report['allocated']}, owned are {owned}")
        return found


def checksum(name, version, nbytes):
    """CRC-32 of the content that the board writes."""
    period = reset_workload.period(name, version)
    return zlib.crc32((period * (nbytes // len(period) + 1))[:nbytes])


class Run:
    """A board that works and is reset again and again; a context manager. *change* is source that changes the library
    on the board."""

    def __init__(self, board, seed, change=""):
        memory = memory_map(board)
        base = next(base for name, base, _ in memory["OCCUPIED"] if name == "firmware") + PROGRAM_OFFSET
        self._load = f"from uctypes import bytearray_at\nexec(bytes(bytearray_at({base}, {PROGRAM.stat().st_size})))\n"
        self._change = change
        self._frame_size = memory["REGIONS"][0][3]
        path = str(PROGRAM).replace(",", ",,")
        options = ("-device", f"loader,file={path},addr={base},force-raw=on", "-accel", TRANSLATED)
        self._emulator = Emulator(board, options=options)
        self._random = random.Random(seed)
        self._model = Model()
        self._journal = []
        self._resets = 0
        self.under_way = Counter()
        """Kind -> resets that came while a call of the journal was under way."""

    def __enter__(self):
        with ExitStack() as stack:
            stack.enter_context(self._emulator)
            self._console = stack.enter_context(Console(self._emulator))
            self._console.enter_raw_repl()
            self._compare(None)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._open.close()

    def reset(self, kind):
        """Let the board work, reset it, and compare. Raises WrongMemory."""
        self._resets += 1
        countdown, ticks = 0, 0
        if kind == "request":
            countdown = self._random.randrange(1, MOST_CALLS)
            ticks = int(MOST_TICKS ** self._random.random()) + 1
        seed = self._random.getrandbits(29)
        self._console.begin(f"print()\nwork({seed}, {self._resets * VERSIONS}, {countdown}, {ticks})")
        self._console.read_until(b"\r\n")
        if kind != "request":
            time.sleep(self._random.uniform(0, LONGEST))
        if kind == "soft":
            self._console.send(INTERRUPT)
            written, error = self._console.end()
            if not error.endswith("KeyboardInterrupt: \n"):
                raise WrongMemory(f"the workload ended by itself:\n{written}{error}")
            self._console.soft_reset()
        else:
            if kind == "pin":
                self._emulator.reset()
            written = self._console.read_until(BANNER).decode().replace("\r\n", "\n")
            self._console.enter_raw_repl()
        try:
            call = self._read(written)
            self.under_way[kind] += call is not None
            self._compare(call)
        except WrongMemory as error:
            last = "\n".join(self._journal[-20:])
            raise WrongMemory(f"reset {self._resets}, {kind}: {error}\nThe journal ends with\n{last}") from None

    def _read(self, written):
        """Have the model do what the journal says; return the words of the call that was under way, or None."""
        call = None
        self._journal = written.split("\n")
        for line in self._journal[:-1]:  # what comes last is no whole line
            words = line.split()
            if words[:1] == ["="]:
                self._model.do(call, words[1:])
                call = None
            elif words and words[0] in CALLS:
                call = words
            else:
                raise WrongMemory(f"the board printed:\n{written}")
        return call

    def _compare(self, call):
        """Compare what there is with the model, before or after the call that was under way."""
        report = json.loads(self._console.execute(self._load + self._change + "report()"))
        if report["wrong"] or report["dropped"] or report["unoccupied"]:
            raise WrongMemory(f"check(): {report['wrong']}, dropped(): {report['dropped']}")
        before, after = self._model, deepcopy(self._model)
        if call:
            after.do(call)
            if call[0] == "write":
                before = after
        found = before.differences(report, self._frame_size)
        if found:
            differences = after.differences(report, self._frame_size)
            if differences:
                found = [f"under way: {call}", "as before it:", *found, "as after it:", *differences]
                raise WrongMemory("\n".join(found))
            before = after
        self._model = before


@pytest.mark.parametrize(
    "board", [pytest.param(board, marks=pytest.mark.xdist_group(f"resets-{board}")) for board in MACHINES]
)
def test_resets(board):
    kinds = random.Random(board).choices(KINDS, k=RESETS[board])
    with Run(board, board) as run:
        for kind in kinds:
            run.reset(kind)
    made = Counter(kinds)
    for kind in KINDS:
        print(f"{board}, {kind}: {made[kind]} resets, {run.under_way[kind]} while a call was under way")
    assert run.under_way.total() > RESETS[board] / 10


# Slow as well, so that a few resets suffice.
MAGIC_FIRST = """
import physmem_engine, time
from machine import mem32
def write_record(address, source, n):
    mem32[address] = mem32[source]
    time.sleep_ms(20)
    for i in range(1, n - 1):
        mem32[address + 4 * i] = mem32[source + 4 * i]
    physmem_engine.checksum(address + 4, n - 2, 1)
physmem_engine.write_record = write_record
"""

NEVER_ERASED = """
import physmem_engine
physmem_engine.store_word = lambda address, i, value: None
"""


@pytest.mark.parametrize("change", [MAGIC_FIRST, NEVER_ERASED], ids=["magic_first", "never_erased"])
@pytest.mark.xdist_group("resets-broken")
def test_a_broken_library_is_noticed(change):
    """The magic of a record stored before the rest of it, and records that do not end: a few resets find it."""
    with Run("MPS2_AN385", "broken", change) as run, pytest.raises(WrongMemory):
        for _ in range(200):
            run.reset("request")
