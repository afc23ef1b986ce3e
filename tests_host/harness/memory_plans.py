"""Make one module of all memory plans, so that tests on any board can use the plans of the others.

It is made from boards/*/physmem_board.py whenever tests run: a new board is in it, and no plan stands anywhere twice.
"""

import re
import runpy
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "memory_plans"
PATH = FOLDER / "memory_plans.py"
CHIP = re.compile(r"\b(STM32[A-Z]\d{3}|RP2\d{3}|AN\d{3})")


def plans():
    """Return the plans of all boards, by name: what `boot` reads, the board's name, and the chip's, which the first
    line of each plan has. Without one it is the board's name."""
    found = []
    for path in sorted((ROOT / "boards").glob("*/physmem_board.py")):
        plan = runpy.run_path(str(path))
        chip = CHIP.search(plan["__doc__"].partition("\n")[0])
        found.append(
            {
                "board": path.parent.name,
                "chip": chip[1] if chip else path.parent.name,
                "regions": plan["REGIONS"],
                "occupied": plan["OCCUPIED"],
                "records": plan.get("RETAINED_RECORDS"),
                "masters": plan.get("BUS_MASTERS", ()),
                "line": plan.get("CACHE_LINE", 32),
            }
        )
    return found


def write():
    """Write the module `memory_plans` if it is not up to date, and return its path."""
    lines = ['"""The memory plans of boards/, made by tests_host/harness/memory_plans.py."""', "", "PLANS = ("]
    text = "\n".join([*lines, *(f"    {plan!r}," for plan in plans()), ")", ""])
    if not PATH.exists() or PATH.read_text() != text:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=FOLDER, delete=False) as unfinished:
            unfinished.write(text)
        Path(unfinished.name).replace(PATH)  # at once: another worker may be reading it
    return PATH
