"""provoke_errors.py: make every call of tests_host/provocations and write what it raised, as JSON.

For each: the file of the provocation and its number there, the class and the code of the error, its message, what the
message must say, and which lines of lib/ it came through, the innermost last.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
LIBRARY = ROOT / "lib"
FOLDERS = (TESTS, TESTS / "stubs", LIBRARY, ROOT / "boards" / "UNIX", ROOT / "tests_target")


def came_through(error):
    """Return the lines of the library that the error came through: [module, line] of each."""
    frames = traceback.extract_tb(error.__traceback__)
    return [[Path(frame.filename).stem, frame.lineno] for frame in frames if Path(frame.filename).parent == LIBRARY]


def provoked():
    """Generate what each provocation raised, as a dict."""
    for path in sorted((TESTS / "provocations").glob("of_*.py")):
        for number, provocation in enumerate(importlib.import_module(f"provocations.{path.stem}").rows()):
            error = provocation.error()
            lines = came_through(error)
            error.__traceback__ = None  # an error that is prepared is raised again, and would keep the lines of before
            yield {
                "file": path.stem,
                "number": number,
                "error": type(error).__name__,
                "code": getattr(error, "code", ""),
                "text": str(error),
                "says": provocation.says,
                "lines": lines,
            }


def main():
    sys.path[:0] = map(str, FOLDERS)
    json.dump(list(provoked()), sys.stdout)


if __name__ == "__main__":
    main()
