"""Players with actions to redeem, made with the client for Python before anything is timed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx

from bench.load import BenchFailed, Request
from fairboard_client import AsyncPlayer, FairboardError, Player, Retries
from fairboard_client.types import Action, Completed

# This type has no minimum time, so that the timing rule adds nothing: the redemptions are ordinary ones.
ACTION_TYPE = "tap"
ONCE = Retries(total=0)  # a retry would hide a failure
_CONNECTIONS = 16
_TIMEOUT_SECONDS = 60

T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class BenchPlayer:
    """A signed-in player."""

    player_id: str
    access_token: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a signed-in request."""
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True, slots=True)
class Redemption:
    """An issued action, to be redeemed by its player."""

    player: BenchPlayer
    action: Action

    @property
    def request(self) -> Request:
        """Return the request of it for the load generator, without an Idempotency-Key."""
        return {
            "method": "POST",
            "path": f"/api/v1/actions/{self.action['action_id']}/complete",
            "headers": self.player.headers,
            "body": {"token": self.action["token"]},
        }


def register(url: str, count: int, *, prefix: str = "bench") -> list[BenchPlayer]:
    """Register new players and return them, signed in. Raises `BenchFailed` if one is refused."""

    async def enter(http: httpx.AsyncClient, number: int) -> BenchPlayer:
        player = AsyncPlayer(url, retries=ONCE, http=http)
        tokens = await player.register(f"{prefix}-{number:05}", f"a password of {number}")
        return BenchPlayer(tokens["user"]["user_id"], tokens["access_token"])

    return _for_each(range(count), enter)


def issue(
    url: str, players: list[BenchPlayer], per_player: int, *, seed: int = 1, action_type: str = ACTION_TYPE
) -> list[Redemption]:
    """Issue `per_player` actions of a type for every player. Raises `BenchFailed` if one is refused.

    Every player's first action comes before any player's second, in a new order each time, so that no player's
    redemptions come in bursts or like clockwork.
    """
    order = random.Random(seed)
    turns = [player for _ in range(per_player) for player in order.sample(players, len(players))]

    async def start(http: httpx.AsyncClient, player: BenchPlayer) -> Redemption:
        client = AsyncPlayer(url, player.access_token, retries=ONCE, http=http)
        return Redemption(player, await client.start(action_type))

    return _for_each(turns, start)


def redeem(url: str, redemption: Redemption, request_id: str | None = None) -> Completed:
    """Redeem, once, with an Idempotency-Key. Raises `BenchFailed` if it is refused."""
    headers = {"X-Request-ID": request_id} if request_id else None
    with httpx.Client(timeout=_TIMEOUT_SECONDS, headers=headers, verify=False, trust_env=False) as http:
        try:
            return Player(url, redemption.player.access_token, retries=ONCE, http=http).complete(redemption.action)
        except FairboardError as error:
            raise BenchFailed(f"a redemption was refused: {error}") from error


def _for_each(items: Sequence[Item], call: Callable[[httpx.AsyncClient, Item], Awaitable[T]]) -> list[T]:
    """Make a call for each item over a few connections, begun in the order of the items; return the answers in it."""
    answers: dict[int, T] = {}
    numbered = iter(enumerate(items))

    async def work(http: httpx.AsyncClient) -> None:
        for number, item in numbered:
            answers[number] = await call(http, item)

    async def run() -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, verify=False, trust_env=False) as http:
            await asyncio.gather(*(work(http) for _ in range(_CONNECTIONS)))

    try:
        asyncio.run(run())
    except FairboardError as error:
        raise BenchFailed(f"a player was refused: {error}") from error
    return [answers[number] for number in range(len(items))]
