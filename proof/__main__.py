"""Prove the machine code: every theorem of the catalogue, two at a time. `make proof` calls this.

The exit status is 1 if a theorem does not hold, or was not finished.
"""

import argparse
import multiprocessing.connection
import os
import sys
import time
import traceback
from dataclasses import dataclass, field

from proof import catalogue, completeness
from proof.catalogue import SECONDS
from proof.faults import pasted
from proof.faults.example import Example
from proof.forked import Failed, Forked, NotFinished
from proof.logic.solver import Undecided
from proof.logic.theorems import Counterexample, Proof
from proof.machine import machine_code
from proof.machine.exploration import SUBROUTINES
from proof.machine.flow import Flow
from proof.machine.thumb import Fault

PROVEN, WRONG, UNFINISHED = "proven", "WRONG", "NOT FINISHED"


@dataclass
class Outcome:
    """What became of a theorem: `text` says why it is not proven. `seconds` are those of a processor."""

    part: str
    name: str
    verdict: str
    seconds: float
    text: str = ""
    proof: Proof = field(default_factory=Proof)


def decide(part, theorem):
    """Return the Outcome of a theorem."""
    begun = _processor_seconds()
    proof, text = Proof(), ""
    try:
        proof = theorem.prove() or proof
        verdict = PROVEN
    except (Counterexample, Fault) as error:
        verdict, text = WRONG, described(error)
    except Undecided as error:
        verdict, text = UNFINISHED, str(error)
    except Exception:
        verdict, text = UNFINISHED, traceback.format_exc()
    seconds = _processor_seconds() - begun
    return Outcome(part.name, theorem.name, verdict, seconds, text, proof)


def _processor_seconds():
    """Return the time that processors have worked for this process, and for those that it has started, such as QEMU."""
    return sum(os.times()[:4])


def described(error):
    """Return what is wrong: with a test that shows it if a whole call is, or else with the numbers of the example."""
    example = getattr(error, "example", {})
    if "call" in example:
        test = pasted.text(Example.of_counterexample(example), f"The proof says: {error}.")
        return f"{error}. Put this test into tests_target/test_counterexample.py:\n\n{test}"
    lines = [f"{error}"]
    for name, value in example.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key}={number:#x}" for key, number in value.items())
        lines.append(f"    {name}: {value:#x}" if isinstance(value, int) else f"    {name}: {value}")
    return "\n".join(lines)


class _Running:
    """A theorem that a process of its own is deciding."""

    def __init__(self, part, theorem):
        self.begun = time.monotonic()
        self.part, self.theorem = part, theorem
        self.process = Forked(lambda: decide(part, theorem), SECONDS)

    def outcome(self):
        """Return the Outcome. A process that has not given one is stopped."""
        try:
            return self.process.value()
        except (NotFinished, Failed) as error:
            seconds = time.monotonic() - self.begun
            return Outcome(self.part.name, self.theorem.name, UNFINISHED, seconds, str(error))


def run(parts, processes, report):
    """Return the Outcomes of all theorems of the parts. `report(outcome, number, total)` is called for each."""
    waiting = [(part, theorem) for part in parts for theorem in part.theorems]
    total, running, outcomes = len(waiting), [], []
    waiting.reverse()
    while waiting or running:
        while waiting and len(running) < processes:
            running.append(_Running(*waiting.pop()))
        answered = multiprocessing.connection.wait([each.process.pipe for each in running], 1)
        for each in [each for each in running if each.process.pipe in answered or each.process.is_late()]:
            running.remove(each)
            outcomes.append(each.outcome())
            report(outcomes[-1], len(outcomes), total)
    return outcomes


def table(parts, outcomes):
    """Return the lines of the summary: for each part how many theorems are proven, and what time of a processor it
    took."""
    rows = [("part", "theorems", "proven", "seconds", "about")]
    for part in parts:
        own = [each for each in outcomes if each.part == part.name]
        proven = [each for each in own if each.verdict == PROVEN]
        seconds = sum(each.seconds for each in own)
        rows.append((part.name, str(len(own)), str(len(proven)), f"{seconds:.0f}", part.what))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}"
        for row in rows
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=3, help="regions of up to so many words (3)")
    parser.add_argument("--quick", action="store_true", help="only what CI proves: regions of up to two words")
    parser.add_argument("--only", action="append", help="only theorems whose part and name contain this text")
    parser.add_argument("--list", action="store_true", help="list the theorems and prove nothing")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if min(arguments.depth, arguments.processes) < 1:
        parser.error("give 1 or more: --depth is a number of words, --processes one of processes")
    functions = machine_code.functions()
    code = functions["serve"], Flow(functions["serve"], SUBROUTINES)
    parts = [part for part in catalogue.parts(functions, code, arguments.depth) if part.is_quick or not arguments.quick]
    for part in parts:
        wanted = arguments.only or [""]
        part.theorems = [each for each in part.theorems if any(text in f"{part.name}: {each.name}" for text in wanted)]
    parts = [part for part in parts if part.theorems]
    if not parts:
        sys.exit(f"proof: no theorem has {' or '.join(arguments.only)} in its name: --list names them")
    if arguments.list:
        for part in parts:
            print(*(f"{part.name}: {each.name}" for each in part.theorems), sep="\n")
        return

    def report(outcome, number, total):
        text = f"\n{outcome.text}" if outcome.text else ""
        what = f"{outcome.verdict} {outcome.seconds:.1f} s  {outcome.part}: {outcome.name}"
        print(f"[{number}/{total}] {what}{text}", flush=True)

    begun = time.monotonic()
    outcomes = run(parts, arguments.processes, report)
    print(*table(parts, outcomes), sep="\n")
    failed = [each for each in outcomes if each.verdict != PROVEN]
    for each in failed:
        print(f"{each.verdict}: {each.part}: {each.name}")
    is_whole = not (failed or arguments.only or arguments.quick)
    gaps = completeness.gaps(functions["serve"], outcomes) if is_whole else []
    print(*gaps, sep="\n", end="\n" * bool(gaps))
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} theorems are proven, in {time.monotonic() - begun:.0f} s.")
    if is_whole and not gaps:
        print("A theorem executes each instruction, and a stretch begins at each point that the code comes to.")
    print("docs/proof.md says what is assumed, and what is not proven.")
    sys.exit(1 if failed or gaps else 0)


if __name__ == "__main__":
    main()
