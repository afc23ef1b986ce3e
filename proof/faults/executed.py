"""Which instructions each theorem executes, and how long it takes: on the code that is proven.

A fault in an instruction can break only theorems that execute it. The table is kept in build/proof, for the code and
the proof that it was made of: `version` says what counts.
"""

import ast
import hashlib
import json
import time
from dataclasses import dataclass

from proof import catalogue
from proof.catalogue import SECONDS
from proof.forked import Failed, NotFinished, limited
from proof.logic.theorems import Counterexample
from proof.machine.exploration import SUBROUTINES
from proof.machine.flow import Flow
from proof.machine.machine_code import ROOT
from proof.machine.thumb import Fault

PATH = ROOT / "build" / "proof" / "executed.json"
BESIDE = "beside serve"  # the part about the other functions: the name of a theorem there begins with its function's
_OTHERS = ("instructions", "lemmas")  # parts that are not about the code of the firmware's functions
_OF_PROOF = ("logic", "machine", "contract", "any_size", "whole")  # folders of proof/ that decide what is proven


@dataclass
class Execution:
    """What a theorem executes: addresses in a function. None if it does not say."""

    seconds: float
    addresses: frozenset | None


def parts(functions, function, depth):
    """Return the Parts of the catalogue that are about the functions of the firmware, with one Function in the place of
    that of the same name."""
    functions = {**functions, function.name: function}
    code = functions["serve"], Flow(functions["serve"], SUBROUTINES)
    found = catalogue.parts(functions, code, depth)
    return [
        part for part in found if part.name not in _OTHERS and not part.name.startswith(("source", "specification"))
    ]


def function_of(part, theorem):
    """Return the name of the function whose code a Theorem of a Part executes."""
    return theorem.name.partition(",")[0] if part.name == BESIDE else "serve"


def version(functions):
    """Return a text that changes with the code of the functions, and with the proof: its programs and what the rooms
    say of their points. Comments and docstrings do not count; nor does the catalogue, which only names theorems."""
    files = sorted((ROOT / "firmware" / "thumb").glob("*.py"))
    for folder in _OF_PROOF:
        files += sorted((ROOT / "proof" / folder).glob("*.py"))
    digest = hashlib.sha256(b"".join(function.code for function in functions.values()))
    for path in files:
        digest.update(f"{path.name} {_without_docstrings(path.read_text())}".encode())
    return digest.hexdigest()[:16]


def _without_docstrings(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            del node.body[0]
    return ast.dump(tree)


def table(functions, depth, is_draft=False, report=print):
    """Return {"part: theorem": Execution} of the theorems for regions of up to `depth` words. Prove those that are not
    in the table yet. Raise SystemExit if one is not proven. `is_draft`: what an older proof has left in the table will
    do, and a theorem that is not proven is left out."""
    kept, now, wrong = _kept(functions, is_draft), {}, []
    for part in parts(functions, functions["serve"], depth):
        for theorem in part.theorems:
            key = f"{part.name}: {theorem.name}"
            if key not in kept["theorems"]:
                seconds, addresses, why_not = _executed(theorem)
                report(f"{key}: {why_not or 'proven'} in {seconds:.1f} s", flush=True)
                if why_not:
                    wrong.append(key)
                    continue
                kept["theorems"][key] = seconds, addresses
                PATH.parent.mkdir(parents=True, exist_ok=True)
                PATH.write_text(json.dumps(kept))
            seconds, addresses = kept["theorems"][key]
            now[key] = Execution(seconds, frozenset(addresses) or None)
    if wrong and not is_draft:
        raise SystemExit(
            f"proof: not proven of the code as it is: {', '.join(wrong)}: see make proof, and mend that first"
        )
    return now


def _kept(functions, is_draft):
    made_of = version(functions)
    kept = json.loads(PATH.read_text()) if PATH.exists() else {}
    is_usable = kept.get("version") == made_of or is_draft and kept
    return kept if is_usable else {"version": made_of, "theorems": {}}


def _executed(theorem):
    """Return (seconds, addresses, why not) of a theorem; why it is not proven is empty if it is."""
    begun = time.perf_counter()
    try:
        proof = limited(theorem.prove, SECONDS, (Counterexample, Fault))
    except (Counterexample, Fault, Failed, NotFinished) as error:
        return time.perf_counter() - begun, [], f"NOT PROVEN: {str(error).strip().splitlines()[-1]}"
    return time.perf_counter() - begun, sorted(proof.executed), ""
