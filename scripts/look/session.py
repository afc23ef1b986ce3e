"""The looks at one board: one after the other, by the keys that somebody presses, and into files at the end."""

import json
import math
import pathlib
import sys
import time

from rich.live import Live

from look.connection import BoardError, GarbledError
from look.history import History
from look.keys import GONE, Keys
from look.report import html_report, svg_picture
from look.snapshot import SnapshotError, parse
from look.terminal import View, picture

PLAIN_WIDTH = 100  # of a picture that goes to no terminal


def is_terminal(stream):
    """Return whether `stream` is a terminal. None, as sys.stdin is when it was closed, is none."""
    return stream is not None and not stream.closed and stream.isatty()


class Session:
    """The looks at one board, by what `options` ask for."""

    def __init__(self, board, title, options, console):
        self.board = board
        self.options = options
        self.console = console
        self.history = History()
        self.view = View(title or "")
        self._is_mark_confirmed = False

    def look(self):
        """Look at the board once more. The first two looks measure the heap: what they load, and what each takes."""
        measure = len(self.history.looks) < 2
        try:
            snapshot = parse(self.board.look(measure))
        except (SnapshotError, GarbledError):  # a handler has printed into it, or allocated so that runs do not fit
            snapshot = parse(self.board.look(measure))
        if self.board.restarts > self.history.restarts and self.view.mark is not None:
            self.view.mark = self.view.leaks = None
            self.view.message = "The board has restarted, and the mark is gone."
        self.history.add(snapshot, self.board.restarts)
        if not self.view.title:
            self.view.title = snapshot.board
        self.view.line_cost = self.board.bytes_sent, self.board.bytes_received
        if not snapshot.regions:
            raise BoardError("physmem has no regions there: call physmem.boot(), init() or boot_in_heap() first")

    def picture(self, width=None, height=None):
        return picture(self.history, self.view, width or self.options.width or self.console.width, height)

    def watch(self, keys, show):
        """Look every interval until the time is over or somebody quits; `show` is called after each change."""
        start = time.monotonic()
        end = math.inf if self.options.seconds is None else start + self.options.seconds
        next_look = start
        while (now := time.monotonic()) < end:
            if now >= next_look and not self.view.is_frozen:
                self.look()
                show()
                next_look = max(next_look + self.options.interval, time.monotonic())
            key = keys.read(min(end, next_look if not self.view.is_frozen else math.inf) - time.monotonic())
            if key and not self.press(key):
                return
            if key:
                show()

    def press(self, key):
        """Do what `key` asks for. Return False if it is to quit."""
        view = self.view
        view.message = ""
        if key in ("q", "\x03", GONE):
            return False
        if key in ("tab", "down", "j", "up", "k"):
            self._pick(-1 if key in ("up", "k") else 1)
        elif key == " ":
            view.is_frozen = not view.is_frozen
        elif key in ("h", "?"):
            view.shows_help = not view.shows_help
        elif key == "m":
            self._mark()
        elif key == "l":
            self._leaks()
        if key != "m":
            self._is_mark_confirmed = False
        return True

    def _pick(self, step):
        regions = self.history.latest.regions
        names = [None, *(region.name for region in regions if not region.is_of_the_firmware)]
        place = names.index(self.view.selected) if self.view.selected in names else 0
        self.view.selected = names[(place + step) % len(names)]

    def _mark(self):
        try:
            if not self._is_mark_confirmed and not self.board.has_owners():
                frames = sum(r.frames for r in self.history.latest.regions if "RESERVED" not in r.attributes)
                self._is_mark_confirmed = True
                self.view.message = f"The tier `owners` will take about {9 * frames:,} bytes of heap: press m again."
                return
            self._is_mark_confirmed = False
            self.view.mark = self.board.mark()
            self.view.leaks = None
            self.view.message = f"Mark {self.view.mark} is set: l lists what was allocated since and is not freed."
        except BoardError as error:
            self._is_mark_confirmed = False
            self.view.message = f"The board could not set a mark: {error}"

    def _leaks(self):
        if self.view.mark is None:
            self.view.message = "No mark is set: press m first."
            return
        try:
            self.view.leaks = self.board.leaks(self.view.mark)
        except BoardError as error:
            self.view.message = f"The board could not tell what has leaked: {error}"

    def watch_in_terminal(self):
        """Show the board in the whole terminal until somebody quits, or until the time is over without a keyboard."""
        keyboard = sys.stdin if is_terminal(sys.stdin) else None
        self.view.is_interactive = keyboard is not None
        try:
            with Keys(keyboard) as keys, Live(console=self.console, screen=True, auto_refresh=False) as live:

                def show():
                    live.update(self.picture(height=self.console.height), refresh=True)

                self.watch(keys, show)
        finally:
            self.view.is_interactive = self.view.shows_help = False
            self.view.message = ""

    def write(self):
        """Write what the options ask for. Return sentences about what could not be written."""
        options, problems = self.options, []
        if options.svg:
            width = options.width or PLAIN_WIDTH
            text = svg_picture(self.picture(width), width, f"physmem: {self.view.title}")
            problems += _written(options.svg, text)
        if options.html:
            problems += _written(options.html, html_report(self.history, self.view))
        if options.json:
            found = self.history.latest.as_dict()
            if not options.once:
                found["history"] = self.history.as_list()
            print(json.dumps(found))
        return problems


def _written(path, text):
    """Write `text` to the file `path`. Return a list: of a sentence if that cannot be done, else of nothing."""
    try:
        pathlib.Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        return [f"cannot write {path}, of {len(text):,} characters ({error.strerror}): give another file"]
    return []
