"""A listening socket that is held off: connected clients stay, and no new ones get in."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from deploy.draining import count_waiting, hold_off, let_in
from tests.parts.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's own")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def connect(listener: socket.socket, timeout: float = 5) -> socket.socket:
    return socket.create_connection(listener.getsockname(), timeout=timeout)


def test_who_is_in_the_queue_is_counted_and_served(listener: socket.socket) -> None:
    clients = [connect(listener) for _ in range(3)]
    assert count_waiting(listener) == 3
    hold_off([listener])
    for client in clients:
        client.sendall(b"after")
    for count in (2, 1, 0):
        server, _ = listener.accept()
        assert server.recv(5) == b"after"
        server.sendall(b"answer")
        assert count_waiting(listener) == count
        server.close()
    assert [client.recv(6) for client in clients] == [b"answer"] * 3


def test_who_comes_later_waits_and_is_refused_once_the_port_is_closed(listener: socket.socket) -> None:
    hold_off([listener])
    with pytest.raises(TimeoutError):
        connect(listener, timeout=0.2)
    assert count_waiting(listener) == 0
    address = listener.getsockname()
    listener.close()

    def refused() -> bool:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=0.2)
        return True

    assert eventually(refused)


def test_a_socket_of_another_kind_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        hold_off([ours])
        theirs.sendall(b"x")
        assert ours.recv(1) == b"x"
        assert count_waiting(ours) == 0


def test_who_was_held_off_is_let_in_again(listener: socket.socket) -> None:
    let_in([listener])  # no socket is held off yet
    hold_off([listener])
    with pytest.raises(TimeoutError):
        connect(listener, timeout=0.2)
    let_in([listener])
    with connect(listener):
        assert count_waiting(listener) >= 1
