"""Reject machine code decorators outside the files that may use them."""

import ast
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {
    "viper": [
        "lib/physmem_cache.py",
        "lib/physmem_collector.py",
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


def main():
    misplaced = [
        f"{path.relative_to(ROOT)}:{line}: @{name} is allowed only in {', '.join(ALLOWED[name])}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in native_functions(path.read_text())
        if str(path.relative_to(ROOT)) not in ALLOWED[name]
    ]
    print("\n".join(misplaced) or "Machine code is only in the files that may contain it.")
    return bool(misplaced)


if __name__ == "__main__":
    sys.exit(main())
