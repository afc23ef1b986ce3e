"""Follow raw calls instruction by instruction to see how long they mask interrupts.

QEMU translates one instruction at a time and logs the address of each instruction that it executes in the library's
machine code. The code at an address tells whether the instruction sets or clears PRIMASK. The count starts after the
instruction that sets PRIMASK and includes the one that clears it.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from bench.board import BenchBoard
from bench.firmware import BenchFirmware

_SET = 0xB672  # cpsid i
_CLEAR = 0xB662  # cpsie i
_WRITE_SPECIAL = 0xF380, 0xFFF0, 0x8810  # msr PRIMASK, Rn: first halfword, its mask, second halfword
_CALL_REGISTER = 0x4780, 0xFF87  # blx Rm
_EXECUTED = re.compile(rb"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/", re.MULTILINE)


def _clears(address, halfword):
    code, mask, second = _WRITE_SPECIAL
    return halfword(address) == _CLEAR or (halfword(address) & mask == code and halfword(address + 2) == second)


def longest_masked(addresses, halfword):
    """Return the longest stretch with PRIMASK set in the executed *addresses*, in instructions; 0 if it is never set.

    *halfword* maps an address to the 16 bits of code there. Raise RuntimeError if a stretch calls a function that is
    not among the addresses, or does not end.
    """
    longest = 0
    length = None
    before = None
    for address in addresses:
        if length is not None:
            length += 1
            if halfword(before) & _CALL_REGISTER[1] == _CALL_REGISTER[0] and address == before + 2:
                raise RuntimeError(f"the call at {before:#x} runs with interrupts masked and cannot be followed")
        if halfword(address) == _SET and length is None:
            length = 0
        elif length is not None and _clears(address, halfword):
            longest = max(longest, length)
            length = None
        before = address
    if length is not None:
        raise RuntimeError("interrupts are still masked after the call")
    return longest


def one_at_a_time():
    """Return the QEMU options that make it translate one instruction at a time."""
    version = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True).stdout
    release = [int(number) for number in re.search(r"version (\d+)\.(\d+)", version).groups()]
    return ["-singlestep"] if release < [8, 1] else ["-accel", "tcg,one-insn-per-tb=on"]


class TracedBoard(BenchBoard):
    """The board with a log of what it executes in the library's machine code; a context manager."""

    def __init__(self):
        self._firmware = BenchFirmware()
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "executed"
        first = min(address for address, _ in self._firmware.machine_code)
        last = max(address + size for address, size in self._firmware.machine_code) - 1
        options = [*one_at_a_time(), "-d", "exec,nochain", "-dfilter", f"{first:#x}..{last:#x}", "-D", str(self._log)]
        super().__init__(options)

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self._folder.cleanup()

    def executed(self, call, *arguments):
        """Return the addresses that one raw call executes on the bitmap of masked.set_up; None if there is no room."""
        if not self.run("masked.prepare", call, *arguments):
            return None
        with open(self._log, "rb") as log:
            log.seek(0, 2)
            self.run("masked.once")
            addresses = [int(address, 16) for address in _EXECUTED.findall(log.read())]
        self.run("masked.undo")
        return addresses

    def longest_masked(self, call, *arguments):
        """Return the longest stretch with interrupts masked in that call, in instructions; None if there is no room."""
        addresses = self.executed(call, *arguments)
        return None if addresses is None else longest_masked(addresses, self._firmware.halfword)
