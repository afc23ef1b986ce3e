"""A rack of emulated boards that labgrid serves on this PC: coordinator, exporter, and a place for each board.

All of labgrid is the real one, and so is its way to a serial port: the exporter starts ser2net on the port of the board
whose place is acquired. The ports are pseudo-terminals with emulators behind them.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from pathlib import Path

from emulated_board import die_with_parent
from emulators import emulator_of
from harness.labgrid_place import ENVIRONMENT
from harness.host_programs import printed_by

NAME = "rack"
SECONDS = 60
LOCAL = "127.0.0.1"


def place_of(board):
    """Return the name of the place of that board."""
    return board.lower()


class Farm:
    """The rack of *boards*; a context manager. `environment` is that of programs that use it.

    The boards in *raw* are served by QEMU itself instead, as bytes over TCP: a serial server in the network.
    """

    def __init__(self, boards, raw=()):
        self._boards, self._raw = boards, raw
        self._stack = contextlib.ExitStack()
        self.environment = None

    def __enter__(self):
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def _start(self):
        if not (ENVIRONMENT / "labgrid-client").exists():
            raise RuntimeError("labgrid is not installed: run make test-farm, which installs it")
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="physmem_farm_")))
        coordinator = self._program(folder, "coordinator", "--listen", f"{LOCAL}:0")
        address = self._line_of(folder / "coordinator.log", coordinator, "listening on ").rpartition(" ")[2]
        self.environment = {**os.environ, "LG_COORDINATOR": address}
        resources = folder / "exporter.yaml"
        resources.write_text("".join(self._resource(board) for board in self._boards))
        options = ("--name", NAME, "--hostname", LOCAL, "--coordinator", address)
        exporter = self._program(folder, "exporter", *options, resources)
        for board in self._boards:
            self._line_of(folder / "exporter.log", exporter, f"add resource {place_of(board)}/")
            self.client("--place", place_of(board), "create")
            self.client("--place", place_of(board), "add-match", f"{NAME}/{place_of(board)}/NetworkSerialPort")

    def _resource(self, board):
        """Start the emulator of *board*. Return its part of the exporter's configuration."""
        is_raw = board in self._raw
        url = self._stack.enter_context(emulator_of(board, interactive=not is_raw)).url
        if not is_raw:
            return f"{place_of(board)}:\n  RawSerialPort:\n    port: {url}\n    speed: 115200\n"
        host, _, port = url.removeprefix("socket://").partition(":")
        return f"{place_of(board)}:\n  NetworkSerialPort:\n    host: {host}\n    port: {port}\n    protocol: raw\n"

    def _program(self, folder, name, *arguments):
        """Start labgrid's program of that name, which is stopped at the end. What it prints is in NAME.log."""
        log = self._stack.enter_context((folder / f"{name}.log").open("w"))
        process = subprocess.Popen(
            [ENVIRONMENT / f"labgrid-{name}", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=die_with_parent,
            start_new_session=True,
        )

        def stop():
            process.terminate()
            process.wait(SECONDS)

        self._stack.callback(stop)
        return process

    @staticmethod
    def _line_of(log, process, text):
        """Wait until the *process* has written a line with *text* to the *log*, and return the line."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = [line for line in log.read_text().splitlines() if text in line]
            if found:
                return found[0]
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"labgrid's {log.stem} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def client(self, *arguments):
        """Run labgrid-client with these *arguments*. Return what it printed; RuntimeError if it fails."""
        return printed_by([ENVIRONMENT / "labgrid-client", *arguments], SECONDS, env=self.environment)
