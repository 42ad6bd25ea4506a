"""Players who play in this process, and their scores as the public, they themselves and the books have them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from anticheat.gain import GainLimits
from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.boards import MAIN, StandingRow
from app.domain.redemption import Completed, RedemptionRequest
from app.services.boards.outbox import BoardChange
from app.services.boards.standings import Profile
from app.services.moderation.decisions import DecisionAuthor
from app.stores.moderation.gain import GainStore
from app.stores.moderation.gain_limits import GainLimitStore
from tests.integration.players import add_player

BY = DecisionAuthor("cli:tester", "because the test says so", "test")


def by(reason: str) -> DecisionAuthor:
    return DecisionAuthor("cli:tester", reason, "test")


@dataclass(frozen=True)
class View:
    """One player as the public sees them, and as they see themselves (`own`)."""

    public: StandingRow
    own: Profile


class Field:
    """The product without its web process; changes stay in the outbox until `deliver`."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def player(self, name: str) -> UUID:
        return add_player(self.container, name)

    def play(self, player: UUID, slug: str = "tap", key: str | None = None) -> Completed:
        issued = self.container.actions.issue(player, slug)
        action_id = issued.promise.action_id
        return self.container.redemptions.complete(RedemptionRequest(str(player), action_id, issued.token, key, "test"))

    def score(self, player: UUID, points: int) -> None:
        """Score so many points at once, without anti-cheat and without Redis."""
        season, now = self.container.standings.season(MAIN), int(time.time() * 1000)
        promise = Promise(str(uuid4()), str(player), "tap", 1, points, MAIN, season.id, season.number, now, now + 1000)
        assert self.container.ledger.redeem(promise, request_id="test", key=None, fingerprint="")

    def suspect(self, player: UUID) -> UUID:
        """Open a case as the worker's review does, and return its id."""
        with self.container.database.transaction() as connection:
            return self.container.suspicions.open_case(
                connection, str(player), half_life=1800.0, hold=self.container.settings.quarantine
            )

    def deliver(self) -> None:
        """Deliver the changes in the outbox, as relay and worker do."""

        def bring(changes: list[BoardChange]) -> None:
            self.container.board_sync.sync(changes)

        self.container.outbox.drain(bring)

    def view(self, player: UUID) -> View:
        standings = self.container.standings
        return View(standings.standing(player).as_row(), standings.profile(player))

    def top(self) -> list[tuple[str, int, int | None]]:
        season = self.container.standings.season(MAIN)
        return [(row.username, row.score, row.rank) for row in self.container.standing_store.top(season, 100)]

    def books(self) -> list[str]:
        """Return each discrepancy between sums, Redis and held points; empty when all is well."""
        rows = self.container.database.rows(
            """
            SELECT s.player_id, s.score, s.held, p.held_under, coalesce(e.total, 0) AS total,
                   coalesce(h.held, 0) AS due, s.listed, p.status
            FROM standings s JOIN players p ON p.id = s.player_id
            LEFT JOIN (SELECT season_id, player_id, sum(points) AS total FROM score_events GROUP BY 1, 2) e
                USING (season_id, player_id)
            LEFT JOIN (
                SELECT r.season_id, r.player_id, sum(r.points) AS held
                FROM score_events r JOIN players q ON q.id = r.player_id
                WHERE r.kind = 'redeem' AND q.held_under IS NOT NULL AND (
                    r.held_under = q.held_under OR r.created_at >= q.held_since AND r.created_at < q.held_from
                ) AND (
                    SELECT v.kind FROM score_events v WHERE v.action_id = r.action_id ORDER BY v.id DESC LIMIT 1
                ) <> 'void' GROUP BY 1, 2
            ) h ON h.season_id = s.season_id AND h.player_id = s.player_id
            """
        )
        wrong = [f"sum {tuple(row)}" for row in rows if row.score + row.held != row.total]
        wrong += [f"held {tuple(row)}" for row in rows if row.held != row.due]
        wrong += [f"listed {tuple(row)}" for row in rows if row.listed != (row.status == "active")]
        season = self.container.standings.season(MAIN)
        return wrong + [f"redis {item}" for item in self.container.board_sync.verify(season)]

    def standing(self, player: UUID) -> tuple[Any, ...]:
        """Return score, held points, time and listing of the player's standing in the database."""
        row = self.container.database.row(
            "SELECT score, held, achieved_at, listed FROM standings WHERE player_id = :player", player=player
        )
        assert row is not None
        return tuple(row)


def limit_gain(field: Field, usual: float) -> None:
    """Put limits into force, as if the honest accounts had given them."""
    GainStore(field.container.database).position()
    limits = GainLimits(usual, usual * 1.2, usual * 1.5, 500, 1.0)
    GainLimitStore(field.container.database).store_limits(limits)
