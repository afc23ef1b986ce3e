"""The machine code that is proven: the bytes in the firmware, as mpy-cross has made them, and what they come from.

The rooms of firmware/thumb say which bytes are instructions and which are tables, and where the labels are.
"""

import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

from expand_thumb import constants, with_layout  # noqa: E402  (scripts/ has no package)
from thumb_rooms import Rooms  # noqa: E402

ROOMS = Rooms(ROOT / "firmware" / "thumb")
FIRMWARE = ROOT / "build" / "MPS2_AN385" / "firmware.elf"
SERVE = "fun_data_physmem_thumb_physmem_thumb_dot_py"  # the first function; the others have a number behind it


class Function:
    """`code`: the bytes of a function; `lines`: {address: Line} of its instructions; `labels`: {name: address}.

    Addresses are bytes from the start of the function.
    """

    def __init__(self, name, code, lines):
        self.name = name
        self.code = code
        self.lines = {line.address: line for line in lines if line.name != "label"}
        self.labels = {line.label(): line.address for line in lines if line.name == "label"}

    def label_before(self, address):
        """Return the last label at the address or before it; the name of the function if there is none."""
        names = [name for name, at in self.labels.items() if at <= address]
        return max(names, key=lambda name: self.labels[name]) if names else self.name

    def place(self, address):
        """Return which line of which file of firmware/thumb the instruction at the address comes from, as text."""
        line = self.lines.get(address)
        return f"{self.label_before(address)}, {line.where if line else 'the prologue or the end'}"

    def with_code(self, code):
        """Return the same function with other bytes: a mutant."""
        other = object.__new__(Function)
        other.__dict__ = {**self.__dict__, "code": bytes(code)}
        return other


def offsets():
    """Return {name: value} of the constants of the assembler: offsets in bytes into a state, and others."""
    thumb = (ROOT / "lib" / "physmem_thumb.py").read_text()
    return constants(with_layout(thumb, (ROOT / "lib" / "physmem_engine.py").read_text()))


def functions(firmware=FIRMWARE):
    """Return {name: Function} of the assembler in the firmware. Raise SystemExit if the rooms do not fit the bytes."""
    if not firmware.exists():
        raise SystemExit(f"proof: {firmware.relative_to(ROOT)} is not there: run make firmware BOARD=MPS2_AN385")
    names = offsets()
    found = {}
    with open(firmware, "rb") as file:
        elf = ELFFile(file)
        symbols = {symbol.name: symbol.entry for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
        for number, function in enumerate(ROOMS.assembled()):
            entry = symbols[SERVE + (str(number + 1) if number else "")]
            section = elf.get_section(entry["st_shndx"])
            start = entry["st_value"] - section["sh_addr"]
            code = section.data()[start : start + entry["st_size"]]
            found[function.name] = checked(Function(function.name, code, ROOMS.lines(function, names)))
    return found


def checked(function):
    """Return the function. Raise SystemExit unless its bytes have the tables and branches of its lines."""
    end = max(address + line.size() for address, line in function.lines.items())
    wrong = len(function.code) - end not in (2, 4)  # the assembler's epilogue, and what aligns the next function
    for address, line in function.lines.items():
        size = line.size()
        bytes_there = function.code[address : address + size]
        if line.name == "data":
            width = line.call.args[0].value
            values = b"".join(each.value.to_bytes(width, "little") for each in line.call.args[1:])
            wrong = wrong or bytes_there != values
    if wrong:
        raise SystemExit(f"proof: the firmware's {function.name} is not that of firmware/thumb: run make firmware")
    return function
