"""Read which parts a firmware image has and where they lie, and find what is wrong with that."""

import collections
import functools
import re
import struct
import subprocess

from elftools.elf.elffile import ELFFile

from board_list import port_of
from emulated_board import ROOT, firmware

_IN_MEMORY = 0x1 | 0x2  # SHF_WRITE, SHF_ALLOC: ports/rp2 also writes to sections that the linker does not allocate
_LOADABLE = "PT_LOAD"
_PSRAM = range(0x11000000, 0x12000000)  # window of the second chip select; RP2350 datasheet, 4.4.1
_SRAM = range(0x20000000, 0x20082000)


class FirmwareImage:
    """The ELF file at *path*: `parts` are (name, base, size), in bytes, of all that takes memory on the board."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            elf = ELFFile(file)
            self.symbols = {symbol.name: symbol.entry for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
            self.parts = [
                (section.name, section["sh_addr"], section["sh_size"])
                for section in elf.iter_sections()
                if section["sh_flags"] & _IN_MEMORY and section["sh_size"]
            ]
            # (address from which start-up code copies it, address where it is used, bytes).
            self.segments = [
                (segment["p_paddr"], segment["p_vaddr"], segment.data())
                for segment in elf.iter_segments()
                if segment["p_type"] == _LOADABLE and segment["p_filesz"]
            ]
            text = elf.get_section_by_name(".text")
            self.text = range(text["sh_addr"], text["sh_addr"] + text["sh_size"])
        self.parts += [(f"load image {i}", base, len(data)) for i, (base, _, data) in enumerate(self.segments)]

    def has_string(self, text):
        """Return whether *text* is in the image as a separate string, as the name of a frozen module is."""
        return any(b"\0" + text.encode() + b"\0" in data for _, _, data in self.segments)

    def value(self, symbol):
        return self.symbols[symbol]["st_value"]

    def size(self, symbol):
        return self.symbols[symbol]["st_size"]

    def content(self, address, size):
        """Return the *size* bytes at *address* as they are after start-up."""
        for _, base, data in self.segments:
            if base <= address and address + size <= base + len(data):
                return data[address - base : address - base + size]
        raise ValueError(f"no segment contains the {size} bytes at {address:#x}")

    def words(self, address, number):
        """Return the *number* 32-bit words at *address*."""
        return struct.unpack(f"<{number}I", self.content(address, 4 * number))

    def code(self, function):
        """Return (address, bytes) of *function*."""
        address = self.value(function) & ~1
        return address, self.content(address, self.size(function))

    def constants(self, function, within):
        """Return the 32-bit constants of *function*, with which it loads addresses, that lie in the range *within*."""
        address, code = self.code(function)
        aligned = range(-address % 4, len(code) - 3, 4)
        words = {int.from_bytes(code[offset : offset + 4], "little") for offset in aligned}
        return sorted(word for word in words if word in within)

    def disassembly(self, function):
        """Return the lines of objdump's disassembly of *function*."""
        command = ["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}", self.path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    @functools.cached_property
    def callers(self):
        """Return {function: functions that branch to it, directly or through a veneer of the linker}."""
        command = ["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", self.path]
        callers = collections.defaultdict(set)
        caller = None
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
            header = re.fullmatch(r"[0-9a-f]+ <(.+)>:", line)
            branch = re.search(r"\tb\S*\t.*<([\w.]+)>", line)
            if header:
                caller = header[1]
            elif branch:
                callers[re.sub(r"^__(\w+)_veneer$", r"\1", branch[1])].add(caller)
        return callers


class QemuImage(FirmwareImage):
    """The firmware image of a board of ports/qemu."""

    def __init__(self, path):
        super().__init__(path)
        self.initial_stack = self.words(self.text[0], 1)[0]
        self.parts.append(("gc_heap", self.value("gc_heap"), self.size("gc_heap")))
        stack_size = self.value("physmem_stack_size")
        self.parts.append(("stack", self.value("_estack") - stack_size, stack_size))


class Rp2Image(FirmwareImage):
    """The firmware image of a board of ports/rp2, whose GC heap ends where firmware/rp2/board.c ends it."""

    def __init__(self, path):
        super().__init__(path)
        self.initial_stack = self.words(self.text[0], 1)[0]
        start = self.value("__GcHeapStart")
        (self.gc_heap_end,) = self.constants("__wrap_gc_init", _SRAM)
        self.parts.append(("gc_heap", start, self.gc_heap_end - start))
        bottom = self.value("__StackBottom")
        self.parts.append(("stack", bottom, self.value("__StackTop") - bottom))
        if "__wrap_gc_add" in self.symbols:
            # The compiler may compare with the constant minus one.
            self.psram_gc_end = max(self.constants("__wrap_gc_add", _PSRAM), default=_PSRAM[0])
            if self.psram_gc_end > _PSRAM[0]:
                self.parts.append(("gc_heap in PSRAM", _PSRAM[0], self.psram_gc_end - _PSRAM[0]))


class Stm32Image(FirmwareImage):
    """The firmware image of a board of ports/stm32, whose GC heap lies between the arguments of main.c's gc_init."""

    _ETHERNET = ".eth_buffers"

    def __init__(self, path):
        super().__init__(path)
        # The vectors come first in flash; start-up code may copy them to RAM.
        self.flash_start, _, vectors = min(self.segments)
        self.initial_stack = int.from_bytes(vectors[:4], "little")
        # The section starts with a gap; the port's script has the driver's memory at a fixed address behind it.
        section = next((part for part in self.parts if part[0] == self._ETHERNET), None)
        if section:
            self.parts.remove(section)
            if "eth_dma" in self.symbols:
                self.parts.append((self._ETHERNET, self.value("eth_dma"), self.size("eth_dma")))
        start, self.gc_heap_end = self.arguments("gc_init", 2)
        self.parts.append(("gc_heap", start, self.gc_heap_end - start))
        # The block of the stack may start a little above `_sstack`: test_nothing_uses_the_lowest_bytes_of_the_stack.
        reserve = self.value("_estack_reserve")
        bottom = self.value("_sstack")
        self.lowest_of_stack = ("the stack's lowest bytes", bottom, reserve)
        self.parts.append(("stack", bottom + reserve, self.value("_estack") - bottom - reserve))

    def arguments(self, callee, number):
        """Return the first *number* arguments of the one call of *callee*: constants that its caller has in registers.

        Follows constants from line to line of the disassembly. Raise ValueError if an argument is something else.
        """
        (caller,) = self.callers[callee]
        registers = {}
        for line in self.disassembly(caller):
            if re.search(rf"\tbl\s.*<(?:__)?{callee}(?:_veneer)?>", line):
                break
            if re.search(r"\tblx?\s", line):
                for name in ("r0", "r1", "r2", "r3", "ip"):  # Arm's procedure call standard: a call may change these
                    registers.pop(name, None)
            elif written := re.search(
                r"\t(\w+)[\w.]*\s+(r\d+|ip|lr)\b,? ?([^@;]*)(?:[@;] \(?(?:0x)?([0-9a-f]+) <)?", line
            ):
                operation, register, operand, address = written.groups()
                if operation.startswith(("str", "cmp", "tst", "cb", "push")):
                    continue
                registers[register] = self._constant(operation, operand.strip(), address, registers)
        found = [registers.get(f"r{i}") for i in range(number)]
        if None in found:
            raise ValueError(f"{caller} does not have the arguments of {callee} as constants: {found}")
        return found

    def _constant(self, operation, operand, address, registers):
        """Return what a register has after an instruction of the disassembly; None if that is not a constant."""
        if operation == "ldr" and address:
            return self.words(int(address, 16), 1)[0]
        if operation in ("mov", "movs", "movw"):
            return int(operand[1:], 0) if operand.startswith("#") else registers.get(operand)
        return None


def image_of(board):
    """Return the firmware image of *board*."""
    return {"qemu": QemuImage, "rp2": Rp2Image, "stm32": Stm32Image}[port_of(board)](firmware(board))


class Uf2:
    """The .uf2 file of *board*: its `family` ID, its `base` address, and its `data`.

    Raise ValueError if its blocks are not complete, numbered and contiguous. Source: Microsoft's UF2 specification.
    """

    def __init__(self, board):
        data = (ROOT / "build" / board / "firmware.uf2").read_bytes()
        if not data or len(data) % 512:
            raise ValueError(f"the file must consist of blocks of 512 bytes, but has {len(data)} bytes")
        self.family = None
        self.data = b""
        for number, offset in enumerate(range(0, len(data), 512)):
            header = struct.unpack_from("<8I", data, offset)
            magic_end = struct.unpack_from("<I", data, offset + 508)[0]
            if (header[0], header[1], magic_end) != (0x0A324655, 0x9E5D5157, 0x0AB16F30):
                raise ValueError(f"block {number} lacks UF2's magic numbers")
            if number == 0:
                self.base, self.family = header[3], header[7]
            # The flags tell that a family ID is present. The boot ROMs accept 256 bytes a block.
            expected = (0x2000, self.base + number * 256, 256, number, len(data) // 512, self.family)
            if header[2:] != expected:
                raise ValueError(f"the header of block {number} has {header[2:]}, not {expected}")
            self.data += data[offset + 32 : offset + 32 + 256]


def wide_instructions(code):
    """Return the 32-bit instructions in *code*, Thumb machine code of mpy-cross, each as a pair of halfwords."""
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) // 2 * 2])
    found = []
    i = 0
    while i + 1 < len(halves):
        if halves[i] & 0xF8FF == 0x4800 and halves[i + 1] == 0xE001:  # ldr of a constant, and a branch over it
            i += 4
        elif halves[i] >> 11 in (0b11101, 0b11110, 0b11111):  # Armv7-M manual, A5.1
            found.append((halves[i], halves[i + 1]))
            i += 2
        else:
            i += 1
    return found


def is_armv6m(instruction):
    """Return whether Armv6-M has the 32-bit *instruction*: BL, MSR, MRS, DSB, DMB or ISB (its manual, A5.3)."""
    first, second = instruction
    branch_with_link = first >> 11 == 0b11110 and second & 0xD000 == 0xD000
    to_register = first & 0xFFF0 == 0xF380 and second >> 12 == 0x8
    from_register = first == 0xF3EF and second >> 12 == 0x8
    barrier = first == 0xF3BF and second >> 8 == 0x8F
    return branch_with_link or to_register or from_register or barrier


def overlap(first, second):
    """Return whether two (name, base, size) share a byte."""
    return first[1] < second[1] + second[2] and second[1] < first[1] + first[2]


def inside(part, block):
    """Return whether *block* contains all of *part*; both are (name, base, size)."""
    return block[1] <= part[1] and part[1] + part[2] <= block[1] + block[2]


def faults(parts, regions, occupied):
    """Return sentences about parts outside the occupied blocks and about overlaps; [] if all is well.

    The entries of all three sequences start with name, base, size. *parts* may overlap one another.
    """
    found = [
        f"{part[0]} at {part[1]:#010x}, {part[2]:#x} bytes, is outside every occupied block"
        for part in parts
        if not any(inside(part, block) for block in occupied)
    ]
    found += [
        f"{part[0]} at {part[1]:#010x} overlaps region {region[0]}"
        for part in parts
        for region in regions
        if overlap(part, region)
    ]
    blocks = [*regions, *occupied]
    found += [
        f"{first[0]} overlaps {second[0]}"
        for i, first in enumerate(blocks)
        for second in blocks[i + 1 :]
        if overlap(first, second)
    ]
    return found
