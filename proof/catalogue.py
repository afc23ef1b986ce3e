"""All theorems, in parts. The quick parts are what CI proves."""

from dataclasses import dataclass

from proof.any_size import class_theorems, few_searches, lemmas, long_searches, releasing, taking
from proof.contract import unique
from proof.logic.theorems import Counterexample, Proof, Theorem, from_stretches
from proof.qemu import instructions
from proof.source import changes, constraints, repairs, resizing, searches, source_checks, viper_checks
from proof.whole import beside, entries, small_regions
from proof.worst import limits as worst_cases

SECONDS = 1200  # that a theorem may take
CASES_OF_INSTRUCTIONS = 400  # for each form
CALLS_OF_SOURCE = 300
PAIRS_OF_NUMBERS = 500
SOURCE = searches, repairs, changes, constraints, resizing


@dataclass
class Part:
    """Theorems of one kind: `what` they are about, and whether CI proves them."""

    name: str
    what: str
    theorems: list
    is_quick: bool


def _instructions(functions, cases):
    def prove():
        report = instructions.compare(functions, cases, seed=1)
        if report.differences:
            raise Counterexample("the interpreter is not QEMU", {"difference": str(report.differences[0])})
        return Proof()

    return Theorem("each instruction, as QEMU executes it", prove)


def parts(functions, code, depth):
    """Return the Parts: with regions of up to `depth` words."""
    small, any_size = "1 to 32 frames, at a multiple of up to 32", "in regions of any size"
    found = [
        Part("instructions", "the interpreter", [_instructions(functions, CASES_OF_INSTRUCTIONS)], True),
        Part("source evaluator", "what reads lib/, tried", list(_evaluator()), True),
        Part("lemmas", "what the proofs rely on", list(lemmas.theorems(code)), True),
        Part("entries", "the direct calls, with any words as arguments", entries.theorems(*code), True),
        Part("beside serve", "locks that are held for longer, fill, barriers", list(beside.theorems(functions)), True),
        Part(
            "few frames", f"searches for {small}, {any_size}", list(from_stretches(few_searches.stretches(code))), True
        ),
        Part(
            "many frames", f"all other searches, {any_size}", list(from_stretches(long_searches.stretches(code))), True
        ),
        Part(
            "taking",
            f"alloc_at, and the ends of searches, {any_size}",
            list(from_stretches(taking.stretches(code))),
            False,
        ),
        Part("releasing", f"free, {any_size}", list(from_stretches(releasing.stretches(code))), False),
        Part("classes", f"planes and tops, {any_size}", list(from_stretches(class_theorems.stretches(code))), False),
        Part("worst cases", "the most instructions, up to 32,768 frames", list(worst_cases.theorems(code)), False),
    ]
    for words in range(1, depth + 1):
        name = f"{words} word" + "s" * (words > 1)
        whole = list(small_regions.theorems(code, words))
        found.append(Part(name, "each call as a whole, and power cuts in it", whole, words <= 2))
        if words == 1:
            locked = list(small_regions.theorems_with_locks(code, words))
            found.append(Part(f"locks, {name}", "the same with a lock, and in a handler", locked, False))
        own = [each for module in SOURCE for each in module.theorems(words)]
        found.append(Part(f"source, {name}", "functions of lib/, and power cuts in them", own, words == 1))
        answers = list(unique.theorems(words))
        found.append(Part(f"specification, {name}", "it allows one outcome", answers, words == 1))
    return found


def _evaluator():
    yield source_checks.theorem(CALLS_OF_SOURCE)
    yield viper_checks.theorem(PAIRS_OF_NUMBERS)
