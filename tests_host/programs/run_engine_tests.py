"""run_engine_tests.py FOLDER [SECONDS]: run test_engine.py on the engine in FOLDER up to the first failure.

Used by campaigns/mutation.py and test_coverage.py. It does not use pytest, which takes longer to start than most
changed engines take to fail. A changed engine may loop endlessly or ask for all memory. So the program stops with an
error if a test uses more than SECONDS of processor time (3, ten times what the longest needs), or if the program uses
more than MEMORY bytes.
"""

import ast
import os
import resource
import signal
import sys
from pathlib import Path

MEMORY = 1 << 30
RECORDS = ("physmem_records", "physmem_recover")


def engine_files(folder):
    """Return the paths of the modules in *folder* that test_engine.py tests; see `tested_statements`."""
    return [Path(folder) / f"{name}.py" for name in ("physmem_engine", "physmem_state", *RECORDS)]


def tested_statements(path):
    """Return the statements at the top of the module at *path* that test_engine.py tests, as nodes of its syntax tree.

    Of RECORDS they are the words of records: the machine code, and the table that it reads.
    """
    body = ast.parse(path.read_text()).body
    if path.stem not in RECORDS:
        return body
    return [node for node in body if _is_viper(node) or _assigns(node, "_words")]


def _is_viper(node):
    return "micropython.viper" in map(ast.unparse, getattr(node, "decorator_list", ()))


def _assigns(node, name):
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]


def tested_rows(path):
    """Return the rows of the module at *path* that test_engine.py tests, counted from 1."""
    return {row for node in tested_statements(path) for row in range(node.lineno, node.end_lineno + 1)}


def give_up(*_):
    print("the test used more processor time than it may", flush=True)
    os._exit(1)


def main(folder, seconds="3"):
    tests = Path(__file__).resolve().parent.parent
    sys.path[:0] = [folder, str(tests), str(tests / "stubs")]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, give_up)
    import test_engine

    for name, test in vars(test_engine).items():
        if name.startswith("test_"):
            signal.setitimer(signal.ITIMER_VIRTUAL, float(seconds))
            test()


if __name__ == "__main__":
    main(*sys.argv[1:])
