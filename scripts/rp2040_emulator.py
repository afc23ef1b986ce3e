"""A Raspberry Pi Pico on this project's emulator, scripts/rp2040: npm's rp2040js with what it lacks."""

import json
import os
import pty
import select
import socket
import subprocess
import threading
import tty

from emulated_board import ROOT, EmulatedBoard, die_with_parent, firmware

PROGRAM = ROOT / "scripts" / "rp2040" / "main.mjs"
BOOT_ROM = ROOT / "build" / "rp2040" / "boot_rom.bin"
"""What is built last for the emulator."""


class Rp2040Emulator(EmulatedBoard):
    """The emulator running the .uf2 file of a board, as it is shipped, on flash that is erased but for that.

    The options are those of scripts/rp2040/main.mjs: "--unpaced" lets the simulated time that the board sleeps through
    pass at once, not at the pace of the clock on the wall. Instructions and cycles are the emulator's; a cycle is that
    of a core whose code is in the XIP cache at all times, so cycles say nothing about speed.
    """

    def __init__(self, board, interactive=False, options=()):
        super().__init__(board, interactive, options)
        self._terminal = None
        self._last_id = 0

    def start(self):
        """Start the emulator; returns when its serial line can be connected to."""
        if not BOOT_ROM.exists():
            raise RuntimeError("the emulator of the RP2040 is not built: run make build")
        self.process = subprocess.Popen(
            ["node", PROGRAM, *self.options, firmware(self.board).with_suffix(".uf2")],
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
            raise RuntimeError(f"the emulator of the RP2040 ended at once: {message}")
        port = json.loads(line)["port"]
        if self.interactive:
            self._terminal = _Terminal(port)
            self.url = self._terminal.path
        else:
            self.url = f"socket://127.0.0.1:{port}"

    def reset(self):
        """Reset the board by its RUN pin, at once, whatever it does. SRAM and flash keep their contents."""
        self._do("reset")

    def attend(self):
        """Nothing to do: the emulator always looks at what comes over the serial line."""

    def failure(self):
        """Why the board runs no more before a reset: "fault: ..." with the registers of the core, "BOOTSEL: ..." when
        it waits for a .uf2 file; None when it runs."""
        halt = self._do("halt")
        return halt and f"{halt['reason']}: {halt['message']}"

    def statistics(self):
        """What has happened since the last reset of the chip, as a dict.

        cores         {"instructions", "cycles"} of core 0 and core 1, executed
        nanoseconds   simulated time
        spin_locks    number of the SIO spin lock, as a string -> lists with an entry for each core: "acquisitions";
                      "waits", how often it found the lock taken, and "refused_reads", its reads meanwhile;
                      "longest_instructions" and "longest_cycles" of the holding core, from the instruction after the
                      claiming read to the releasing write, interrupt handlers in between included
        """
        return self._do("statistics")

    def reset_statistics(self):
        """Begin the counts of `statistics`'s spin locks, and `marks`, anew."""
        self._do("reset_statistics")

    def marks(self):
        """The points that a program has marked by the instruction BKPT 0x50, `data(2, 0xBE50)` in asm_thumb: a list of
        {"core", "instructions", "cycles"}, in order. The counts are those of the core before the mark, which itself
        counts as nothing: k instructions between two marks make a difference of k."""
        return self._do("marks")

    def save_flash(self, path):
        """Write the contents of the flash chip to the file *path*."""
        self._do("save_flash", path=str(path))

    def load_flash(self, path):
        """Fill the flash chip, firmware and all, from the file *path*: best before a `reset`."""
        self._do("load_flash", path=str(path))

    def stop(self):
        """Kill the emulator, if it runs."""
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
        """Have the emulator do *name*: the result. Raises RuntimeError."""
        self._last_id += 1
        try:
            self.process.stdin.write(json.dumps({"do": name, "id": self._last_id, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read what it has said
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._last_id:
                if "error" in answer:
                    raise RuntimeError(f"the emulator of the RP2040 cannot do {name}: {answer['error']}")
                return answer["result"]
        raise RuntimeError(f"the emulator of the RP2040 has ended: {self._last_words()}")

    def _last_words(self):
        """What the emulator, which has ended, has said on its standard error."""
        return self.process.stderr.read().strip()


class _Terminal:
    """A pseudo-terminal at `path` whose bytes go to a TCP port of this machine, and back."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Its own end stays open here, so that programs may come and go.
        self._inner, self._outer = pty.openpty()
        tty.setraw(self._outer)
        self.path = os.ttyname(self._outer)
        self._ending, self._end = os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def _copy(self):
        line = self._socket.fileno()
        while True:
            readable, _, _ = select.select([line, self._inner, self._ending], [], [])
            if self._ending in readable:
                return
            if self._inner in readable:
                self._socket.sendall(os.read(self._inner, 4096))
            if line in readable:
                data = self._socket.recv(4096)
                if not data:
                    return
                os.write(self._inner, data)

    def close(self):
        os.write(self._end, b"\0")
        self._thread.join()
        self._socket.close()
        for descriptor in (self._inner, self._outer, self._ending, self._end):
            os.close(descriptor)
