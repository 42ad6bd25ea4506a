"""A ledger that the product itself has written."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.boards import StandingRow
from app.domain.corrections import Selection

BY: Any = {"actor": "cli:tests", "reason": "a test", "request_id": "r-1"}
TAP, MATCH = 1, 2


class Ledger:
    """Players who redeem through the product's own statement."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.season = container.standings.season("main")

    def player(self) -> UUID:
        player = uuid4()
        self.container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
        return player

    def redeem(self, player: UUID, points: int = 1, action_type: int = TAP) -> None:
        promise = Promise(
            str(uuid4()), str(player), "tap", action_type, points, "main", self.season.id, self.season.number, 0, 1
        )
        assert self.container.ledger.redeem(promise, request_id="r", key=None, fingerprint="f") is not None

    def standings(self) -> list[tuple[Any, ...]]:
        """Return everything about the players' standings that the public can see, in the order of the board."""
        rows = self.container.database.rows(
            """
            SELECT player_id, score, held, achieved_at, listed FROM standings
            ORDER BY score DESC, achieved_at, player_id
            """
        )
        return [tuple(row) for row in rows]

    def board(self) -> list[StandingRow]:
        return [standing.as_row() for standing in self.container.standing_store.top(self.season, 100)]

    def wrong(self) -> list[Any]:
        """Return the standings that differ from the sum of their events."""
        return list(self.container.corrections.find_unsound())

    def void(self, selection: Selection) -> UUID:
        correction = self.container.corrections.void(selection, **BY)
        assert self.container.corrections.work(correction).state == "done"
        return correction

    def restore(self, correction: UUID) -> UUID:
        restoring = self.container.corrections.restore(correction, **BY)
        assert self.container.corrections.work(restoring).state == "done"
        return restoring


@pytest.fixture
def ledger(container: Container) -> Ledger:
    return Ledger(container)
