"""Requests that no client library would send, byte for byte."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing

from tests.parts.client import Answer


def raw_answer(
    address: tuple[str, int], request: bytes, *, method: str = "GET", half_closed: bool = False, timeout: float = 30
) -> Answer:
    """Send these bytes and return the answer. `half_closed`: shut down the sending side after them."""
    with closing(socket.create_connection(address, timeout=timeout)) as sock:
        sock.sendall(request)
        if half_closed:
            sock.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(sock, method=method)
        response.begin()
        text = response.read().decode()
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return Answer(response.status, response.headers, body, text)
