"""The emulator of the RP2040 executes the frequent instructions itself: each does exactly what rp2040js does.

"Exactly" is the registers, the flags, the memory, the accesses to the rest of the chip, the cycles and the faults.
"""

import json
import subprocess

from emulated_board import ROOT

ROUNDS = 2
OPCODES = 0x10000
PROGRAM = ROOT / "tests_host" / "programs" / "compare_instructions.mjs"


def compared():
    """Return the lines that the comparison of all opcodes prints, and its counts."""
    command = ["node", PROGRAM, str(ROUNDS)]
    *lines, last = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return lines, json.loads(last)


def test_each_opcode_does_what_it_does_in_rp2040js():
    lines, counts = compared()
    assert counts["compared"] == ROUNDS * OPCODES
    assert counts["different"] == 0, "\n".join(lines)
    # More than a third of the opcodes is undefined or 32 bits wide, and an interrupt may be pending in a quarter.
    assert counts["direct"] > counts["compared"] / 2
