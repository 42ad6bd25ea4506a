"""The id in an answer to a request that the app did not answer."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.unreader import IterUnreader

from deploy.incoming import Request


@pytest.mark.parametrize("is_own", [True, False])
def test_the_id_is_of_the_request_itself(is_own: bool) -> None:
    """The next request may have come with it, or a body that looks like one."""
    given = b"X-Request-ID: own\r\n" if is_own else b""
    data = b"GET / HTTP/1.1\r\nHost: x\r\n" + given + b"\r\nGET / HTTP/1.1\r\nX-Request-ID: other\r\n\r\n"
    request_id = Request(Config(), IterUnreader([data]), ("127.0.0.1", 1)).request_id()
    assert (request_id == "own") is is_own
    assert request_id != "other"
