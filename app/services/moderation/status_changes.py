"""Suspensions and reinstatements: the rows that change with a player's status, and the messages after the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import sqlalchemy as sa
import structlog

from app.stores.accounts.logins import LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.board_events import PlayerSuspended, publish_control
from app.stores.boards.outbox import OutboxStore
from app.stores.boards.rankings import RankingStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore
from app.stores.redis.client import Client
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.moderation")


class StatusChanges:
    """Every change of a player's status: `set` or `suspend` in a transaction, and `publish` after its commit."""

    def __init__(
        self,
        client: Client,
        players: PlayerStore,
        logins: LoginStore,
        outbox: OutboxStore,
        audit: AuditStore,
        rankings: RankingStore,
        catalog: CatalogStore,
    ) -> None:
        self._client, self._players, self._logins = client, players, logins
        self._outbox, self._audit = outbox, audit
        self._rankings, self._catalog = rankings, catalog

    def set(
        self,
        connection: sa.Connection,
        player_id: UUID,
        status: str,
        request_id: str,
        changed_seasons: Iterable[int] = (),
    ) -> bool:
        """Set the status, list or unlist the player's standings and queue their boards' refresh.

        Return False if the player had that status already. The caller has locked the player, and has changed their
        standings in `changed_seasons`.
        """
        has_changed = self._players.set_status(connection, player_id, status)
        relisted_seasons = self._players.update_listings(connection, player_id)
        self._outbox.add_standings(connection, player_id, request_id, {*changed_seasons, *relisted_seasons})
        return has_changed

    def suspend(
        self,
        connection: sa.Connection,
        player_id: UUID,
        request_id: str,
        *,
        by: str,
        details: Mapping[str, object] | None = None,
        reason: str | None = None,
    ) -> bool:
        """Suspend the player as an act of its own in the audit log; return False if they were suspended already.

        Then there is no act. Its `details` are by default the reason. Call it last in the transaction, since all acts
        take the audit log's lock.
        """
        has_changed = self.set(connection, player_id, "suspended", request_id)
        if has_changed:
            entry = change_details(has_changed, reason) if details is None else details
            self._audit.append(connection, by, "player.suspended", f"player:{player_id}", entry, request_id)
        return has_changed

    def publish(self, player_id: UUID, status: str) -> None:
        """Send a player's status to Redis, after its commit: all servers refuse or admit them, and boards refresh."""
        try:
            self._logins.note_status(player_id, status)
            if status == "suspended":
                publish_control(self._client, PlayerSuspended(player_id))
            for season in self._catalog.mirrored_seasons():
                self._rankings.wake(season)
        except AFTER_COMMIT as error:  # the status holds all the same; the repair sends it as soon as Redis is back
            log.error("redis_after_commit", error=reason_of(error), player_id=str(player_id), status=status)


def change_details(has_changed: bool, reason: str | None) -> dict[str, object]:
    """Return the details of a change of status for the audit log."""
    return {"changed": has_changed} if reason is None else {"changed": has_changed, "reason": reason}
