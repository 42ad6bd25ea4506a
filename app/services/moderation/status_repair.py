"""What a redemption left behind that was on its way while somebody decided on its player: put right a moment later."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.stores.accounts.logins import LATELY_SECONDS
from app.stores.accounts.players import PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.postgres.engine import Database

_REQUEST_ID = "strays"


class StatusRepair:
    """A redemption looks at its player once, without a lock: no redemption waits for that of another player."""

    def __init__(self, database: Database, holds: QuarantineStore) -> None:
        self._db, self._holds = database, holds

    def sweep(self) -> list[UUID]:
        """Release points that are held for nobody, and take off or put on the boards whom that was missed for; whose.

        May run while players redeem and people decide.
        """
        found = {*self._holds.missed_status_changes(), *self._holds.mislisted(LATELY_SECONDS)}
        for player_id in sorted(found):
            with self._db.transaction() as connection:
                self._put_right(connection, player_id)
        return sorted(found)

    def _put_right(self, connection: sa.Connection, player_id: UUID) -> None:
        PlayerStore.touch(connection, player_id)
        QuarantineStore.settle(connection, player_id)
        PlayerStore.list_again(connection, player_id)
        OutboxStore.add_standings(connection, player_id, _REQUEST_ID)
