"""The end of all logins of a player, on every process at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
import structlog

from app.stores.accounts.logins import LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.board_events import LoginEnded, publish_control
from app.stores.postgres.engine import Database
from app.stores.redis.client import Client
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.accounts")


class LoginEnds:
    """Ends logins in a transaction with `end_all`, and tells all processes with `publish` after its commit."""

    def __init__(self, database: Database, players: PlayerStore, logins: LoginStore, client: Client) -> None:
        self._db, self._players, self._logins, self._client = database, players, logins, client

    def sign_out(self, player_id: UUID) -> int:
        """End all logins of a player; return their number."""
        with self._db.transaction() as connection:
            self._players.lock(connection, player_id)
            login_ids = self.end_all(connection, player_id, "signed out everywhere")
        self.publish(player_id, login_ids)
        return len(login_ids)

    def end_all(
        self, connection: sa.Connection, player_id: UUID, reason: str, besides: UUID | None = None
    ) -> list[UUID]:
        """End all logins but `besides`; return their ids, for `publish`. The caller has locked the player."""
        return self._logins.end_all(connection, player_id, reason, besides)

    def publish(self, player_id: UUID, login_ids: Sequence[UUID]) -> None:
        """Refuse the logins' tokens and close their sockets. A Redis that is away is corrected when it is back."""
        try:
            self._logins.note_ended(player_id, login_ids)
            for login_id in login_ids:
                publish_control(self._client, LoginEnded(login_id))
        except AFTER_COMMIT as error:
            log.error("redis_after_commit", error=reason_of(error), player_id=str(player_id))
