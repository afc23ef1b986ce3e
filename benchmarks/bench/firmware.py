"""Read how much flash the frozen library takes on MPS2_AN385, and which compiler built the firmware.

frozen_content.c, which MicroPython generates module by module, tells which symbols belong to a module; the ELF file
tells their sizes. Names and short strings that all modules share are not counted.
"""

import re

from elftools.elf.elffile import ELFFile

from bench.board import BOARD
from emulated_board import firmware

_PART = re.compile(
    r"^// frozen module (?P<module>\w+)$|^// frozen native code for file (?P<native>\w+)\.py"
    r"|^static const .*?(?P<symbol>\w+)(?:\[\w*\])?(?: __attribute__.*)? = [{\d]",
    re.MULTILINE,
)


class BenchFirmware:
    """The board's firmware as built: sizes in bytes, addresses, the compiler."""

    def __init__(self):
        path = firmware(BOARD)
        with open(path, "rb") as file:
            elf = ELFFile(file)
            symbols = [symbol for symbol in elf.get_section_by_name(".symtab").iter_symbols() if symbol["st_size"]]
            self.symbols = {symbol.name: (symbol["st_value"], symbol["st_size"]) for symbol in symbols}
            text = elf.get_section_by_name(".text")
            self._code = text.data()
            self._code_address = text["sh_addr"]
            self.compiler = elf.get_section_by_name(".comment").data().split(b"\0")[0].decode()
        self.module_sizes = {}
        self.machine_code = []  # (address, size in bytes) of each machine code function of the library
        self._read(path.with_name("frozen_content.c").read_text())

    def _read(self, frozen_content):
        module = native = None
        for part in _PART.finditer(frozen_content):
            if part["module"]:
                module, native = part["module"], False
                self.module_sizes[module] = 0
            elif part["native"]:
                native = True
            elif module and part["symbol"] in self.symbols:
                address, size = self.symbols[part["symbol"]]
                self.module_sizes[module] += size
                if native and part["symbol"].startswith("fun_data_"):
                    self.machine_code.append((address, size))
                native = False

    def halfword(self, address):
        """Return the 16 bits of code at *address*."""
        offset = address - self._code_address
        return int.from_bytes(self._code[offset : offset + 2], "little")
