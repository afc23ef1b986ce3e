"""Have a board look at its frames, set marks and list leaks, and leave no trace of that in its program."""

import ast
import json
import pathlib

from look.connection import BoardError, Connection, ProgramError

SOURCE = pathlib.Path(__file__).with_name("on_board.py")

KEPT = "make map"
"""The key in the board's sys.modules of the names of what looks. No program imports a module of that name."""
KEPT_NAMES = f"__import__('sys').modules[{KEPT!r}]"
KEEP = f"import sys\nsys.modules[{KEPT!r}] = {{}}"
FORGET = f"import sys\nsys.modules.pop({KEPT!r}, None)"
LOOK = f"""
import sys
kept = sys.modules.get({KEPT!r})
if kept: kept["look_at_frames"](sys.stdout.write, {{measure}})
""".strip()

HAS_OWNERS = """
import physmem
try:
    physmem.leaks(1 << 29)
except Exception as error:
    print(error.code != "NotPermitted")
"""
MARK = """
import physmem
print(physmem.mark())
"""
LEAKS = """
import json, physmem
for leak in physmem.leaks({mark}):
    print(json.dumps((leak.region.name, leak.first, leak.count, leak.owner and str(leak.owner))))
"""


def functions(source):
    """Return a list of the functions in Python `source`, without comments and docstrings, for the line and the small
    heap of a board."""
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    for node in found:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return [ast.unparse(node) for node in found]


class ObservedBoard(Connection):
    """A Connection that asks the board for its frames.

    The functions that look are sent once, and kept on the board until the connection ends. If the board no longer has
    them, it has restarted: `restarts` counts that.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.restarts = 0
        self.bytes_sent = self.bytes_received = 0  # by the last look
        self._has_functions = False

    def look(self, measure=False):
        """Return the text of a snapshot. `measure` has the board measure the heap that this takes, too."""
        port = self._transport.serial
        sent, received = port.sent, port.received
        try:
            text = self._look(measure)
        except ProgramError as error:
            raise BoardError(_explained(str(error))) from error
        self.bytes_sent, self.bytes_received = port.sent - sent, port.received - received
        return text

    def _look(self, measure):
        look = LOOK.format(measure=measure)
        if self._has_functions:
            if text := self.ask(look):
                return text
            self.restarts += 1
        self.ask(KEEP)
        self._has_functions = True
        for function in functions(SOURCE.read_text(encoding="utf-8")):
            self.ask(function, KEPT_NAMES)
        return self.ask(look)

    def _forget(self):
        if self._has_functions:
            self.ask(FORGET)

    def has_owners(self):
        """Return whether the debug tier `owners` is on, so that a mark takes no heap."""
        return self.ask(HAS_OWNERS).strip() == "True"

    def mark(self):
        """Set a mark, and return it. Switches the tier `owners` on, which takes 9 bytes of heap a frame."""
        return _read(int, self.ask(MARK), "a mark")

    def leaks(self, mark):
        """Return [region, first, count, owner] of what was allocated since `mark` and is not freed, oldest first."""
        return [_read(_leak, line, "a leak") for line in self.ask(LEAKS.format(mark=mark)).splitlines()]


def _read(kind, text, what):
    """Return what `kind` makes of `text`, which the board has sent; BoardError if it is not `what` it should be."""
    try:
        return kind(text)
    except (ValueError, TypeError) as error:
        raise BoardError(f"the board sent {text[:80]!r}, which is not {what}: have handlers print nothing") from error


def _leak(line):
    region, first, count, owner = json.loads(line)
    return [region, first, count, owner]


def _explained(error):
    """Return what to tell when a look fails with the last line `error` of a traceback."""
    if error.startswith("ImportError: no program has imported physmem"):
        return (
            "no program on this board has imported physmem, so there are no frames to see: flash a firmware that has "
            "it (make flash), or install the package and import physmem there (docs/packages.md)"
        )
    if error.startswith("MemoryError"):
        return f"the board's heap has no room for a look, which takes up to 20 KB: {error}"
    return f"the board could not tell its frames: {error}"
