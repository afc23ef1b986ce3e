"""Run boards under QEMU."""

import functools
import json
import pathlib
import re
import signal
import socket
import subprocess
import time

from board_list import boards_of
from emulated_board import BOOT_SECONDS, EmulatedBoard, die_with_parent, firmware

PORT_ATTEMPTS = 5
EXIT_SECONDS = 1  # that QEMU may take to exit after it has closed the serial line
STM32_BOARDS = boards_of("stm32")

QEMU_MACHINES = {
    "MPS2_AN385": "mps2-an385",
    "MPS2_AN500": "mps2-an500",
    "MPS2_AN505": "mps2-an505",
    "NETDUINO_PLUS_2": "netduinoplus2",
}
"""Board -> name of the QEMU machine. A board in a folder of build/, such as stock/MPS2_AN385, runs on the same one."""


@functools.cache
def qemu_version():
    """Return the version of QEMU as numbers, such as (7, 2, 22)."""
    said = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in re.search(r"version (\d+(?:\.\d+)*)", said)[1].split("."))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listener(port):
    """Return Linux's name of the socket that listens on the local *port*, such as "socket:[1234]"; None without one."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:4] == [f"0100007F:{port:04X}", "00000000:0000", "0A"]:
            return f"socket:[{fields[9]}]"
    return None


def _sockets(process_id):
    """Return Linux's names of the open files of a process."""
    try:
        return {str(link.readlink()) for link in pathlib.Path(f"/proc/{process_id}/fd").iterdir()}
    except OSError:
        return set()


class Qemu(EmulatedBoard):
    """QEMU running a board."""

    def __init__(self, board, interactive=False, options=()):
        super().__init__(board, interactive, options)
        self._monitor = None
        self.drops_early_input = board in STM32_BOARDS

    def start(self):
        """Start QEMU with the board's firmware. Return when its serial line accepts connections."""
        if self.interactive:
            self._start("pty")
            self.url = self._terminal()
            return
        for _ in range(PORT_ATTEMPTS):
            port = _free_port()
            # The board starts when somebody listens, so that its prompt is not lost.
            wait = "on" if self.drops_early_input else "off"
            self._start(f"tcp:127.0.0.1:{port},server=on,wait={wait},nodelay=on")
            if self._listens(port):
                self.url = f"socket://127.0.0.1:{port}"
                return
            # Another process may have taken the port since it was found free.
            message = self._last_words()
            if "in use" not in message:
                break
        raise RuntimeError(f"QEMU exited at once: {message}")

    def _start(self, serial_line):
        monitor, its_end = socket.socketpair()
        machine = QEMU_MACHINES[self.board.rpartition("/")[2]]
        command = ["qemu-system-arm", "-machine", machine, "-kernel", str(firmware(self.board))]
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
            self._order("qmp_capabilities")  # QEMU accepts no other command before it

    def _last_words(self):
        """Stop QEMU and return what it has printed."""
        self.process.kill()
        message = self.process.stdout.read().decode(errors="replace").strip()
        self.stop()
        return message

    def failure(self):
        """Return the last line that QEMU has printed, if it has exited; else None.

        A board that waits for somebody to listen only gets its devices then, so that QEMU may refuse them late.
        """
        if self.process is None:
            return None
        try:
            self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        said = self.process.stdout.read().decode(errors="replace").strip().splitlines()
        return f"QEMU exited: {said[-1]}" if said else "QEMU exited"

    def _terminal(self):
        """Return the path of the pseudo-terminal, which QEMU prints in its first line."""
        line = self.process.stdout.readline().decode(errors="replace")
        path = re.search(r"/dev/pts/\d+", line)
        if not path:
            raise RuntimeError(f"QEMU did not open a pseudo-terminal: {line}{self._last_words()}")
        return path.group()

    def _listens(self, port):
        """Wait until QEMU listens on *port*. Return False if QEMU exits instead."""
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
        """Reset the board at once, as its reset pin would. You can still read what it sent before."""
        self._do("system_reset")

    def pause(self):
        """Stop the process until `resume`, if the board has a time of its own: with that, a board that waits for its
        next tick takes all of a processor's core."""
        if any("sleep=off" in option for option in self.options):
            self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def attend(self):
        """Make QEMU deliver at once what came over the serial line while the board did not receive, as during a reset.

        Without this, QEMU looks only once a second.
        """
        self._do("query-status")

    def word(self, address):
        """Return the 32 bits at *address*."""
        # The reply is like "0000000020000000: 0x12345678".
        return int(self.ask(f"xp /1wx {address}").split()[1], 16)

    def ask(self, command):
        """Give QEMU's monitor a *command* of the kind that people type. Return what it prints."""
        return self._do("human-monitor-command", **{"command-line": command})

    def _order(self, name, **arguments):
        """Send QEMU's monitor the command *name*."""
        self._monitor.write(json.dumps({"execute": name, "id": name, "arguments": arguments}) + "\n")
        self._monitor.flush()

    def _do(self, name, **arguments):
        """Send QEMU's monitor the command *name*. Return its result when it is done."""
        self._order(name, **arguments)
        for line in self._monitor:
            reply = json.loads(line)
            if reply.get("id") == name:
                return reply.get("return")
        raise RuntimeError("QEMU has exited")

    def stop(self):
        """Kill QEMU if it is running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self._monitor.close()
            self.process = None
