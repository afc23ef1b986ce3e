"""Boards that run in an emulator: under QEMU, or on this project's emulator of the RP2040."""

import json
import pathlib
import re
import socket
import subprocess
import time

from boards import boards_of, chip
from emulated_board import BOOT_SECONDS, ROOT, EmulatedBoard, die_with_parent, firmware, memory_map
from rp2040_emulator import Rp2040Emulator

PORT_ATTEMPTS = 5

MACHINES = {
    "MPS2_AN385": "mps2-an385",
    "MPS2_AN500": "mps2-an500",
    "MPS2_AN505": "mps2-an505",
}
"""Board -> QEMU's name of the machine."""

RP2040_BOARDS = tuple(board for board in boards_of("rp2") if chip(board) == "rp2040")

__all__ = [
    "BOOT_SECONDS",
    "MACHINES",
    "ROOT",
    "RP2040_BOARDS",
    "Emulator",
    "Rp2040Emulator",
    "emulator_of",
    "firmware",
    "memory_map",
]


def emulator_of(board, interactive=False, options=()):
    """The EmulatedBoard that runs *board*, not yet started."""
    kind = Rp2040Emulator if board in RP2040_BOARDS else Emulator
    return kind(board, interactive, options)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listener(port):
    """What Linux calls the socket that listens on the local *port*, such as "socket:[1234]"; None if there is none."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:4] == [f"0100007F:{port:04X}", "00000000:0000", "0A"]:
            return f"socket:[{fields[9]}]"
    return None


def _sockets(process_id):
    """What Linux calls the open files of a process."""
    try:
        return {str(link.readlink()) for link in pathlib.Path(f"/proc/{process_id}/fd").iterdir()}
    except OSError:
        return set()


class Emulator(EmulatedBoard):
    """QEMU running a board."""

    def __init__(self, board, interactive=False, options=()):
        super().__init__(board, interactive, options)
        self._monitor = None

    def start(self):
        """Start QEMU with the board's firmware; returns when its serial line can be connected to."""
        if self.interactive:
            self._start("pty")
            self.url = self._terminal()
            return
        for _ in range(PORT_ATTEMPTS):
            port = _free_port()
            self._start(f"tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on")
            if self._listens(port):
                self.url = f"socket://127.0.0.1:{port}"
                return
            # Somebody else may have taken the port in the meantime.
            message = self._last_words()
            if "in use" not in message:
                break
        raise RuntimeError(f"QEMU ended at once: {message}")

    def _start(self, serial_line):
        monitor, its_end = socket.socketpair()
        command = ["qemu-system-arm", "-machine", MACHINES[self.board], "-kernel", str(firmware(self.board))]
        command += ["-semihosting", "-display", "none", "-serial", serial_line]
        command += ["-chardev", f"socket,id=monitor,fd={its_end.fileno()}", "-mon", "chardev=monitor,mode=control"]
        command += self.options
        with monitor, its_end:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[its_end.fileno()],
                preexec_fn=die_with_parent,
                start_new_session=True,
            )
            self._monitor = monitor.makefile("rw")
            self._order("qmp_capabilities")  # QEMU takes no other before

    def _last_words(self):
        """What QEMU has said, now that it must end."""
        self.process.kill()
        message = self.process.stdout.read().decode(errors="replace").strip()
        self.stop()
        return message

    def _terminal(self):
        """The path of the pseudo-terminal, which QEMU says in its first line."""
        line = self.process.stdout.readline().decode(errors="replace")
        path = re.search(r"/dev/pts/\d+", line)
        if not path:
            raise RuntimeError(f"QEMU opened no pseudo-terminal: {line}{self._last_words()}")
        return path.group()

    def _listens(self, port):
        """Wait until QEMU listens on *port*; False when QEMU has ended instead."""
        deadline = time.monotonic() + BOOT_SECONDS
        while self.process.poll() is None:
            if _listener(port) in _sockets(self.process.pid):
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"QEMU did not open its serial port within {BOOT_SECONDS} s")
            time.sleep(0.01)
        return False

    def reset(self):
        """Reset the board as its reset pin does, at once, whatever it does. What it sent before can still be read."""
        self._do("system_reset")

    def attend(self):
        """Have QEMU look at once at what came over the serial line while the board did not receive, as in a reset: by
        itself it does so once a second."""
        self._do("query-status")

    def _order(self, name):
        """Tell QEMU's monitor to do what it calls *name*."""
        self._monitor.write(json.dumps({"execute": name, "id": name}) + "\n")
        self._monitor.flush()

    def _do(self, name):
        """The same; returns when it is done."""
        self._order(name)
        for line in self._monitor:
            if json.loads(line).get("id") == name:
                return
        raise RuntimeError("QEMU has ended")

    def stop(self):
        """Kill QEMU, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self._monitor.close()
            self.process = None
