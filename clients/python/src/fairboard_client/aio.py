"""The clients for asyncio."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

import httpx

from fairboard_client.calls import Calls, ReadCalls
from fairboard_client.errors import FairboardError
from fairboard_client.player_calls import OnTokens, PlayerCalls
from fairboard_client.retries import Retries
from fairboard_client.server_calls import ServerCalls
from fairboard_client.steps import Acquire, Effect, Item, Pause, Steps, Stream
from fairboard_client.transport import TIMEOUT, base_of, lost, reply
from fairboard_client.types import TokenPair
from fairboard_client.wire import Outcome, Request

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=Calls)
C_co = TypeVar("C_co", bound=Calls, covariant=True)

Wait = Callable[[float, FairboardError], Awaitable[object]]


class _Transport:
    """Performs the effects of calls."""

    def __init__(self, url: str, http: httpx.AsyncClient | None, wait: Wait | None) -> None:
        self._base = base_of(url)
        self._own = None if http else httpx.AsyncClient(timeout=TIMEOUT)
        self._http = http or cast(httpx.AsyncClient, self._own)
        self._wait: Wait = wait or (lambda seconds, error: asyncio.sleep(seconds))
        self.lock = asyncio.Lock()

    async def run(self, steps: Steps[T]) -> T:
        outcome = None
        try:
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration as end:
                    return cast(T, end.value)
                outcome = await self._perform(effect)
        finally:
            steps.close()

    async def iterate(self, stream: Stream[T]) -> AsyncIterator[T]:
        outcome = None
        try:
            while True:
                try:
                    effect = stream.send(outcome)
                except StopIteration:
                    return
                outcome = None
                if isinstance(effect, Item):
                    yield effect.value
                else:
                    outcome = await self._perform(effect)
        finally:
            stream.close()

    async def close(self) -> None:
        if self._own:
            await self._own.aclose()

    async def _perform(self, effect: Effect) -> Outcome | None:
        if isinstance(effect, Pause):
            await self._wait(effect.seconds, effect.error)
        elif isinstance(effect, Acquire):
            await self.lock.acquire()
        else:
            return await self._send(effect.request)
        return None

    async def _send(self, request: Request) -> Outcome:
        try:
            return reply(
                await self._http.request(
                    request.method, self._base + request.path, headers=request.headers, content=request.body
                )
            )
        except httpx.RequestError as error:
            return lost(error)


class _Group(Generic[C_co]):
    """Calls, and the transport that performs them."""

    def __init__(self, calls: C_co, transport: _Transport) -> None:
        self._calls, self._transport = calls, transport


def _run(method: Callable[Concatenate[C, P], Steps[T]]) -> Callable[Concatenate[_Group[C], P], Coroutine[Any, Any, T]]:
    @functools.wraps(method)
    async def run(self: _Group[C], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._transport.run(method(self._calls, *args, **kwargs))

    return run


def _iterate(method: Callable[Concatenate[C, P], Stream[T]]) -> Callable[Concatenate[_Group[C], P], AsyncIterator[T]]:
    @functools.wraps(method)
    def iterate(self: _Group[C], /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self._transport.iterate(method(self._calls, *args, **kwargs))

    return iterate


class _Client(_Group[C_co]):
    """The calls that every client has."""

    call = _run(Calls.call)
    request = _run(Calls.request)
    top = _iterate(ReadCalls.top)
    around = _run(ReadCalls.around)
    lookup = _run(ReadCalls.lookup)
    standing = _run(ReadCalls.standing)
    player = _run(ReadCalls.player)
    history = _iterate(ReadCalls.history)
    boards = _run(ReadCalls.boards)
    board = _run(ReadCalls.board)
    seasons = _run(ReadCalls.seasons)
    action_types = _run(ReadCalls.action_types)

    async def close(self) -> None:
        """Close the connections, unless they are those of a client that was passed in."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncPlayers(_Group[ServerCalls]):
    """The players of a game's own."""

    put = _run(ServerCalls.put_player)
    tokens = _run(ServerCalls.player_tokens)


class AsyncScores(_Group[ServerCalls]):
    """The scores that a game's server submits."""

    submit = _run(ServerCalls.submit_score)
    batch = _run(ServerCalls.submit_batch)


class AsyncServer(_Client[ServerCalls]):
    """A game's own server, with its API key. Tasks may share it.

    `http` is a client of your own, with your proxies and certificates; its timeout counts for each try. `wait` is
    called with the seconds and the reason of each pause between two tries, in place of `asyncio.sleep`.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
        wait: Wait | None = None,
    ) -> None:
        transport = _Transport(url, http, wait)
        super().__init__(ServerCalls(key, retries or Retries(), time.monotonic), transport)
        self.players = AsyncPlayers(self._calls, transport)
        self.scores = AsyncScores(self._calls, transport)


class AsyncPlayer(_Client[PlayerCalls]):
    """One player. Tasks may share it. Before a sign-in it makes the calls that need no account.

    `tokens` is as for `use`. `on_tokens` is called with each new pair, and with `None` when the login has ended.
    `http` and `wait` are as for `AsyncServer`.
    """

    register = _run(PlayerCalls.register)
    login = _run(PlayerCalls.login)
    guest = _run(PlayerCalls.guest)
    logout = _run(PlayerCalls.logout)
    refresh = _run(PlayerCalls.refresh)
    me = _run(PlayerCalls.me)
    start = _run(PlayerCalls.start)
    complete = _run(PlayerCalls.complete)

    def __init__(
        self,
        url: str,
        tokens: TokenPair | str | None = None,
        *,
        on_tokens: OnTokens | None = None,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
        wait: Wait | None = None,
    ) -> None:
        transport = _Transport(url, http, wait)
        calls = PlayerCalls(retries or Retries(), time.monotonic, transport.lock, on_tokens or (lambda pair: None))
        super().__init__(calls, transport)
        if tokens is not None:
            self.use(tokens)

    @property
    def tokens(self) -> TokenPair | None:
        """Return the present token pair."""
        return self._calls.tokens

    def use(self, tokens: TokenPair | str) -> None:
        """Play as the player of this token pair, or of an access token alone, which is never renewed."""
        self._calls.use(tokens)
