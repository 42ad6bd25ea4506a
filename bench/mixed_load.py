"""Players that redeem without a pause on servers that may change under them, and everything they were told."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import httpx

from bench.load import BenchFailed
from bench.players import ACTION_TYPE, ONCE, BenchPlayer, Redemption
from fairboard_client import FairboardError, Player
from fairboard_client.types import Completed, TokenPair

_THREADS = 6
_PAUSE_SECONDS = 0.05  # between two redemptions of a thread, so that the servers are busy, not full
_TIMEOUT_SECONDS = 60

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, begun at `sent_at` (time.monotonic()) and come after `seconds`; status 0 stands for none.

    `data` is the answer's own, or `None` with the `code` of an error.
    """

    status: int
    data: Completed | None
    code: str
    sent_at: float
    seconds: float


def _once(url: str, token: str | None, call: Callable[[Player], T]) -> T:
    """Make one call on a connection of its own: the servers may be replaced at any time."""
    with httpx.Client(timeout=_TIMEOUT_SECONDS, verify=False, trust_env=False) as http:
        return call(Player(url, token, retries=ONCE, http=http))


def register(url: str, count: int) -> list[BenchPlayer]:
    """Register players one after the other, each again while the server is too busy."""
    players: list[BenchPlayer] = []
    while len(players) < count:
        try:
            tokens = _once(url, None, partial(_register, f"present-{len(players)}"))
        except FairboardError as error:
            if error.status != 503:
                raise BenchFailed(f"a registration was refused: {error}") from error
        else:
            players.append(BenchPlayer(tokens["user"]["user_id"], tokens["access_token"]))
    return players


def _register(name: str, player: Player) -> TokenPair:
    return player.register(name, "a password of the bench")


def issue(url: str, player: BenchPlayer) -> Redemption:
    """Issue an action. Raises `FairboardError` if it is refused."""
    return Redemption(player, _once(url, player.access_token, lambda client: client.start(ACTION_TYPE)))


def redeem(url: str, redemption: Redemption) -> Answer:
    """Redeem once, with the key that every try of this redemption has."""
    sent_at = time.monotonic()
    try:
        completed = _once(url, redemption.player.access_token, lambda client: client.complete(redemption.action))
    except FairboardError as error:
        return Answer(error.status, None, error.code, sent_at, time.monotonic() - sent_at)
    return Answer(200, completed, "", sent_at, time.monotonic() - sent_at)


class MixedLoad:
    """Threads that issue and redeem on the servers in `urls`, which may be replaced at any time."""

    def __init__(self, urls: list[str], players: list[BenchPlayer]) -> None:
        self.urls = urls
        self.redemptions: list[Answer] = []
        self.failures: list[tuple[int, str]] = []
        self.scored = 0
        self._players = itertools.cycle(players)
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._play, args=(number,)) for number in range(_THREADS)]

    def __enter__(self) -> MixedLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def slowest(self, since: float, until: float) -> float:
        """Return the seconds of the slowest redemption of those that were under way between two times."""
        with self._lock:
            return max(
                (
                    answer.seconds
                    for answer in self.redemptions
                    if answer.sent_at <= until and answer.sent_at + answer.seconds >= since
                ),
                default=0.0,
            )

    def _play(self, number: int) -> None:
        for turn in itertools.count(number):
            if self._stop.wait(_PAUSE_SECONDS):
                return
            with self._lock:
                player = next(self._players)
            try:
                redemption = issue(self.urls[turn % len(self.urls)], player)
            except FairboardError as error:
                with self._lock:
                    self.failures.append((error.status, error.code))
            else:
                self._redeem(redemption, turn)

    def _redeem(self, redemption: Redemption, turn: int) -> None:
        """Redeem, and try again with the same key until an answer says that it scored or never will."""
        for attempt in range(20):
            answer = redeem(self.urls[(turn + attempt) % len(self.urls)], redemption)
            with self._lock:
                self.redemptions.append(answer)
                if answer.status == 200:
                    self.scored += 1
                else:
                    self.failures.append((answer.status, answer.code))
            if answer.status not in (0, 409, 500, 503):
                return
            time.sleep(0.2)
