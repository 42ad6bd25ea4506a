"""Both kinds of the Python client behind one face: a test is written once, and asyncio runs in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx

import fairboard_client
from fairboard_client import Retries

QUICK = Retries(first_pause=0.01)


class Kind:
    """Makes clients of one kind. They have the methods of the blocking ones; calls from several threads overlap."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        # All clients share it: making one takes 15 ms. No proxy of the shell's must stand before this machine.
        kind = httpx.Client if loop is None else httpx.AsyncClient
        self._http: Any = kind(trust_env=False, timeout=30)

    def server(self, url: str, key: str, retries: Retries = QUICK) -> Any:
        """Return a game's server."""
        return self._make("Server", url, key=key, retries=retries)

    def player(self, url: str, **options: Any) -> Any:
        """Return a player."""
        return self._make("Player", url, **{"retries": QUICK, **options})

    def close(self) -> None:
        if self._loop is None:
            self._http.close()
        else:
            asyncio.run_coroutine_threadsafe(self._http.aclose(), self._loop).result()

    def _make(self, name: str, *arguments: Any, **options: Any) -> Any:
        options["http"] = self._http
        if self._loop is None:
            return getattr(fairboard_client, name)(*arguments, **options)
        return _Blocking(getattr(fairboard_client, f"Async{name}")(*arguments, **options), self._loop)


class _Blocking:
    """An asyncio client whose calls block."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not callable(attribute):
            is_group = type(attribute).__module__.startswith("fairboard_client")
            return _Blocking(attribute, self._loop) if is_group else attribute

        def call(*arguments: Any, **options: Any) -> Any:
            result = attribute(*arguments, **options)
            if inspect.isasyncgen(result):
                return iter(self._wait(_list(result)))
            return self._wait(result) if inspect.iscoroutine(result) else result

        return call

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _list(rows: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in rows]


@contextmanager
def kind_of(name: str) -> Iterator[Kind]:
    """Yield the `sync` or the `async` kind, and close its clients at the end."""
    if name == "sync":
        kind = Kind(None)
        yield kind
        kind.close()
        return
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    kind = Kind(loop)
    try:
        yield kind
        kind.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
