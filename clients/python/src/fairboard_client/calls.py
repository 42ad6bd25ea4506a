"""Calls that are repeated where that is safe, and the reads that everyone may make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from fairboard_client.errors import FairboardError
from fairboard_client.retries import Retries
from fairboard_client.steps import Item, Pause, Steps, Stream, send
from fairboard_client.types import ActionType, Board, Event, PlacedRow, PublicPlayer, Row, Season, Surroundings
from fairboard_client.wire import PREFIX, Answer, Draft, draft, given, player_path

_MOST_ROWS = 100  # of one page
_READS = ("GET", "HEAD")

Clock = Callable[[], float]


class Calls:
    """Any call of the API. `clock` returns seconds from any start."""

    def __init__(self, retries: Retries, clock: Clock) -> None:
        self._retries, self._clock = retries, clock

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, repeat: bool = False
    ) -> Steps[Any]:
        """Return the `data` of any call of the API; `path` is under /api/v1. The rest is as for `request`."""
        answer = yield from self.request(method, path, body, key=key, repeat=repeat)
        return answer.data

    def request(
        self, method: str, path: str, body: object = None, *, key: str | None = None, repeat: bool = False
    ) -> Steps[Answer]:
        """Return the whole answer of any call, with `meta` and `links`. Raises `FairboardError`.

        Reads, and calls with a `key` (sent as Idempotency-Key), are repeated after failures. With `repeat` others are
        too: say so only of a call that may be carried out twice.
        """
        return self._repeated(draft(method, path, body, key=key), is_repeatable=repeat)

    def _repeated(self, call: Draft, *, is_repeatable: bool = False) -> Steps[Answer]:
        is_repeatable = is_repeatable or call.method in _READS or call.key is not None
        begin, failures = self._clock(), 0
        while True:
            try:
                return (yield from self._attempt(call))
            except FairboardError as error:
                elapsed = self._clock() - begin
                pause = self._retries.pause(error, is_repeatable=is_repeatable, failures=failures, elapsed=elapsed)
                if pause is None:
                    error.idempotency_key = call.key
                    raise
                effect = Pause(pause, error)
            failures += 1
            yield effect

    def _attempt(self, call: Draft) -> Steps[Answer]:
        """Send a call once, with whatever proves the caller's identity. Raises `FairboardError`."""
        return send(call, None)

    def _get(self, path: str, **query: str | int | None) -> Steps[Any]:
        answer = yield from self._repeated(draft("GET", path, query=query))
        return answer.data

    def _pages(self, path: str, limit: int | None, **query: str | int | None) -> Stream[Any]:
        """Hand out the rows of all pages, at most `limit`."""
        size = _MOST_ROWS if limit is None else min(limit, _MOST_ROWS)
        call, left = draft("GET", path, query={**query, "limit": size}), limit
        while True:
            answer = yield from self._repeated(call)
            rows = answer.data if left is None else answer.data[:left]
            for row in rows:
                yield Item(row)
            left = None if left is None else left - len(rows)
            next_page = answer.links.get("next")
            if left == 0 or next_page is None:
                return
            call = draft("GET", next_page.removeprefix(PREFIX))


class ReadCalls(Calls):
    """The reads of boards and players. `player` is an id; with an API key also `ext:` and the game's own id."""

    def top(
        self, board: str = "main", limit: int | None = 10, *, season: int | None = None, segment: str | None = None
    ) -> Stream[Row]:
        """Iterate over a board, best first: `limit` players, or all with `None`. `segment` is like `country:JP`."""
        return self._pages("/leaderboard/top", limit, board=board, season=season, segment=segment)

    def around(
        self,
        board: str = "main",
        *,
        rank: int | None = None,
        score: int | None = None,
        player: str | None = None,
        limit: int = 5,
        season: int | None = None,
        segment: str | None = None,
    ) -> Steps[Surroundings]:
        """Return the players around a place, a score or a player (exactly one of them), `limit` on both sides."""
        selector: dict[str, str | int | None] = {"rank": rank, "score": score, "user_id": player}
        data = yield from self._get(
            "/leaderboard/around", board=board, season=season, segment=segment, limit=limit, **selector
        )
        return cast(Surroundings, data)

    def lookup(
        self,
        players: Sequence[str],
        board: str = "main",
        *,
        season: int | None = None,
        segment: str | None = None,
    ) -> Steps[list[PlacedRow]]:
        """Return the standings of up to 100 players among themselves, best first: a board of friends."""
        fields = {"user_ids": list(players), "board": board, "season": season, "segment": segment}
        answer = yield from self._repeated(draft("POST", "/leaderboard/lookup", given(fields)), is_repeatable=True)
        return cast(list[PlacedRow], answer.data)

    def standing(self, player: str, board: str = "main", *, season: int | None = None) -> Steps[Row]:
        """Return a player's standing on a board."""
        data = yield from self._get(f"/leaderboard/users/{player_path(player)}", board=board, season=season)
        return cast(Row, data)

    def player(self, player: str) -> Steps[PublicPlayer]:
        """Return a player's public page, with a standing for each public board."""
        data = yield from self._get(f"/players/{player_path(player)}")
        return cast(PublicPlayer, data)

    def history(
        self, player: str, board: str = "main", limit: int | None = 20, *, season: int | None = None
    ) -> Stream[Event]:
        """Iterate over the events of a player that count, newest first: `limit` of them, or all with `None`."""
        return self._pages(f"/players/{player_path(player)}/history", limit, board=board, season=season)

    def boards(self) -> Steps[list[Board]]:
        """Return all boards that the caller may see."""
        data = yield from self._get("/boards")
        return cast(list[Board], data)

    def board(self, board: str = "main") -> Steps[Board]:
        """Return a board."""
        data = yield from self._get(f"/boards/{board}")
        return cast(Board, data)

    def seasons(self, board: str = "main") -> Steps[list[Season]]:
        """Return the seasons of a board, newest first."""
        data = yield from self._get(f"/boards/{board}/seasons")
        return cast(list[Season], data)

    def action_types(self) -> Steps[list[ActionType]]:
        """Return the action types that can be played."""
        data = yield from self._get("/action-types")
        return cast(list[ActionType], data)
