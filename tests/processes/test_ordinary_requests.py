"""Requests that are read the short way are read as gunicorn reads them, and so are all others.

`ODD_REQUESTS=100000` tries as many connections, and `ODD_SEED` others.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from random import Random

import pytest

from tests.parts import echo
from tests.parts.odd_requests import CANARY, stream
from tests.parts.raw import raw_answer

Address = tuple[str, int]
_CONNECTIONS = int(os.environ.get("ODD_REQUESTS", "1000"))
_SEED = int(os.environ.get("ODD_SEED", "1"))
# New for each answer, or different by intent; and ids: odd_requests.py has the reason.
_CHANGING = re.compile(rb"\r\n(Date|X-Reader): [^\r]+|(?<=\r\nX-Request-ID: )[^\r]+|(?<=\"request_id\": \")[^\"]+")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Address, Address]]:
    folder = tmp_path_factory.mktemp("echo")
    with echo.serving(echo.OURS, folder) as ours, echo.serving(echo.GUNICORNS, folder) as gunicorns:
        yield ours, gunicorns


def answers(address: Address, pieces: list[bytes]) -> bytes:
    """Send the pieces, then no more; return all that comes back until the server hangs up."""
    received = b""
    with socket.create_connection(address, timeout=30) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces[:-1]:
                sock.sendall(piece)
                time.sleep(0.001)
            sock.sendall(pieces[-1])
            sock.shutdown(socket.SHUT_WR)
        except OSError:  # it has hung up already
            pass
        try:
            while data := sock.recv(262_144):
                received += data
        except ConnectionResetError:
            pass
    return _CHANGING.sub(b"", received)


def differs(servers: tuple[Address, Address], pieces: list[bytes]) -> tuple[bytes, bytes] | None:
    """Return the two answers if they differ, whenever these pieces are sent.

    A server that hangs up with bytes unread resets the connection, and how much of an answer arrives is a matter of
    time then; so is which pieces come with one read.
    """
    for _ in range(5):
        ours, gunicorns = (answers(server, pieces) for server in servers)
        if ours == gunicorns:
            return None
        time.sleep(0.01)
    return ours, gunicorns


def test_the_short_way_is_taken_under_our_configuration(servers: tuple[Address, Address]) -> None:
    """Else the other test would compare gunicorn with itself."""
    ours, gunicorns = (raw_answer(server, CANARY).headers["X-Reader"] for server in servers)
    assert (ours, gunicorns) == ("BytesIO", "Body")


def test_every_request_has_the_answer_that_gunicorn_would_give(servers: tuple[Address, Address]) -> None:
    """The canary at the end of each connection is answered only where both found the end of what came before it."""
    random = Random(_SEED)
    for number in range(_CONNECTIONS):
        pieces = stream(random)
        difference = differs(servers, pieces)
        assert difference is None, (number, pieces, *difference)
    assert b'"PATH_INFO": "/canary"' in answers(servers[0], [CANARY])
