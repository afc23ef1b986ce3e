"""Serve the parent process: it sends commands on standard input, one JSON object a line, and gets the answers on
standard output. Events come between the answers: {"event": ..., ...}."""

import json
import sys


def _save_flash(board, path):
    with open(path, "wb") as file:
        file.write(board.flash)


def _load_flash(board, path):
    with open(path, "rb") as file:
        contents = file.read()
    try:
        board.flash = contents
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


COMMANDS = {
    "reset": lambda board: board.reset(),
    "halt": lambda board: board.halt,
    "statistics": lambda board: board.statistics(),
    "reset_statistics": lambda board: board.reset_statistics(),
    "marks": lambda board: board.marks,
    "watch": lambda board, address: board.watch(address),
    "reached": lambda board: board.reached,
    "touched": lambda board: board.touched,
    "save_flash": _save_flash,
    "load_flash": _load_flash,
}


def tell(event):
    """Write *event* as one line."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def obey(board, line):
    """Do the command {"do": name, "id": anything, ...} in *line*, and write its answer."""
    command = json.loads(line)
    name, command_id = command.pop("do"), command.pop("id")
    if name not in COMMANDS:
        tell({"id": command_id, "error": f"no command {name!r}: there are {', '.join(sorted(COMMANDS))}"})
        return
    try:
        tell({"id": command_id, "result": COMMANDS[name](board, **command)})
    except Exception as error:
        tell({"id": command_id, "error": str(error)})
