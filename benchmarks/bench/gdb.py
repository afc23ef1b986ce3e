"""Record the stack pointer of a board under QEMU, instruction by instruction, between two passes of an address.

QEMU stops there for its debugging interface, GDB's remote serial protocol, and logs the registers in between.
"""

import re
import socket
import tempfile
from pathlib import Path

from bench.trace import one_at_a_time
from qemu import Qemu

SECONDS = 60
_POINTER = re.compile(rb"R13=([0-9a-f]{8})")


class Recorder(Qemu):
    """A board that runs freely until `attach`; a context manager."""

    def __init__(self, name):
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name)
        self._path = path / "gdb"
        self._log = path / "log"
        gdb = f"socket,id=gdb,path={self._path},server=on,wait=off"
        options = [*one_at_a_time(), "-d", "nochain", "-D", str(self._log), "-chardev", gdb, "-gdb", "chardev:gdb"]
        super().__init__(name, options=options)
        self._socket = None

    def stop(self):
        if self._socket:
            self._socket.close()
            self._socket = None
        super().stop()
        self._folder.cleanup()

    def attach(self, address):
        """Stop the board, and have it stop from now on where the instruction at *address* comes next."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(SECONDS)
        self._socket.connect(str(self._path))
        self._wait()
        if self._ask(f"Z0,{address:x},2") != b"OK":
            raise RuntimeError(f"QEMU cannot stop {self.board} at {address:#x}")

    def record(self, start):
        """Let the board run and call *start*, which makes it pass the address twice.

        Return the lowest and the highest stack pointer in between. The board runs on.
        """
        self._send("c")
        start()
        self._wait()
        self.ask("log cpu,nochain")
        self._ask("s")
        self._send("c")
        self._wait()
        self.ask("log nochain")
        self._ask("s")
        self._send("c")
        pointers = [int(pointer, 16) for pointer in _POINTER.findall(self._log.read_bytes())]
        self._log.write_bytes(b"")
        return min(pointers), max(pointers)

    def pause(self):
        """Stop the board."""
        self._socket.sendall(b"\x03")
        self._wait()

    def _wait(self):
        reply = self._reply()
        if not reply.startswith(b"T"):
            raise RuntimeError(f"{self.board} did not stop: {reply}")

    def _send(self, command):
        data = command.encode()
        self._socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def _reply(self):
        """Return the next packet, without its frame: $ in front, # and two digits behind."""
        received = b""
        while b"#" not in received or len(received) - received.index(b"#") < 3:
            more = self._socket.recv(4096)
            if not more:
                raise RuntimeError("QEMU has closed the debugger's connection")
            received += more
        self._socket.sendall(b"+")
        return received[received.index(b"$") + 1 : received.index(b"#")]

    def _ask(self, command):
        self._send(command)
        return self._reply()
