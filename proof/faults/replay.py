"""Show a fault of the assembler as a test that fails: a map and a call, replayed on CPython and on QEMU.

``python -m proof.faults.replay --room few`` plants the room's fault, runs the theorem that finds it, makes a test of
the counterexample, and runs that test four times: on CPython with the engine in Python and with the faulty machine
code, and on MPS2_AN385 under QEMU with its firmware and with the faulty one. Without ``--room`` it does so for each
room, and writes the table of docs/proof_mutants.md. ``--change 0x0e00=0x3921`` puts that half word at that
address instead, and takes the first example that a theorem on small regions or random calls find. The exit status is 1
if something comes otherwise.
"""

import argparse
import difflib
import sys
import time

from proof.faults import beside_calls, executed, hunt, mutations, planted, replay_board, replay_host, simplified
from proof.faults.beside_calls import BesideCall
from proof.faults.example import Example
from proof.faults.mutations import Mutant
from proof.faults.replay_host import FAILS, GOES_DOWN, PASSES
from proof.forked import Failed, NotFinished, limited
from proof.logic.theorems import Counterexample
from proof.machine import machine_code
from proof.machine.thumb import Fault
from page_marks import write_between

PAGE = machine_code.ROOT / "docs" / "proof_mutants.md"
FIRST, LAST = "<!-- Written by make proof-replay. -->\n", "<!-- End of what make proof-replay writes. -->\n"
DEPTH = 2  # words of the largest regions whose theorems find the planted faults
SECONDS = 600  # for the theorem that finds a planted fault
SMALL_SECONDS = 60  # for a theorem on small regions that may show it as well
ALL_SMALL_SECONDS = 300  # for all of these
_SEED = 18


class NoExample(Exception):
    """There is no example of a whole call: the message says of what."""


def found_by(functions, faulty, key):
    """Return what a theorem finds in faulty code: a Counterexample or a Fault. Raise NoExample if it is proven, or not
    finished."""
    try:
        limited(theorem(functions, faulty, key).prove, SECONDS, (Counterexample, Fault))
    except (Counterexample, Fault) as error:
        return error
    except (NotFinished, Failed) as error:
        raise NoExample(f"{key}: {error}") from None
    raise NoExample(f"{key} is proven, in spite of the fault")


def theorem(functions, function, key):
    """Return the Theorem with this name, "part: theorem", on the code of a Function. Raise SystemExit if there is
    none."""
    parts = executed.parts(functions, function, DEPTH)
    theorems = {f"{part.name}: {each.name}": each for part in parts for each in part.theorems}
    if key not in theorems:
        near = " or ".join(difflib.get_close_matches(key, theorems, 3, 0)) or "none"
        sys.exit(
            f'proof: there is no theorem "{key}"; the names that are nearest: {near}: write one of those that '
            "`python -m proof --list` prints into proof/faults/planted.py"
        )
    return theorems[key]


def example_of(error):
    """Return the Example that a theorem has found; None if it knows only a part of one."""
    numbers = getattr(error, "example", {})
    return Example.of_counterexample(numbers) if "state" in numbers else None


def whole_call(functions, faulty, mutant):
    """Return (Example, where it is from) of a fault that only a proof of a stretch of the code has found: from a
    theorem on small regions that it breaks as well, or else from random calls. Raise NoExample if there is none."""
    deadline = time.monotonic() + ALL_SMALL_SECONDS
    for part in executed.parts(functions, faulty, 3):
        if part.name not in ("1 word", "2 words", "3 words") or mutant.address < faulty.labels["FEW"]:
            continue  # these theorems do not go through the entries of direct calls
        for each in part.theorems:
            seconds = min(SMALL_SECONDS, deadline - time.monotonic())
            if seconds <= 0 or "lock" in each.name:
                continue
            try:
                limited(each.prove, seconds, (Counterexample,))
            except Counterexample as error:
                if (example := example_of(error)) and hunt.of_example(example, faulty):
                    return example, f"{part.name}: {each.name}"
            except (NotFinished, Failed):
                pass  # the next one may be quicker
    for is_direct in (True, False):
        if found := hunt.Hunt(faulty, _SEED, is_direct).find():
            return found.example, "random calls"
    raise NoExample(f"neither a small region nor random calls show {mutant}")


class Replay:
    """A `call`, as text, and the Outcomes of the `text` of a test: `predicted` with the machine code on CPython,
    `right` with the engine there, `on_board` with the faulty firmware, `right_on_board` with the firmware as it is."""

    def __init__(self, call, text, faulty):
        self.call, self.text = call, text
        self.predicted = replay_host.outcome(self.text, faulty)
        self.right = replay_host.outcome(self.text)
        self.right_on_board = replay_board.outcome(self.text)
        self.on_board = replay_board.outcome(self.text, faulty)

    @classmethod
    def of_example(cls, example, faulty, why):
        """Return the Replay of an Example that is made as simple as it can be."""
        simple = simplified.smallest(example, faulty).example
        text, _ = simplified.test(simple, faulty, why)
        return cls(f"`{simple.call}` of {simple.map.frames} frames", text, faulty)

    def is_as_predicted(self):
        """Return whether the right code passes on both, and the faulty one fails in the same way on both. If the
        processor goes down, nobody can say what comes of it."""
        is_same = self.predicted.kind == self.on_board.kind in (FAILS, GOES_DOWN)
        if self.predicted.kind == FAILS:
            is_same = self.predicted == self.on_board
        return self.right.kind == self.right_on_board.kind == PASSES and is_same

    def __str__(self):
        return "\n".join(
            [
                self.text,
                f"CPython, the engine in Python: {self.right}",
                f"CPython, the faulty machine code: {self.predicted}",
                f"MPS2_AN385, its firmware: {self.right_on_board}",
                f"MPS2_AN385, the faulty firmware: {self.on_board}",
                "as predicted" if self.is_as_predicted() else "NOT as predicted",
            ]
        )


class OfRoom:
    """The planted fault of a room, what the proof says of it, in how many seconds, where the example is from, and its
    Replay; None if no test can show it."""

    def __init__(self, functions, room):
        self.room, self.theorem = room, planted.FAULTS[room].theorem
        self.mutant = planted.of_room(functions, room)
        faulty, begun = self.mutant.applied(functions[self.mutant.function]), time.perf_counter()
        error = found_by(functions, faulty, self.theorem)
        self.what, self.seconds = str(error).partition(": {")[0], time.perf_counter() - begun
        self.source, self.replay = "the theorem", None
        why = f"{self.theorem}: {self.what}"
        if self.mutant.function == "serve":
            example = example_of(error)
            if not example or not hunt.of_example(example, faulty):
                example, self.source = whole_call(functions, faulty, self.mutant)
            self.replay = Replay.of_example(example, faulty, why)
        elif planted.FAULTS[room].is_visible:
            call = BesideCall.of_counterexample(error.example)
            self.replay = Replay(f"`{call}`", beside_calls.text(call, why), faulty)

    def is_as_predicted(self):
        return not self.replay or self.replay.is_as_predicted()

    def __str__(self):
        return (
            f"{self.room}: {self.mutant}\nfound by {self.theorem} in {self.seconds:.1f} s: {self.what}\n"
            f"the example is from {self.source}\n\n{self.replay or 'no test can show it'}\n"
        )

    def row(self):
        mutant, replay = self.mutant, self.replay
        cells = [
            self.room,
            mutant.place,
            f"`{mutant.before}` → `{mutant.after}`",
            f"{self.theorem} ({self.seconds:.0f} s)",
        ]
        if replay:
            cells += [
                f"{replay.call}, from {self.source}",
                str(replay.predicted).replace("counterexample: ", "check(): "),
                "the same" if replay.is_as_predicted() else str(replay.on_board),
            ]
        else:
            cells += ["no test can show it", "", ""]
        return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"


def table(rooms):
    head = ("room", "line", "fault", "found by", "call", "CPython, faulty machine code", "QEMU, faulty firmware")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + [each.row() for each in rooms]


def changed(function, text):
    """Return the Mutant of a change such as "0x0e00=0x3921"."""
    address, half = (int(number, 16) for number in text.split("="))
    if address not in function.lines:
        raise SystemExit(f"proof: {address:#x} is not the address of an instruction: build/thumb/listing.txt has them")
    code = half.to_bytes(2, "little")
    before = mutations.text_at(function, address)
    line = function.lines[address]
    return Mutant("", line.where, address, "given", before, f"{half:#06x}", code)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", action="append", help="a room of firmware/thumb/serve.py")
    parser.add_argument("--change", metavar="ADDRESS=HALF_WORD", help="both as hexadecimal numbers")
    arguments = parser.parse_args()
    functions = machine_code.functions()
    function = functions["serve"]
    if arguments.change:
        mutant = changed(function, arguments.change)
        faulty = mutant.applied(function)
        try:
            example, source = whole_call(functions, faulty, mutant)
            replay = Replay.of_example(example, faulty, f"{mutant}, found by {source}")
        except (NoExample, ValueError) as error:
            sys.exit(f"proof: {error}")
        print(replay)
        sys.exit(0 if replay.is_as_predicted() else 1)
    unknown = set(arguments.room or ()) - planted.FAULTS.keys()
    if unknown:
        sys.exit(f"proof: there is no room {', '.join(unknown)}: give one of {', '.join(planted.FAULTS)}")
    done, failed = [], []
    for room in arguments.room or planted.FAULTS:
        try:
            found = OfRoom(functions, room)
            print(found, flush=True)
            done.append(found)
            if not found.is_as_predicted():
                failed.append(room)
        except (NoExample, ValueError) as error:
            print(f"{room}: {error}", flush=True)
            failed.append(room)
    missing = {room for name in functions for room in mutations.rooms(name)} - planted.FAULTS.keys()
    if not arguments.room:
        failed += sorted(missing)
        write_between(PAGE, FIRST, LAST, "\n" + "\n".join(table(done)) + "\n\n")
    print(f"Not as predicted: {', '.join(failed) or 'no room'}.")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
