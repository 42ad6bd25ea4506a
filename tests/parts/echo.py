"""A WSGI app that answers with what it was given, under gunicorn as the product runs it, and under gunicorn's own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from devstack.child import free_port
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

OURS, GUNICORNS = "deploy/gunicorn.conf.py", "python:tests.parts.gunicorns_own"
_OF_SERVER = {"REMOTE_PORT", "SERVER_PORT"}
_STATUS = {"204": "204 NO CONTENT", "304": "304 NOT MODIFIED", "404": "404 NOT FOUND"}
Start = Callable[..., Any]


class _Echo:
    """The app. The query of a request chooses among ways to answer."""

    # The configuration's hook tells the push tier when its worker stops; this app has no push tier.
    extensions = {"fairboard.ws": SimpleNamespace()}  # noqa: RUF012

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        wanted = dict(parse_qsl(environ["QUERY_STRING"]))
        texts = {key: value for key, value in environ.items() if isinstance(value, str | int | tuple)}
        for key in _OF_SERVER:
            texts.pop(key)
        answer = {
            "environ": texts,
            "keys": sorted(environ),
            "body": None if "unread" in wanted else _body(environ["wsgi.input"]),
        }
        content = json.dumps(answer, sort_keys=True).encode()
        headers = [("Content-Type", "application/json"), ("X-Spaces", "  a b "), _reader(environ)]
        if "streamed" not in wanted:
            headers.append(("content-length" if "file" in wanted else "Content-Length", str(len(content))))
        if "raised" in wanted:
            raise ValueError("as asked")
        if "split" in wanted:
            headers.append(("X-Split", "a\r\nX-Injected: b"))
        if "hop" in wanted:
            headers.append(("Connection", "close"))
        start(_STATUS.get(wanted.get("status", ""), "200 OK"), headers)
        if "file" in wanted:
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(content))
            return wrapped
        return iter([content[:9], b"", content[9:]]) if "streamed" in wanted or "parts" in wanted else [content]


def _reader(environ: dict[str, Any]) -> tuple[str, str]:
    return "X-Reader", type(environ["wsgi.input"]).__name__


def _body(stream: Any) -> list[str]:
    try:
        lines = [stream.readline(), stream.read(3), stream.read(), stream.read()]
    except (OSError, EOFError) as error:
        return [type(error).__name__]
    return [line.decode("latin-1") for line in lines]


def _answers(address: tuple[str, int]) -> bool:
    return raw_answer(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5).status == 200


app = _Echo()


@contextmanager
def serving(configuration: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Run the app under a gunicorn with this configuration; yield its address."""
    address = ("127.0.0.1", free_port())
    # It uses no other server, so these need not exist.
    addresses = {"DATABASE_URL": "postgresql://127.0.0.1:9/x", "REDIS_URL": "redis://127.0.0.1:9/0"}
    settings = {"APP_ENV": "development", "HOST": address[0], "PORT": str(address[1]), "WEB_WORKERS": "1"}
    with (folder / f"{address[1]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", configuration, "tests.parts.echo:app"],
            env={**os.environ, **addresses, **settings},
            stderr=log,
        )
    try:
        eventually(partial(_answers, address), within=60)
        yield address
    finally:
        process.terminate()
        process.wait(30)
