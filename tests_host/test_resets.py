"""After a reset in the middle of a random workload, frames that were retained or owned by hardware are still there, and
nothing else is.

There are three kinds of reset. *soft*: Ctrl-C, which ends the program anywhere in MicroPython's code, then Ctrl-D.
*request*: a hard timer writes to AIRCR.SYSRESETREQ within microseconds of a call. *pin*: QEMU's system_reset at any
moment. QEMU takes interrupts and resets at the start of a block of straight-line code.

The host reads the journal of reset_workload.py up to the reset, so it knows what must be there. A call that was under
way may or may not have been done, and a content that was being written may be anything. Everything else must be as the
journal says. After each reset the board reports what is there.
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
from programs import reset_workload
from emulated_board import ROOT, memory_map
from qemu import QEMU_MACHINES, Qemu
from harness.console import BANNER, INTERRUPT, Console

KINDS = ("soft", "request", "pin")
LONGEST = 0.02  # seconds of work before a reset
MOST_CALLS = 20  # of the journal before a board resets itself
MOST_TICKS = 1000  # microseconds of the timer after them
CALLS = ("retain", "again", "write", "release", "map", "unmap", "hand", "take")
REFUSED = ["none"]  # what the journal says of a call that had no memory or no record
SMALL_BOARD = "NETDUINO_PLUS_2"  # the only one where that may be
VERSIONS = 1000  # most contents written between two resets
PROGRAM = ROOT / "tests_host" / "programs" / "reset_workload.py"
TRANSLATED = "tcg,tb-size=64"  # MiB for what QEMU translates again after each reset


class WrongMemory(AssertionError):
    """Memory after a reset is not what it must be."""


@dataclass
class Kept:
    """A retained name. Unknown fields are None."""

    nbytes: int
    addr: int | None = None
    checksum: int | None = None
    mapped: bool = False
    resets: int = 0


@dataclass
class Model:
    """What must be there: `names`, {name: Kept}; `handed`, {address: frames} without a name that hardware owns."""

    names: dict = field(default_factory=dict)
    handed: dict = field(default_factory=dict)

    def do(self, words, answer=None):
        """Do the journal's call *words*, which returned the list *answer*; None if it did not return."""
        if answer == REFUSED:
            return
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
                raise WrongMemory(f"{name} is retained for the first time but not fresh")

    def again(self, name, nbytes, answer):
        kept = self.names[name]
        if answer and (int(answer[0]), answer[1], int(nbytes)) != (kept.addr, "0", kept.nbytes):
            raise WrongMemory(f"{name}, requested again, is {answer}, not {kept}")

    def write(self, name, version, answer):
        self.names[name].checksum = None if answer is None else checksum(name, int(version), self.names[name].nbytes)

    def release(self, name, answer):
        del self.names[name]

    def map(self, name, answer):
        self.names[name].mapped = True

    def unmap(self, name, answer):
        self.names[name].mapped = False

    def differences(self, report, frame_size):
        """Return sentences about what differs in *report*. Learn from it what is not known."""
        found = []
        there = {name: fields for name, *fields in report["names"]}
        for name in there.keys() | self.names.keys():
            if name not in there or name not in self.names:
                found.append(f"{name}: is {there.get(name)}, must be {self.names.get(name)}")
                continue
            kept = self.names[name]
            addr, nbytes, resets, mapped, crc = there[name]
            kept.resets += 1
            kept.addr = addr if kept.addr is None else kept.addr
            kept.checksum = crc if kept.checksum is None else kept.checksum
            if kept != Kept(nbytes, addr, crc, mapped, resets):
                found.append(f"{name}: is {Kept(nbytes, addr, crc, mapped, resets)}, must be {kept}")
        if sorted(report["handed"]) != [[addr, n, "mapped", False] for addr, n in sorted(self.handed.items())]:
            found.append(f"hardware owns {report['handed']}, must own {self.handed}")
        owned = [[kept.addr, -(-kept.nbytes // frame_size)] for kept in self.names.values()]
        owned += [[addr, count] for addr, count in self.handed.items()]
        if sorted(report["allocated"], key=str) != sorted(owned, key=str):  # a lost name may have no address
            found.append(f"allocated: {report['allocated']}, owned: {owned}")
        return found


def checksum(name, version, nbytes):
    """Return the CRC-32 of the content that the board writes."""
    period = reset_workload.period(name, version)
    return zlib.crc32((period * (nbytes // len(period) + 1))[:nbytes])


class Run:
    """A board that works and is reset again and again; a context manager.

    *change* is source that changes the library on the board.
    """

    def __init__(self, board, seed, change=""):
        memory = memory_map(board)
        # QEMU loads it at each reset, into the upper half of the firmware's memory, which the firmware does not fill.
        base = next(base + size // 2 for name, base, size, *_ in memory["OCCUPIED"] if name == "firmware")
        self._load = f"from uctypes import bytearray_at\nexec(bytes(bytearray_at({base}, {PROGRAM.stat().st_size})))\n"
        self._change = change
        self._frame_size = memory["REGIONS"][0][3]
        path = str(PROGRAM).replace(",", ",,")
        options = ("-device", f"loader,file={path},addr={base},force-raw=on", "-accel", TRANSLATED)
        self._emulator = Qemu(board, options=options)
        self._random = random.Random(seed)
        self._model = Model()
        self._journal = []
        self._resets = 0
        self.refused = 0
        self.under_way = Counter()
        """Kind -> number of resets while a call of the journal was under way."""

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
        """Let the board work, reset it, and compare. Raise WrongMemory if something differs."""
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
                raise WrongMemory(f"the workload ended without a reset:\n{written}{error}")
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
        """Make the model follow the journal. Return the words of the call that was under way, or None."""
        call = None
        self._journal = written.split("\n")
        for line in self._journal[:-1]:  # the last one is not a complete line
            words = line.split()
            if words[:1] == ["="]:
                self.refused += words[1:] == REFUSED
                self._model.do(call, words[1:])
                call = None
            elif words and words[0] in CALLS:
                call = words
            else:
                raise WrongMemory(f"the board printed:\n{written}")
        return call

    def _compare(self, call):
        """Compare the memory with the model, with and without the call that was under way."""
        report = json.loads(self._console.execute(self._load + self._change + "report()"))
        if report["wrong"] or report["dropped"] or report["unoccupied"]:
            raise WrongMemory(f"check() returns {report['wrong']}, dropped() returns {report['dropped']}")
        before, after = self._model, deepcopy(self._model)
        if call:
            after.do(call)
            if call[0] == "write":
                before = after
        found = before.differences(report, self._frame_size)
        if found:
            differences = after.differences(report, self._frame_size)
            if differences:
                found = [f"under way: {call}", "if it was not done:", *found, "if it was done:", *differences]
                raise WrongMemory("\n".join(found))
            before = after
        self._model = before


@pytest.mark.parametrize(
    "board", [pytest.param(board, marks=pytest.mark.xdist_group(f"resets-{board}")) for board in QEMU_MACHINES]
)
def test_resets(board, amount):
    kinds = random.Random(board).choices(KINDS, k=amount)
    with Run(board, board) as run:
        for kind in kinds:
            run.reset(kind)
    assert run.refused == 0 or board == SMALL_BOARD
    made = Counter(kinds)
    for kind in KINDS:
        print(f"{board}, {kind}: {made[kind]} resets, {run.under_way[kind]} while a call was under way")
    assert run.under_way.total() > amount / 10 > 0


# It is also slow, so that a few resets suffice.
MAGIC_FIRST = """
import physmem_records, time
from machine import mem32
real_add_record = physmem_records.add_record
def add_record(address, end, *fields):
    slot = 0
    while slot < end and mem32[address + 64 * slot]:
        slot += 1
    if slot < end:
        mem32[address + 64 * slot] = 0x31524D50
        time.sleep_ms(20)
        mem32[address + 64 * slot] = 0
    return real_add_record(address, end, *fields)
physmem_records.add_record = add_record
"""

NEVER_ERASED = """
import physmem_records
def end_record(address, slot, kinds):
    kinds[slot] = 0
physmem_records.end_record = end_record
"""


@pytest.mark.parametrize("change", [MAGIC_FIRST, NEVER_ERASED], ids=["magic_first", "never_erased"])
@pytest.mark.xdist_group("resets-broken")
def test_a_broken_library_is_noticed(change):
    """A few resets find a record's magic that is stored before the rest of it, and records that are never erased."""
    with Run("MPS2_AN385", "broken", change) as run, pytest.raises(WrongMemory):
        for _ in range(200):
            run.reset("request")
