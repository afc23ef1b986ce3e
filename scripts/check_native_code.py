"""Refuses machine code decorators outside the one file that may have them."""

import ast
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = ROOT / "lib" / "physmem_engine.py"
FOLDERS = ("boards", "firmware", "lib", "tests_target")
DECORATORS = ("asm_thumb", "native", "viper")


def native_functions(source):
    """(line, decorator) of every function in *source* that is compiled to machine code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", ()):
            name = ast.unparse(decorator).split("(")[0].rpartition(".")[2]
            if name in DECORATORS:
                found.append((decorator.lineno, name))
    return found


def main():
    misplaced = [
        f"{path.relative_to(ROOT)}:{line}: {name} belongs in {ALLOWED.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != ALLOWED
        for line, name in native_functions(path.read_text())
    ]
    print("\n".join(misplaced) or "Machine code stands in one file.")
    return bool(misplaced)


if __name__ == "__main__":
    sys.exit(main())
