"""Does the proof notice a fault? One instruction of the assembler is changed at a time: `make proof-mutants`.

The theorems that execute the instruction run on the changed code, the cheapest first, until one of them does not hold
any more. That *kills* the mutant. Of one that survives all, twins.py tries to prove that it is the same as the code
that is shipped. If it is not, it is a gap of the proof. The result is written into docs/proof_mutants.md. The exit
status is 1 if there is a gap.

What becomes of a mutant is kept in build/proof, so the run can be stopped and goes on where it was. A result counts
only for the code and the proof that it was made with. After a change of the proof, the theorem that has killed a mutant
is tried first.
"""

import argparse
import hashlib
import json
import random
import sys
import time
from collections import Counter

from proof.faults import executed, hunt, mutations
from proof.faults.twins import Differs, same_ends, same_in
from proof.forked import Failed, NotFinished, limited
from proof.logic.theorems import Counterexample
from proof.machine import machine_code
from proof.machine.exploration import SUBROUTINES
from proof.machine.machine_code import ROOT
from proof.machine.thumb import Fault
from page_marks import write_between

PAGE = ROOT / "docs" / "proof_mutants.md"
RESULTS = ROOT / "build" / "proof" / "mutants.json"
FIRST, LAST = "<!-- Written by make proof-mutants. -->\n", "<!-- End of what make proof-mutants writes. -->\n"
SEED = 18
MANY = 300  # a room with as many possible mutants gets three of them, any other two
DEPTH = 2  # words of the largest regions whose theorems are tried
LEAST_SECONDS, TIMES_AS_LONG = 60, 5  # a theorem may take so long, and so much longer than on the code that is shipped
HUNT_SECONDS = 60
KILLED, SAME, GAP = "killed", "the same", "GAP"
_MORE_THAN_A_WORD = 33  # frames
_ENTRIES = "entries"  # these theorems do not say what they execute


def seeded(functions):
    """Return the Mutants that are tried: the same each time for the same code."""
    found = []
    for function in functions.values():
        for room, all_of_room in mutations.mutants(function).items():
            count = 3 if len(all_of_room) >= MANY else 2
            found += mutations.chosen(all_of_room, count, random.Random(f"{SEED} {room}"))
    return found


class Trial:
    """What becomes of mutants. `table`: what each theorem executes, on the code that is shipped."""

    def __init__(self, functions, table):
        self._functions, self._table = functions, table

    def of(self, mutant, hint=None):
        """Return {"verdict", "by", "what", "seconds"} of a Mutant: by which theorem it is killed, and what that says.
        `hint`: the name of a theorem to try first."""
        begun, late = time.perf_counter(), []
        verdict, by, what = self._tried(mutant, late, hint)
        if not verdict:
            verdict, by, what = self._survivor(mutant, late)
        return {"verdict": verdict, "by": by, "what": what, "seconds": time.perf_counter() - begun}

    def _tried(self, mutant, late, hint):
        """Return (verdict, by, what) if a theorem kills the Mutant; the verdict is None if none does. That of the
        `hint` runs first. Those that are not finished go into `late`, with their reasons."""
        for key, theorem, seconds in sorted(self._relevant(mutant), key=lambda each: each[0] != hint):
            try:
                limited(theorem.prove, seconds, (Counterexample, Fault))
            except (Counterexample, Fault) as error:
                return KILLED, key, str(error)
            except (NotFinished, Failed) as error:
                late.append(f"{key}: {str(error).strip().splitlines()[-1]}")
        return None, "", ""

    def _relevant(self, mutant):
        """Return [(name, Theorem on the mutant, seconds it may take)] of those that execute the instruction."""
        other, found = mutant.applied(self._functions[mutant.function]), []
        for part in executed.parts(self._functions, other, DEPTH):
            for theorem in part.theorems:
                key = f"{part.name}: {theorem.name}"
                known = self._table.get(key)
                is_of_function = executed.function_of(part, theorem) == mutant.function
                if known and is_of_function and self._executes(known, part, mutant):
                    found.append((_cost(part.name, known.seconds), key, theorem, known.seconds))
        found.sort(key=lambda each: each[0])
        return [(key, theorem, max(LEAST_SECONDS, TIMES_AS_LONG * seconds)) for _, key, theorem, seconds in found]

    def _executes(self, known, part, mutant):
        labels = self._functions[mutant.function].labels
        if known.addresses is None:
            return part.name == _ENTRIES and mutant.address < labels["FEW"]
        if mutant.before.startswith("entry"):  # of a table: what reads it is of its room
            return any(labels["FEW"] <= address < labels["NO_FEW"] for address in known.addresses)
        return mutant.address in known.addresses

    def _survivor(self, mutant, late):
        """Return (verdict, by, what) of a Mutant that no theorem kills."""
        not_same = f"not finished: {', '.join(late)}"
        if not late:
            by, what, not_same = self._same(mutant)
            if not not_same:
                return SAME, by, what
        other = mutant.applied(self._functions[mutant.function])
        for is_direct in (True, False) if mutant.function == "serve" else ():
            if found := hunt.Hunt(other, SEED, is_direct, has_handlers=True).find(HUNT_SECONDS):
                return GAP, "random calls only", f"{found}; {not_same}"
        return GAP, "nothing", not_same

    def _same(self, mutant):
        """Return (by, what, why not) of a Mutant in each theorem that executes it; the last is empty if it is the same
        as the code in all of them: at each state, or in regions of one word at the ends of whole calls."""
        states, names, why_not = self._equal_states(mutant, 1)
        if not why_not:
            return f"twins in {names} theorems", f"{states} pairs of states are equal", ""
        states, names, still = self._equal_states(mutant, _MORE_THAN_A_WORD)
        if still:
            return "", "", why_not
        ends, calls, why_not = self._equal_ends(mutant)
        by = f"twins in {names} theorems on more than one word, the ends of {calls} on one word"
        return by, f"{states} pairs of states and {ends} of ends are equal", why_not

    def _equal_states(self, mutant, least_frames):
        """Return (states, theorems, why not) of the theorems on regions of any size, with at least so many frames, or
        of those on small regions if there are no others."""
        function = self._functions[mutant.function]
        other, subroutines = mutant.applied(function), SUBROUTINES if mutant.function == "serve" else ()
        relevant = self._relevant(mutant)
        any_size = [each for each in relevant if not _words(each[0])]

        def compare(prove):
            return same_in(prove, function, other, mutant.address, subroutines, least_frames)

        return self._equal(any_size or relevant, compare)

    def _equal_ends(self, mutant):
        """Return (ends, theorems, why not) of the theorems on whole calls in regions of one word."""
        other = mutant.applied(self._functions[mutant.function])
        relevant = [each for each in self._relevant(mutant) if _words(each[0]) == 1]
        return self._equal(relevant, lambda prove: same_ends(prove, other, SUBROUTINES))

    def _equal(self, relevant, compare):
        """Return (sum of what `compare` returns, theorems, why not) of the theorems, on the code as it is."""
        parts = executed.parts(self._functions, self._functions["serve"], DEPTH)
        theorems = {f"{part.name}: {each.name}": each for part in parts for each in part.theorems}
        compared = 0
        for number, (key, _, seconds) in enumerate(relevant):
            try:
                prove = theorems[key].prove
                compared += limited(lambda prove=prove: compare(prove), TIMES_AS_LONG * seconds, (Differs,))
            except (Differs, Failed, NotFinished) as error:
                return compared, number, f"{key}: {str(error).strip().splitlines()[-1]}"
        return compared, len(relevant), "" if compared else "no theorem executes it"


def _words(key):
    """Return of how many words the regions are that a theorem with this name is about; 0: of any number."""
    words = [int(word) for word in key.partition(":")[0].replace(",", "").split() if word.isdigit()]
    return words[0] if words else 0


def _cost(part, seconds):
    """Return by what the theorems are sorted: those for regions of any size first, then by words, then by time."""
    return _words(part), seconds


def digest(function, mutant):
    """Return what a result is kept for: the code, and the change."""
    text = f"{mutant.address} {mutant.code.hex()}".encode()
    return hashlib.sha256(function.code + text).hexdigest()[:16]


def page_of(mutants, results, version):
    """Return the lines of the page between its marks. `version`: of the code and the proof."""
    verdicts = Counter(result["verdict"] for result in results)
    lines = [
        f"**{len(mutants)} mutants in {len({mutant.room for mutant in mutants})} rooms: "
        f"{verdicts[KILLED]} killed, {verdicts[SAME]} the same as the code, {verdicts[GAP]} gaps of the proof.**",
        "",
        f"Of the code and the proof with the digest `{version}`; `make proof-mutants` prints today's first.",
        f"The seed is {SEED}.",
        "",
        "| what is changed | mutants | killed | the same | gaps |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, text in mutations.KINDS.items():
        of_kind = [result["verdict"] for mutant, result in zip(mutants, results) if mutant.kind == kind]
        if of_kind:
            counts = (of_kind.count(verdict) for verdict in (KILLED, SAME, GAP))
            lines.append(f"| {text} | {len(of_kind)} | {' | '.join(map(str, counts))} |")
    lines += ["", "| room | line | instruction | becomes | result | by | seconds |", "|---|---|---|---|---|---|---:|"]
    for mutant, result in zip(mutants, results):
        by = f"{result['by']}: {result['what']}" if result["verdict"] != KILLED else result["by"]
        cells = (mutant.room, mutant.place, f"`{mutant.before}`", f"`{mutant.after}`", result["verdict"], by)
        lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + f" | {result['seconds']:.0f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", action="append", help="only mutants of this room, and no page")
    parser.add_argument("--list", action="store_true", help="list the mutants and try none")
    parser.add_argument("--draft", action="store_true", help="take the table of an older proof; write no page")
    arguments = parser.parse_args()
    functions = machine_code.functions()
    made_with = executed.version(functions)
    print(f"The code and the proof have the digest {made_with}.", flush=True)
    made_with = "draft" if arguments.draft else made_with
    mutants = [mutant for mutant in seeded(functions) if not arguments.room or mutant.room in arguments.room]
    if not mutants:
        sys.exit(f"proof: there is no room {' or '.join(arguments.room)}: firmware/thumb/serve.py has their names")
    if arguments.list:
        print(*(f"{mutant.room}: {mutant}" for mutant in mutants), sep="\n")
        return
    trial = Trial(functions, executed.table(functions, DEPTH, arguments.draft))
    results = []
    for number, mutant in enumerate(mutants, 1):
        key, known = digest(functions[mutant.function], mutant), _kept()
        result = known.get(key, {})
        if result.get("version") != made_with:
            result = {"version": made_with, **trial.of(mutant, result.get("by"))}
            RESULTS.write_text(json.dumps({**_kept(), key: result}, indent=1))
        results.append(result)
        print(
            f"[{number}/{len(mutants)}] {mutant.room}: {mutant}\n"
            f"    {result['verdict']} by {result['by']} in {result['seconds']:.0f} s: {result['what']}",
            flush=True,
        )
    if not arguments.room and not arguments.draft:
        write_between(PAGE, FIRST, LAST, "\n" + "\n".join(page_of(mutants, results, made_with)) + "\n\n")
    gaps = [mutant for mutant, result in zip(mutants, results) if result["verdict"] == GAP]
    for mutant in gaps:
        print(f"{GAP}: {mutant.room}: {mutant}")
    sys.exit(1 if gaps else 0)


def _kept():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


if __name__ == "__main__":
    main()
