"""Reject machine code decorators outside the files that may use them, and viper code that some compilers get wrong.

MicroPython's viper keeps the first three names of a function, parameters first, in registers. In MicroPython 1.26 and
1.27 for Thumb, `p[i]` with a ptr16 or ptr32 `p` scales the register of `i` in place, so that `i` is another number from
then on. So no index is one of these names.
"""

import ast
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {
    "viper": [
        "lib/physmem_cache.py",
        "lib/physmem_collector.py",
        "lib/physmem_cut.py",
        "lib/physmem_direct.py",
        "lib/physmem_engine.py",
        "lib/physmem_find.py",
        "lib/physmem_records.py",
        "lib/physmem_recover.py",
    ],
    "asm_thumb": ["firmware/thumb/serve.py", "tests_target/host_files.py"],
    "native": ["lib/physmem_allocate.py", "lib/physmem_frames.py", "lib/physmem_mapped.py"],
}
FOLDERS = ("boards", "firmware", "lib", "tests_target")


def native_functions(source):
    """Return [(line, decorator)] of every function in *source* that is compiled to machine code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", ()):
            name = ast.unparse(decorator).split("(")[0].rpartition(".")[2]
            if name in ALLOWED:
                found.append((decorator.lineno, name))
    return found


IN_REGISTERS = 3


def _names_in_order(function):
    """Return the local names of a function: the parameters, then the others in the order of their first assignment."""
    names = [argument.arg for argument in function.args.args]
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    for node in sorted(assigned, key=lambda node: (node.lineno, node.col_offset)):
        if node.id not in names:
            names.append(node.id)
    return names


def indexes_in_registers(source):
    """Return [(line, index)] of every index in a viper function of *source* that is a name in a register.

    A byte needs no scaling, so ``ptr8(...)[i]`` may have any index.
    """
    found = []
    for function in ast.walk(ast.parse(source)):
        if any(ast.unparse(name).endswith("viper") for name in getattr(function, "decorator_list", ())):
            registers = _names_in_order(function)[:IN_REGISTERS]
            for node in ast.walk(function):
                indexed = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name)
                if indexed and node.slice.id in registers and not ast.unparse(node.value).startswith("ptr8("):
                    found.append((node.lineno, node.slice.id))
    return found


def main():
    misplaced = [
        f"{path.relative_to(ROOT)}:{line}: @{name} is allowed only in {', '.join(ALLOWED[name])}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in native_functions(path.read_text())
        if str(path.relative_to(ROOT)) not in ALLOWED[name]
    ]
    misplaced += [
        f"{path.relative_to(ROOT)}:{line}: [{index}] is an index in a register: copy it to a fourth name"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, index in indexes_in_registers(path.read_text())
    ]
    print("\n".join(misplaced) or "Machine code is only in the files that may contain it.")
    return bool(misplaced)


if __name__ == "__main__":
    sys.exit(main())
