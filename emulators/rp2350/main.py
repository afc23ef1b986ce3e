"""python main.py [--unpaced] [--psram=BYTES] [--fault=NAME] FIRMWARE.uf2

Run the firmware of an RP2350 board, as it is shipped, on PyPI's unicorn. The board's USB serial port becomes a TCP
port of this machine. The first line of output tells which: {"event": "listening", "port": ...}. control.py describes
the rest of standard input and output. The program ends with its parent process. With --unpaced, simulated time that
the board sleeps through passes at once. With --fault, the emulator itself has a fault, so that a test can show that it
would be found.
"""

import argparse
import os
import select
import socket
import sys

from board import Board
from client import PACKET, Client
from control import obey, tell
from psram import SIZES

FAULTS = {
    "spin-lock": "a read of a spin lock always gets the lock",
    "dma-ring": "the addresses of a DMA channel do not wrap",
    "psram-set-up": "what makes PSRAM writable has no effect",
}


class Program:
    """The sockets and standard input of the board that *options* describe."""

    def __init__(self, options):
        self._clients = []
        self._typed = b""
        faults = (options.fault,) if options.fault else ()
        self._board = Board(options.firmware, options.psram, not options.unpaced, self._received, self._stopped, faults)
        self._listener = socket.create_server(("127.0.0.1", 0))
        tell({"event": "listening", "port": self._listener.getsockname()[1]})

    def serve(self):
        """Run until standard input ends: then the parent has exited."""
        seconds = 0
        while True:
            sources = [sys.stdin, self._listener, *(client for client in self._clients if not client.is_ending)]
            behind = [client for client in self._clients if client.is_behind]
            readable, writable, _ = select.select(sources, behind, [], seconds)
            for ready in readable:
                if ready is sys.stdin and not self._obey():
                    return
                if ready is self._listener:
                    self._accept()
                elif ready in self._clients:
                    self._take(ready)
            for client in writable:
                self._send_more(client)
            seconds = self._board.step()

    def _obey(self):
        data = os.read(sys.stdin.fileno(), PACKET)
        *lines, self._typed = (self._typed + data).split(b"\n")
        for line in lines:
            obey(self._board, line)
        return bool(data)

    def _accept(self):
        connection, _ = self._listener.accept()
        self._clients.append(Client(connection))

    def _take(self, client):
        try:
            data = client.receive()
        except ConnectionError:  # a client that disconnects is not an error
            data = b""
        if data:
            self._board.send(data)
        elif data is not None:
            self._drop(client)

    def _received(self, data):
        for client in [client for client in self._clients if not client.is_ending]:
            try:
                client.send(data)
            except ConnectionError:
                self._drop(client)

    def _send_more(self, client):
        if client not in self._clients:
            return  # it has just been dropped
        try:
            client.send_more()
        except ConnectionError:
            self._drop(client)
            return
        if client.is_ending and not client.is_behind:
            self._drop(client)

    def _drop(self, client):
        self._clients.remove(client)
        client.close()

    def _stopped(self, halt):
        tell({"event": "stopped", **halt})
        for client in list(self._clients):
            client.is_ending = True
            if not client.is_behind:
                self._drop(client)


def psram_size(text):
    """Return the number in *text*, bytes of PSRAM. Raise ArgumentTypeError if no chip has that many."""
    sizes = (0, *sorted(SIZES))
    try:
        size = int(text, 0)
    except ValueError:
        size = None
    if size not in sizes:
        known = ", ".join(map(str, sizes))
        raise argparse.ArgumentTypeError(f"{text!r} is not the size of a PSRAM chip: set one of {known} bytes")
    return size


def main():
    """Run the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("firmware", help=".uf2 file")
    parser.add_argument("--unpaced", action="store_true", help="let time that the board sleeps through pass at once")
    parser.add_argument("--psram", type=psram_size, default=0, help="bytes of PSRAM that the board has")
    parser.add_argument("--fault", choices=FAULTS, help="a fault on purpose")
    options = parser.parse_args()
    try:
        program = Program(options)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    program.serve()


if __name__ == "__main__":
    main()
