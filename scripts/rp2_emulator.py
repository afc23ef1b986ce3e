"""Run an rp2 board in this project's emulator of its chip: emulators/rp2040 or emulators/rp2350."""

import json
import os
import pty
import select
import socket
import subprocess
import sys
import threading
import tty

from board_list import boards_of, chip
from emulated_board import ROOT, EmulatedBoard, die_with_parent, firmware
from psram_chips import psram_of

EMULATORS = ROOT / "emulators"
PROGRAMS = {
    "rp2040": ["node", EMULATORS / "rp2040" / "main.mjs"],
    "rp2350": [sys.executable, EMULATORS / "rp2350" / "main.py"],
}
"""Chip -> the command that runs its emulator. Both take the same options and commands."""
RP2_BOARDS = tuple(boards_of("rp2"))


def boot_rom(chip_name):
    """Return the path of the boot ROM of that chip: the file that is built last for its emulator."""
    return ROOT / "build" / chip_name / "boot_rom.bin"


class Rp2Emulator(EmulatedBoard):
    """The emulator running a board's .uf2 file as it is shipped; the rest of the flash is erased.

    *psram* is the number of bytes of PSRAM that the board is to have, if not what its memory plan says. Only an RP2350
    has PSRAM: ValueError on an RP2040. The options are those of the emulator: with "--unpaced", simulated time that the
    board sleeps through passes at once instead of in real time; with "--fault=NAME", an RP2350 has that fault.
    Instructions and cycles are the emulator's. Cycles assume that all code is always in the XIP cache, so they tell
    nothing about speed.
    """

    def __init__(self, board, interactive=False, options=(), psram=None):
        super().__init__(board, interactive, options)
        name = board.rpartition("/")[2]  # stock/NAME is a firmware without physmem for that board
        self.chip = chip(name)
        if psram is not None and self.chip != "rp2350":
            raise ValueError(f"{board} has an {self.chip.upper()}, which has no PSRAM: omit psram")
        self.psram = psram_of(name) if psram is None else psram
        self._terminal = None
        self._last_id = 0

    def __str__(self):
        return f"the {self.chip.upper()} emulator"

    def start(self):
        """Start the emulator. Return when its serial line accepts connections."""
        if not boot_rom(self.chip).exists():
            raise RuntimeError(f"{self} is not built: run make build")
        psram = (f"--psram={self.psram}",) if self.psram else ()
        self.process = subprocess.Popen(
            [*PROGRAMS[self.chip], *self.options, *psram, firmware(self.board).with_suffix(".uf2")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        if not line:
            message = self._last_words()
            self.stop()
            raise RuntimeError(f"{self} exited at once: {message}")
        port = json.loads(line)["port"]
        if self.interactive:
            self._terminal = _Terminal(port)
            self.url = self._terminal.path
        else:
            self.url = f"socket://127.0.0.1:{port}"

    def reset(self):
        """Reset the board at once, by its RUN pin.

        The flash keeps its content, and so does the SRAM of an RP2040. An RP2350 loses its SRAM.
        """
        self._do("reset")

    def attend(self):
        """Do nothing: the emulator always looks at what comes over the serial line."""

    def failure(self):
        """Return why the board has stopped until its next reset; None if it is running.

        The text starts with "fault: ", and has the registers of the core, or with "BOOTSEL: " if the board waits for a
        .uf2 file.
        """
        halt = self._do("halt")
        return halt and f"{halt['reason']}: {halt['message']}"

    def statistics(self):
        """Return what has happened since the chip was last reset, as a dict.

        cores         list of {"instructions", "cycles"} that core 0 and core 1 executed
        nanoseconds   simulated time
        spin_locks    number of the SIO spin lock, as a string -> lists with an entry for each core: "acquisitions";
                      "waits", how often it found the lock taken; "refused_reads", its reads while it waited;
                      "longest_instructions" and "longest_cycles", the longest time it held the lock, from the
                      instruction after the claiming read to the releasing write, including interrupt handlers
        """
        return self._do("statistics")

    def reset_statistics(self):
        """Clear the spin lock counts of `statistics`, and `marks`."""
        self._do("reset_statistics")

    def marks(self):
        """Return the points that a program has marked, a list of {"core", "instructions", "cycles"}, in order.

        A mark is the instruction BKPT 0x50, `data(2, 0xBE50)` in asm_thumb. The counts are the core's counts before the
        mark. The mark itself is not counted: with k instructions between two marks, their counts differ by k.
        """
        return self._do("marks")

    def watch(self, address):
        """Switch the power off and on, and watch core 0 from its first instruction on, which takes the emulator longer.

        Then `reached` tells when the code at *address* was reached, and `marks` have two more entries each, "lowest"
        and "highest": the bounds of the stack pointer outside interrupt handlers since the mark before.
        """
        self._do("watch", address=address)

    def reached(self):
        """Return how many instructions core 0 had executed when it reached the address of `watch`; None until then."""
        return self._do("reached")

    def save_flash(self, path):
        """Write the contents of the flash chip to the file *path*."""
        self._do("save_flash", path=str(path))

    def load_flash(self, path):
        """Fill the whole flash chip, including the firmware, from the file *path*. Call `reset` afterwards."""
        self._do("load_flash", path=str(path))

    def stop(self):
        """Kill the emulator if it is running."""
        if self._terminal:
            self._terminal.close()
            self._terminal = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()
            self.process = None

    def _do(self, name, **arguments):
        """Send the emulator the command *name*. Return its result. Raise RuntimeError if it fails."""
        self._last_id += 1
        try:
            self.process.stdin.write(json.dumps({"do": name, "id": self._last_id, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the emulator has exited; read below what it printed
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise RuntimeError(f"{self} could not do {name}: {answer['error']}")
                return answer["result"]
        raise RuntimeError(f"{self} has exited: {self._last_words()}")

    def _last_words(self):
        """Return what the emulator printed on standard error. It must have exited."""
        return self.process.stderr.read().strip()


class _Terminal:
    """A pseudo-terminal at `path` that is connected to a TCP port of this machine."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Keep the terminal's own end open here, so that programs can open and close it.
        self._inner, self._outer = pty.openpty()
        tty.setraw(self._outer)
        os.set_blocking(self._inner, False)
        self.path = os.ttyname(self._outer)
        self._ending, self._end = os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def _copy(self):
        line = self._socket.fileno()
        shown = b""  # what the board has sent and the terminal has no room for yet, because no program reads it
        while True:
            readable, writable, _ = select.select(
                [self._inner, self._ending] + ([] if shown else [line]), [self._inner] if shown else [], []
            )
            if self._ending in readable:
                return
            if self._inner in readable:
                self._socket.sendall(os.read(self._inner, 4096))
            if line in readable:
                shown = self._socket.recv(4096)
                if not shown:
                    return
            if self._inner in writable:
                shown = shown[os.write(self._inner, shown) :]

    def close(self):
        os.write(self._end, b"\0")
        self._thread.join()
        self._socket.close()
        for descriptor in (self._inner, self._outer, self._ending, self._end):
            os.close(descriptor)
