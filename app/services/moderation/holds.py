"""Holds that no person has decided on: they reach back to their evidence, and end when the suspicion has decayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog

from anticheat.suspicion import Suspicion, decayed, seconds_until
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.stores.accounts.players import PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.suspicions import SuspicionStore, suspicion_of
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.moderation")

_REQUEST_ID = "holds"
_BATCH = 1000
_Result = TypeVar("_Result")
_LEAST_SECONDS = 1.0  # until a hold that went on is looked at again


def results_by_player(players: Iterable[UUID], act: Callable[[UUID], _Result]) -> dict[UUID, _Result]:
    """Act on each player and return the results. One that fails is logged and left out, and doesn't stop the others."""
    results: dict[UUID, _Result] = {}
    for player in players:
        try:
            results[player] = act(player)
        except Exception:
            log.exception("player_failed", player_id=str(player))
    return results


def end_of_hold(suspicion: Suspicion, thresholds: Thresholds) -> float:
    """Return the Unix time at which the suspicion will be below `flag` without new evidence."""
    return suspicion.at + seconds_until(suspicion, thresholds.flag, thresholds.half_life)


class Holds:
    """A hold ends when the suspicion is below `flag`. Its case stays open."""

    def __init__(
        self,
        database: Database,
        quarantine: QuarantineStore,
        suspicions: SuspicionStore,
        players: PlayerStore,
        outbox: OutboxStore,
        *,
        thresholds: Thresholds,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._quarantine, self._suspicions = database, quarantine, suspicions
        self._players, self._outbox = players, outbox
        self._thresholds, self._clock = thresholds, clock

    def reach_back(self) -> list[UUID]:
        """Let holds that began hold the points since their evidence began too; return the players that lost points.

        So a script leaves the board instead of only growing no more. Redemptions don't pay for it.
        """
        changed_players: list[UUID] = []
        now = utc(self._clock())
        while players := self._quarantine.begun_lately(now, self._thresholds.half_life, _BATCH):
            starts = dict(players)
            results = results_by_player(starts, lambda player: self._reach_back(player, starts[player]))  # noqa: B023
            changed_players += [player for player, has_changed in results.items() if has_changed]
            if len(results) < len(starts):
                break  # a player failed, and would come again: the next pass tries again
        return changed_players

    def _reach_back(self, player_id: UUID, since: datetime) -> bool:
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            hold = self._quarantine.hold_of(connection, player_id)
            if hold is None or hold.until is None or hold.since is not None:
                return False  # it has ended or was decided meanwhile
            changed = self._quarantine.reach_back(connection, player_id, since, hold_id=hold.id, lasts=False)
            if changed:
                self._outbox.add_standings(connection, player_id, _REQUEST_ID, changed)
        return bool(changed)

    def end_due(self) -> list[UUID]:
        """End the holds whose time has come; return the players whose points count now."""
        if number := self._suspicions.set_back(utc(self._clock())):
            log.warning("suspicions_set_back", suspicions=number)
        released_players: list[UUID] = []
        while players := self._players_to_release():
            results = results_by_player(players, self.end)
            released_players += [player for player, has_ended in results.items() if has_ended]
            if len(results) < len(players):
                break
        return released_players

    def _players_to_release(self) -> list[UUID]:
        flag, half_life = self._thresholds.flag, self._thresholds.half_life
        return self._quarantine.players_to_release(utc(self._clock()), flag, half_life, _BATCH)

    def end(self, player_id: UUID) -> bool:
        """End the player's hold if the suspicion has decayed; return False if it goes on, or if there is none."""
        now = self._clock()
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            hold = self._quarantine.hold_of(connection, player_id)
            if hold is None or hold.until is None:
                return False
            suspicion = suspicion_of(self._suspicions.lock(connection, player_id))
            if decayed(suspicion, now, self._thresholds.half_life) >= self._thresholds.flag:
                end = max(now + _LEAST_SECONDS, end_of_hold(suspicion, self._thresholds))
                self._quarantine.extend(connection, player_id, utc(end))
                return False
            released_seasons = self._quarantine.hold(connection, player_id, None)
            self._outbox.add_standings(connection, player_id, _REQUEST_ID, released_seasons)
        log.info("hold_ended", player_id=str(player_id))
        return True
