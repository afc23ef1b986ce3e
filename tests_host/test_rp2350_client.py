"""A client of the RP2350 emulator that does not read, without an emulated board."""

import select
import socket

import pytest

from client import PACKET, Client

MORE_THAN_THE_KERNEL_KEEPS = bytes(range(256)) * (64 << 10)  # 16 MiB


@pytest.fixture
def ends():
    """Yield the Client and the socket at its other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = socket.create_connection(listener.getsockname(), timeout=10)
        client = Client(listener.accept()[0])
        yield client, other
        client.close()
        other.close()


def test_what_is_not_read_is_kept_and_sent_later_in_order(ends):
    client, other = ends
    client.send(MORE_THAN_THE_KERNEL_KEEPS)
    assert client.is_behind
    client.send(b"end")
    seen = bytearray()
    while not seen.endswith(b"end"):
        seen += other.recv(1 << 20)
        if client.is_behind and select.select([], [client], [], 0)[1]:
            client.send_more()
    assert seen == MORE_THAN_THE_KERNEL_KEEPS + b"end"
    assert not client.is_behind


def test_what_is_read_is_not_kept(ends):
    client, other = ends
    client.send(b"prompt")
    assert not client.is_behind and other.recv(PACKET) == b"prompt"


def test_receive(ends):
    client, other = ends
    assert client.receive() is None
    other.sendall(b"typed")
    select.select([client], [], [], 10)
    assert client.receive() == b"typed"
    other.close()
    select.select([client], [], [], 10)
    assert client.receive() == b""


def test_a_client_that_has_gone_is_a_connection_error(ends):
    client, other = ends
    client.send(MORE_THAN_THE_KERNEL_KEEPS)
    other.close()
    select.select([], [client], [], 10)
    with pytest.raises(ConnectionError):
        for _ in range(2):  # the first may only learn of it
            client.send_more()
