"""A TCP client of the board's serial port. The emulator never waits for one: it keeps what a client does not take yet,
without bound, as the emulator of the RP2040 does."""

import socket

PACKET = 4096


class Client:
    """The client at the other end of *connection*. Each method raises ConnectionError once the client has gone."""

    def __init__(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._connection = connection
        self._unsent = bytearray()
        self.is_ending = False  # it gets what is unsent, and then the end

    def fileno(self):
        """Return the number that select() takes."""
        return self._connection.fileno()

    @property
    def is_behind(self):
        """Whether something is unsent."""
        return bool(self._unsent)

    def receive(self):
        """Return what the client has sent; b"" if it has closed the connection, None if there is nothing."""
        try:
            return self._connection.recv(PACKET)
        except BlockingIOError:
            return None

    def send(self, data):
        """Send *data* after what is unsent."""
        was_behind = self.is_behind
        self._unsent += data
        if not was_behind:
            self.send_more()

    def send_more(self):
        """Send as much of what is unsent as the client takes now."""
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            return
        del self._unsent[:sent]

    def close(self):
        """Close the connection; what is unsent is lost."""
        self._connection.close()
