"""look.main BOARD [--port=PORT] [options]: show every frame of a board in the terminal, and write reports of it.

Without --port, boot the board's firmware in its emulator and look there; with it, at the board on that serial port.
"""

import argparse
import math
import pathlib
import sys

from rich.console import Console

import psram_chips
from emulated_board import SECONDS_OF_SILENCE
from emulators import EMULATED_BOARDS, emulator_of, notice
from look.connection import BoardError
from look.keys import Keys
from look.observed_board import ObservedBoard
from look.session import Session, is_terminal
from look.snapshot import SnapshotError

STOPPED = 130  # as shells have it of a program that Ctrl-C has stopped


def positive(text):
    """Return the number of seconds in `text`, above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 seconds")
    return number


def arguments(words=None):
    parser = argparse.ArgumentParser(prog="make map", description=__doc__.splitlines()[0])
    parser.add_argument("board", help="the board's folder in boards/")
    parser.add_argument("--port", help="serial port, pseudo-terminal or socket:// of a board that runs already")
    parser.add_argument("--psram", help="PSRAM of an emulated board: 0, 2M, 4M or 8M")
    parser.add_argument("--interrupt", action="store_true", help="stop a program that runs there by Ctrl-C")
    parser.add_argument("--program", metavar="FILE", help="first run this program on the board; its timers may go on")
    parser.add_argument("--once", action="store_true", help="look once, and end")
    parser.add_argument("--seconds", type=positive, metavar="N", help="end after that time")
    parser.add_argument("--interval", type=positive, metavar="S", default=1.0, help="seconds between looks (1)")
    parser.add_argument("--json", action="store_true", help="print the last snapshot, with the history, as JSON")
    parser.add_argument("--svg", metavar="FILE", help="write the last picture of the terminal to this file")
    parser.add_argument("--html", metavar="FILE", help="write a report to this file, to attach to an issue")
    parser.add_argument("--width", type=int, metavar="N", help="columns of the picture, from 60 up")
    return parser.parse_args(words)


def objection(options, has_keyboard, has_screen):
    """Return why nobody can look at that board that way, and what to do; None if it can be tried.

    `has_keyboard` is whether the input is a terminal, and `has_screen` whether the output is one.
    """
    board, port = options.board, options.port
    for path in (options.svg, options.html):
        folder = pathlib.Path(path or ".").parent
        if not folder.is_dir():
            return f"there is no folder {folder} to write {path} to: make it, or give another file"
        if path and pathlib.Path(path).is_dir():
            return f"{path} is a folder: give a file in it"
    if options.width is not None and options.width < 60:
        return f"{options.width} columns are too few for a map: give --width=60 or more"
    if options.program and not pathlib.Path(options.program).is_file():
        return f"there is no program {options.program} to run on the board: give another file"
    if not (has_keyboard and has_screen or options.once or options.seconds):
        end = "input is not a terminal, so no key can end this" if has_screen else "output is not a terminal"
        return f"the {end}: give --once for one look, or --seconds=N"
    if port:
        if options.psram is not None:
            return f"PSRAM= is for an emulated board, and PORT={port} for a real one: omit one of them"
        return None
    if board not in EMULATED_BOARDS:
        return f"there is no emulator for {board}: set PORT= to the serial port of a real one"
    return psram_chips.objection(board, options.psram)


def look_at(board, title, options):
    """Look at `board`, an ObservedBoard, and write what there is even if it stops to tell more. BoardError if it does,
    or if a file cannot be written."""
    console = Console(width=options.width, highlight=False)
    problems = []
    with board:
        if options.program:
            board.run_program(options.program, SECONDS_OF_SILENCE)
        session = Session(board, title, options, console)
        try:
            if options.once:
                session.look()
            elif is_terminal(sys.stdout) and not options.json:
                session.watch_in_terminal()
            else:
                session.watch(Keys(None), lambda: None)
        except KeyboardInterrupt:
            pass
        except (BoardError, SnapshotError) as error:
            problems.append(str(error))
        if session.history.latest is not None:
            problems += session.write()
    if not options.json and session.history.latest is not None:
        console.print(session.picture())
    if problems:
        raise BoardError("; besides, ".join(problems))


def _in_a_sentence(text):
    """Return a sentence that starts with an article as it stands behind a colon."""
    return text[0].lower() + text[1:] if text.startswith("An ") else text


def _look_at_emulator(options):
    title = f"{options.board}: {_in_a_sentence(notice(options.board).partition(':')[0])}"
    with emulator_of(options.board, psram=psram_chips.SIZES.get(options.psram)) as emulator:
        emulator.connect().close()
        look_at(ObservedBoard(emulator.url, options.interrupt, is_emulated=True), title, options)


def main(words=None):
    options = arguments(words)
    problem = objection(options, is_terminal(sys.stdin), is_terminal(sys.stdout))
    if problem:
        return f"physmem: {problem}."
    try:
        if options.port:
            look_at(ObservedBoard(options.port, options.interrupt), None, options)
        else:
            _look_at_emulator(options)
    except RuntimeError as error:  # BoardError, and those of the emulators
        return f"physmem: {error}."
    except OSError as error:
        return f"physmem: cannot look at {options.board} ({error}): run make build, which installs what that needs."
    except KeyboardInterrupt:
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
