"""What a processor makes of Cases: QEMU executes them, one run for all."""

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from proof.qemu.bare_image import INPUT, OUTPUT, RECORD, image, record_of
from proof.qemu.cases import MEMORY_WORDS

_QEMU = "qemu-system-arm"
_SECONDS = 300
_THUMB = 1 << 24  # in xPSR


class Machine:
    """A machine of QEMU; `arena`: memory of it that the image does not use otherwise, for the code of Cases."""

    def __init__(self, name, core, arena):
        self.name = name
        self.core = core
        self.arena = arena


MACHINES = (
    Machine("mps2-an385", "Cortex-M3", range(0x21000000, 0x22000000)),
    Machine("microbit", "Cortex-M0", range(0x20001000, 0x20004000)),
)


class Outcome:
    """Registers, flags and memory where a Case goes on, at the address `pc`. `is_thumb` is false after a jump that
    leaves Thumb code, which no Cortex-M can."""

    def __init__(self, record):
        words = RECORD.unpack(record)
        self.memory, registers = words[:MEMORY_WORDS], words[MEMORY_WORDS:]
        self.registers = registers[:15]
        self.pc, status, self.is_masked = registers[15], registers[16], bool(registers[17])
        self.flags = tuple(bool(status >> place & 1) for place in (31, 30, 29, 28))
        self.exception = status & 0x1FF
        self.is_thumb = bool(status & _THUMB)


def outcomes(machine, cases):
    """Return the Outcome of each Case on a Machine. SystemExit if QEMU is missing or does not come to an end."""
    if shutil.which(_QEMU) is None:
        raise SystemExit(f"proof: {_QEMU} is missing, which executes the instructions: install Debian's {_QEMU}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "image").write_bytes(image(machine.arena))
        (folder / INPUT).write_bytes(b"".join(map(record_of, cases)))
        command = [_QEMU, "-machine", machine.name, "-kernel", "image", "-semihosting", "-display", "none"]
        command += ["-serial", "none", "-monitor", "none"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
            said = done.stderr.strip() or f"it exited with {done.returncode}"
        except subprocess.TimeoutExpired:
            said = f"it has not finished after {_SECONDS} s"
        results = folder / OUTPUT
        records = results.read_bytes() if results.exists() else b""
    if len(records) != len(cases) * RECORD.size:
        number = len(records) // RECORD.size
        at = f"{cases[number].text()} with {cases[number].inputs()}" if number < len(cases) else "the end"
        raise SystemExit(f"proof: QEMU's {machine.name} stops at {at}: {said}")
    return [Outcome(record) for (record,) in struct.iter_unpack(f"{RECORD.size}s", records)]
