"""Where the parts of a firmware image lie, and what is wrong with that."""

from elftools.elf.elffile import ELFFile

_ALLOCATED = 0x2  # SHF_ALLOC
_LOADABLE = "PT_LOAD"


class FirmwareImage:
    """The ELF file at *path*: `parts` are (name, base, size), in bytes, of all that takes memory on the board."""

    def __init__(self, path):
        with open(path, "rb") as file:
            elf = ELFFile(file)
            self.symbols = {symbol.name: symbol.entry for symbol in elf.get_section_by_name(".symtab").iter_symbols()}
            self.parts = [
                (section.name, section["sh_addr"], section["sh_size"])
                for section in elf.iter_sections()
                if section["sh_flags"] & _ALLOCATED and section["sh_size"]
            ]
            # Where the contents of .data wait for start-up to copy them.
            self.parts += [
                (f"load image {i}", segment["p_paddr"], segment["p_filesz"])
                for i, segment in enumerate(elf.iter_segments())
                if segment["p_type"] == _LOADABLE and segment["p_filesz"]
            ]
            text = elf.get_section_by_name(".text")
            self.constants = text.data()
            self.vectors = int.from_bytes(self.constants[:4], "little"), text["sh_addr"]
        heap = self.symbols["gc_heap"]
        self.parts.append(("gc_heap", heap["st_value"], heap["st_size"]))
        stack_size = self.value("physmem_stack_size")
        self.parts.append(("stack", self.value("_estack") - stack_size, stack_size))

    def has_string(self, text):
        """Whether *text* stands in the image as a string of its own, as the name of a frozen module does."""
        return b"\0" + text.encode() + b"\0" in self.constants

    def value(self, symbol):
        return self.symbols[symbol]["st_value"]

    def size(self, symbol):
        return self.symbols[symbol]["st_size"]


def overlap(first, second):
    """Whether two (name, base, size) share a byte."""
    return first[1] < second[1] + second[2] and second[1] < first[1] + first[2]


def inside(part, block):
    """Whether all of the (name, base, size) *part* lies in *block*."""
    return block[1] <= part[1] and part[1] + part[2] <= block[1] + block[2]


def faults(parts, regions, occupied):
    """Sentences about parts outside the occupied blocks, and about whatever overlaps; [] when all is well.

    All three are sequences whose entries begin with name, base, size; *parts* may overlap one another.
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
