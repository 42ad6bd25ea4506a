"""Repairs after redemptions that were in flight while a moderator decided on their player."""

from __future__ import annotations

from uuid import UUID

from app.services.moderation.holds import Holds, results_by_player
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
        unsettled = results_by_player(self._quarantine.reached_back_lately(_IN_FLIGHT_SECONDS), self._settle)
        player_ids = {*self._quarantine.players_without_hold(), *self._quarantine.mislisted_players(LATELY_SECONDS)}
        repaired = results_by_player(sorted(player_ids), self._repair)
        return sorted({*repaired, *(player_id for player_id, has_changed in unsettled.items() if has_changed)})

    def _settle(self, player_id: UUID) -> bool:
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            changed = self._quarantine.settle(connection, player_id)
            if changed:
                self._outbox.add_standings(connection, player_id, _REQUEST_ID, changed)
        return bool(changed)

    def _repair(self, player_id: UUID) -> bool:
        with self._db.transaction() as connection:
            self._players.touch(connection, player_id)
            settled_seasons = self._quarantine.settle(connection, player_id)
            relisted_seasons = self._players.update_listings(connection, player_id)
            self._outbox.add_standings(connection, player_id, _REQUEST_ID, {*settled_seasons, *relisted_seasons})
        return True
