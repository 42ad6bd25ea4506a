"""Repairs after redemptions that were in flight while a moderator decided on their player."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.services.moderation.holds import Holds
from app.stores.accounts.logins import LATELY_SECONDS
from app.stores.accounts.players import PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.postgres.engine import Database

_REQUEST_ID = "strays"
_IN_FLIGHT_SECONDS = 180.0  # a few sweeps; a redemption takes less than ten seconds


class StatusRepair:
    """A redemption reads its player once, without a lock, so that no redemption waits for another player's."""

    def __init__(
        self,
        database: Database,
        quarantine: QuarantineStore,
        players: PlayerStore,
        outbox: OutboxStore,
        holds: Holds,
    ) -> None:
        self._db, self._quarantine, self._players, self._outbox = database, quarantine, players, outbox
        self._holds = holds

    def sweep(self) -> list[UUID]:
        """Release points held without a hold, and correct boards that missed a status change; return the players' ids.

        Holds that are over end first. Safe while players redeem and moderators decide.
        """
        self._holds.end_due()
        unsettled = [
            player_id
            for player_id in self._quarantine.reached_back_lately(_IN_FLIGHT_SECONDS)
            if self._settle(player_id)
        ]
        player_ids = {*self._quarantine.players_without_hold(), *self._quarantine.mislisted_players(LATELY_SECONDS)}
        for player_id in sorted(player_ids):
            with self._db.transaction() as connection:
                self._repair(connection, player_id)
        return sorted({*player_ids, *unsettled})

    def _settle(self, player_id: UUID) -> bool:
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            changed = self._quarantine.settle(connection, player_id)
            if changed:
                self._outbox.add_standings(connection, player_id, _REQUEST_ID)
        return bool(changed)

    def _repair(self, connection: sa.Connection, player_id: UUID) -> None:
        self._players.touch(connection, player_id)
        self._quarantine.settle(connection, player_id)
        self._players.update_listings(connection, player_id)
        self._outbox.add_standings(connection, player_id, _REQUEST_ID)
