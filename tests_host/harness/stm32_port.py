"""Read what MicroPython's ports/stm32 and ST's headers say about the memory of a board, from the files themselves.

The files are those of the source tree that `make` builds with: MICROPYTHON_DIR, or else the one that build/tree names.
ST's headers are in it only if it is a checkout with lib/stm32lib.
"""

import ast
import functools
import itertools
import operator
import os
import pathlib
import re
import runpy
import subprocess
import tempfile

from emulated_board import ROOT

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.LShift: operator.lshift,
    ast.BitOr: operator.or_,
}
_UNITS = {"K": 1 << 10, "M": 1 << 20}


def tree():
    """Return the path of MicroPython's source tree. Raise FileNotFoundError before the first `make`."""
    named = os.environ.get("MICROPYTHON_DIR") or (ROOT / "build" / "tree").read_text().strip()
    return pathlib.Path(named).resolve()


def has_chip_headers():
    """Return whether the tree has ST's headers, without which only the firmware for QEMU can be built."""
    try:
        return (tree() / "lib" / "stm32lib" / "CMSIS").is_dir()
    except FileNotFoundError:
        return False


def evaluate(text, names=None):
    """Return the integer value of an expression of C or of a linker script; *names* are the values of its names."""

    def value_of(node):
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](value_of(node.left), value_of(node.right))
        if isinstance(node, ast.Name):
            return (names or {})[node.id]
        return int(node.value)

    text = re.sub(r"/\*.*?\*/", "", text)
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)
    text = re.sub(r"\b(\d+)([KM])\b", lambda found: str(int(found[1]) * _UNITS[found[2]]), text)
    return value_of(ast.parse(text.strip(), mode="eval").body)


class LinkerScript:
    """The linker scripts of ports/stm32 at *paths*: their `memories`, name -> (base, size), the `symbols` they assign,
    and `.text` and `.isr_vector`'s memories by the `aliases` FLASH_COMMON and FLASH_ISR."""

    def __init__(self, paths, names):
        text = "\n".join(path.read_text() for path in paths)
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        memories = r"^\s*(\w+)\s*\(\w+\)\s*:\s*ORIGIN = ([^,]+), LENGTH = (\S+)"
        self.memories = {
            found[1]: (evaluate(found[2]), evaluate(found[3])) for found in re.finditer(memories, text, re.MULTILINE)
        }
        self.aliases = dict(re.findall(r'REGION_ALIAS\("(\w+)", (\w+)\)', text))
        self.symbols = dict(names)
        for name, expression in re.findall(r"^\s*(_\w+) = ([^;]+);", text, re.MULTILINE):
            if expression not in (".", "_ebss"):
                self.symbols[name] = evaluate(self._numbers(expression), self.symbols)
        # Where a section that is not in .data or .bss starts: `. = ABSOLUTE(address)`.
        sections = r"^\s*(\.\w+) \(NOLOAD\) : \{\s*\. = ABSOLUTE\((\w+)\);[^}]*\} >(\w+)"
        self.sections = {found[1]: (int(found[2], 0), found[3]) for found in re.finditer(sections, text, re.MULTILINE)}

    def _numbers(self, expression):
        def value(found):
            return str(self.memories[found[2]][found[1] == "LENGTH"])

        return re.sub(r"\b(ORIGIN|LENGTH)\((\w+)\)", value, expression)


class Port:
    """What the files of ports/stm32 in *tree* say about *board*, one of this project's boards.

    `macros` are those of its mpconfigboard.h, as the preprocessor leaves them; `settings` the variables of its
    mpconfigboard.mk, as make leaves them; `script` its linker scripts.
    """

    SETTINGS = ("MCU_SERIES", "CMSIS_MCU", "LD_FILES")

    def __init__(self, board, tree):
        self.board = board
        self.folder = tree / "ports" / "stm32"
        self.plan = ROOT / "boards" / board / "physmem_board.py"
        self.settings = self._settings()
        paths = [self.folder / name for name in self.settings["LD_FILES"].split()]
        makefile = (self.folder / "Makefile").read_text()
        reserve = int(re.search(r"--defsym=_estack_reserve=(\d+)", makefile)[1])
        self.script = LinkerScript(paths, {"_estack_reserve": reserve})
        self.macros = self._macros()

    def _settings(self):
        path = ROOT / "boards" / self.board
        prints = "".join(f"\t@echo '{name}=$({name})'\n" for name in self.SETTINGS)
        makefile = f"print:\n{prints}\ninclude {path}/mpconfigboard.mk\n"
        command = ["make", "-s", "--no-print-directory", "-f", "-", f"BOARD={self.board}", f"BOARD_DIR={path}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        answer = subprocess.run(
            command, cwd=self.folder, input=makefile, capture_output=True, text=True, check=True, env=environment
        )
        return dict(line.split("=", 1) for line in answer.stdout.splitlines())

    def _preprocess(self, text, include=()):
        folders = [ROOT / "boards" / self.board, ROOT / "firmware" / "stm32", self.folder, *include]
        command = ["arm-none-eabi-gcc", "-E", "-dM", "-x", "c", *(f"-I{folder}" for folder in folders), "-"]
        answer = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        return dict(re.findall(r"^#define (\w+)(?: (.*))?$", answer.stdout, re.MULTILINE))

    def _macros(self):
        header = runpy.run_path(str(ROOT / "scripts" / "memory_map_header.py"))
        with tempfile.TemporaryDirectory() as folder:
            header["main"]("stm32", str(self.plan), folder)
            return self._preprocess('#include "mpconfigboard.h"\n', [folder])

    def has(self, macro):
        """Return whether mpconfigboard.h defines *macro*."""
        return macro in self.macros

    def value(self, macro, default=0):
        """Return the value of *macro* in mpconfigboard.h; *default* if it defines none."""
        return evaluate(self.macros[macro]) if self.has(macro) else default

    def has_internal_files(self):
        """Return whether the file system is in the chip's flash, so that the port has a cache for it in RAM."""
        return bool(self.value("MICROPY_HW_ENABLE_INTERNAL_FLASH_STORAGE", 1))

    def files_cache(self):
        """Return (base, size) of that cache."""
        start, end = (
            self.script.symbols[f"_micropy_hw_internal_flash_storage_ram_cache_{side}"] for side in ("start", "end")
        )
        return start, end - start

    def flash(self):
        """Return (base, size) of the flash from the vectors to the end of the memory that the code is in."""
        first, last = (self.script.memories[self.script.aliases[name]] for name in ("FLASH_ISR", "FLASH_COMMON"))
        return first[0], last[0] + last[1] - first[0]

    def stack(self):
        """Return (base, size) of the stack."""
        return self.script.symbols["_sstack"], self.script.symbols["_estack"] - self.script.symbols["_sstack"]

    def sdram(self):
        """Return (base, size) of the SDRAM that the firmware switches on; None without."""
        size = self.value("MICROPY_HW_SDRAM_SIZE")
        if not size:
            return None
        source = (self.folder / "sdram.c").read_text()
        lines = source[source.index("#if defined(MICROPY_HW_FMC_SDCKE0)") :].splitlines()
        depths = itertools.accumulate(line.startswith("#if") - line.startswith("#endif") for line in lines)
        count = list(depths).index(0) + 1
        pins = [f"#define {name}\n" for name in self.macros if name.startswith("MICROPY_HW_FMC_")]
        return evaluate(self._preprocess("".join(pins) + "\n".join(lines[:count]))["SDRAM_START_ADDRESS"]), size

    def has_data_cache(self):
        """Return whether main.c switches on the core's data cache: for the F7 and the H7."""
        source = (self.folder / "main.c").read_text()
        series = re.search(r"#elif ([^\n]*)\n(?:(?!#elif).)*?SCB_EnableDCache\(\);", source, re.DOTALL)[1]
        return f"defined(STM32{self.settings['MCU_SERIES'].upper()})" in series

    def sdram_is_cached(self):
        """Return whether sdram.c makes SDRAM cached, with the MPU, on this series of chips."""
        source = (self.folder / "sdram.c").read_text()
        series = re.search(r"#if ([^\n]*)\n(?:(?!#if).)*?MPU_CONFIG_SDRAM\(", source, re.DOTALL)[1]
        kind = re.search(r"#define MPU_CONFIG_SDRAM\(size\).*?\n\n", (self.folder / "mpu.h").read_text(), re.DOTALL)[0]
        is_cacheable = "MPU_ACCESS_CACHEABLE" in kind and "MPU_ACCESS_BUFFERABLE" in kind
        return f"defined(STM32{self.settings['MCU_SERIES'].upper()})" in series and is_cacheable

    def uncached(self):
        """Return [(number of the MPU's region, base, size)] of what this project's board.c makes uncached."""
        path = ROOT / "boards" / self.board / "board.c"
        text = path.read_text() if path.exists() else ""
        call = r"mpu_config_region\((\w+), (\w+), MPU_CONFIG_UNCACHED\(MPU_REGION_SIZE_(\d+)KB\)\)"
        numbers = self.mpu_numbers() | dict(re.findall(r"#define (MPU_REGION_\w+) (\w+)", text))

        def number(name):
            found = re.fullmatch(r"MPU_REGION_NUMBER(\d+)", name)
            return int(found[1]) if found else number(numbers[name])

        return [(number(name), self.value(base), int(size) * 1024) for name, base, size in re.findall(call, text)]

    def mpu_numbers(self):
        """Return {name: name of the number} of the MPU's regions that the port has a use for."""
        text = (self.folder / "mpu.h").read_text().split("#elif defined(STM32H5)")[0]
        return dict(re.findall(r"#define (MPU_REGION_\w+)\s+\((MPU_REGION_NUMBER\d+)\)", text))

    @functools.cached_property
    def chip_memories(self):
        """Return {name: (base, size)} of the memories that ST's header of the chip names, sizes from its comments."""
        series, chip = self.settings["MCU_SERIES"].upper(), self.settings["CMSIS_MCU"]
        cmsis = self.folder.parent.parent / "lib" / "stm32lib" / "CMSIS"
        text = (cmsis / f"STM32{series}xx" / "Include" / f"{chip.lower()}.h").read_text()
        line = r"^#define\s+(\w+_BASE)\s+\(?(0x[0-9A-F]+)U?L?\)?\s*/\*[^\n]*?(\d+) ?KB\b"
        return {name: (int(base, 16), int(size) * 1024) for name, base, size in re.findall(line, text, re.MULTILINE)}


@functools.cache
def port(board):
    """Return what the tree's ports/stm32 says about *board*."""
    return Port(board, tree())
