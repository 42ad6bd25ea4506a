"""Erasing: the person is gone, and the sums of the ledger stay."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
import structlog

from app.domain import actors
from app.errors import InvalidRequest, LastAdmin, NotFound
from app.services.accounts.login_ends import LoginEnds
from app.services.accounts.password_proof import PasswordProof
from app.services.moderation.status_changes import StatusChanges
from app.stores.accounts.erasures import ErasureStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.postgres.engine import Database
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.accounts")


class Erasures:
    """One transaction empties the account and takes it off every board; tokens and sockets end after the commit."""

    def __init__(
        self,
        database: Database,
        players: PlayerStore,
        store: ErasureStore,
        outbox: OutboxStore,
        audit: AuditStore,
        proof: PasswordProof,
        login_ends: LoginEnds,
        statuses: StatusChanges,
        claims: ActionClaimStore,
    ) -> None:
        self._db, self._players, self._store = database, players, store
        self._outbox, self._audit, self._proof = outbox, audit, proof
        self._login_ends, self._statuses, self._claims = login_ends, statuses, claims

    def erase_self(self, player_id: UUID, password: str | None, address: str, request_id: str) -> None:
        """Erase the caller, who proves the password; a player without one gives none.

        Raises InvalidRequest without a password, WrongPassword, SignInDelayed, LastAdmin.
        """
        player = self._players.get(player_id)
        if player is None:
            raise NotFound()
        if password is not None:
            self._proof.check(player_id, password, address)
        elif player.has_password:
            raise InvalidRequest.field("password", "is required")
        self.erase_by(actors.admin(player_id), player_id, request_id)

    def erase_by(self, actor: str, player_id: UUID, request_id: str) -> None:
        """Erase a player, as an act of the actor in the audit log. Raises NotFound, LastAdmin."""
        login_ids = self._db.run(lambda connection: self._erase(connection, actor, player_id, request_id))
        self._login_ends.publish(player_id, login_ids)
        self._statuses.publish(player_id, "erased")
        try:
            self._claims.forget_player(player_id)
        except AFTER_COMMIT as error:  # these keys end by themselves within a day
            log.warning("redis_after_commit", error=reason_of(error), player_id=str(player_id))
        log.info("player_erased", player_id=str(player_id))

    def _erase(self, connection: sa.Connection, actor: str, player_id: UUID, request_id: str) -> list[UUID]:
        self._players.lock(connection, player_id)
        player = self._players.get_on(connection, player_id)
        if player is None:
            raise NotFound("There is no such player.")
        if player.role == "admin" and not self._store.other_admins(connection, player_id):
            raise LastAdmin()
        login_ids = self._login_ends.end_all(connection, player_id, "erased")
        self._players.set_status(connection, player_id, "erased")
        changed_seasons = self._players.update_listings(connection, player_id)
        self._outbox.add_standings(connection, player_id, request_id, changed_seasons)
        # Now, with the standings locked: another name needs a lock on the player that a redemption may wait for while
        # it holds a standing.
        self._store.erase(connection, player_id)
        self._audit.append(connection, actor, "player.erased", f"player:{player_id}", {}, request_id)
        return login_ids
