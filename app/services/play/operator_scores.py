"""Scores that an operator enters: the only way to complete a trusted action type without a key of the game's server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.domain.action_token import Promise
from app.domain.boards import MAX_SCORE, ActionType
from app.domain.json_text import metadata_text
from app.domain.redemption import StandingChange
from app.errors import AccountSuspended, BoardClosed, InvalidRequest
from app.services.boards.season_plans import SeasonPlans
from app.services.play.entries import entered_result, entry_promise
from app.services.play.ranks import Ranks
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.ledger import LedgerStore, NoOpenBoard, Redeemed, ScoreAtLimit, SeasonMissing
from app.stores.postgres.engine import Database


@dataclass(frozen=True, slots=True)
class EnteredScore:
    """A score event that an operator entered, and the change on each open board that its action type feeds."""

    action_id: UUID
    result: int
    changes: Sequence[StandingChange]


class OperatorScores:
    """Enters results of players. Anti-cheat doesn't judge them; the audit log names the operator."""

    def __init__(
        self,
        database: Database,
        catalog: CatalogStore,
        ledger: LedgerStore,
        ranks: Ranks,
        season_plans: SeasonPlans,
        audit: AuditStore,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._catalog, self._ledger = database, catalog, ledger
        self._ranks, self._season_plans, self._audit, self._clock = ranks, season_plans, audit, clock

    def enter(
        self,
        player_id: UUID,
        slug: str,
        result: int,
        metadata: object = None,
        *,
        by: str,
        request_id: str,
        dry_run: bool = False,
    ) -> EnteredScore:
        """Score a result of a player; with `dry_run` return the changes, and make none.

        Raises InvalidRequest, BoardClosed or AccountSuspended.
        """
        action_type = self._find(slug)
        entered_result(result, action_type)
        promise = self._promise(player_id, action_type)
        try:
            text = None if metadata is None else metadata_text(metadata)
        except ValueError as error:
            raise InvalidRequest.field("metadata", str(error)) from None
        redeemed = self._season_plans.retry_with_seasons(
            lambda: self._redeem(promise, result, text, by, request_id, dry_run)
        )
        if dry_run:
            changes = self._ranks.count(promise.player_id, redeemed.changes)
        elif redeemed.is_held:
            self._ranks.wake_relay([change.season for change in redeemed.changes])
            changes = self._ranks.count(promise.player_id, redeemed.changes)
        else:
            changes = self._ranks.record(promise, redeemed.changes, [])
        return EnteredScore(UUID(promise.action_id), result, changes)

    def _find(self, slug: str) -> ActionType:
        action_type = self._catalog.action_type(slug) if slug.isprintable() else None
        if action_type is None:
            raise InvalidRequest.field("action_type", "is no action type that can be started")
        if action_type.result_kind != "trusted":
            message = f"is {action_type.result_kind}: players complete it, and only trusted types are for operators"
            raise InvalidRequest.field("action_type", message)
        return action_type

    def _promise(self, player_id: UUID, action_type: ActionType) -> Promise:
        seasons = self._season_plans.open_seasons(partial(self._catalog.fed_seasons, action_type))
        if not seasons:
            raise BoardClosed()
        return entry_promise(player_id, action_type, seasons[0], self._clock())

    def _redeem(
        self, promise: Promise, result: int, metadata: str | None, by: str, request_id: str, dry_run: bool
    ) -> Redeemed:
        details = {"action_id": promise.action_id, "action_type": promise.action_type, "result": result}
        try:
            with self._db.transaction() as connection:
                redeemed = self._ledger.redeem(
                    promise,
                    request_id=request_id,
                    key=None,
                    fingerprint="",
                    connection=connection,
                    result=result,
                    metadata=metadata,
                )
                if redeemed is None:
                    raise AccountSuspended()
                if dry_run:
                    connection.rollback()
                    return redeemed
                subject = f"player:{promise.player_id}"
                self._audit.append(connection, by, "score.entered", subject, details, request_id)
                return redeemed
        except ScoreAtLimit:
            raise InvalidRequest.field(
                "result", f"would take the score past {MAX_SCORE}, the highest there is"
            ) from None
        except SeasonMissing:
            raise
        except NoOpenBoard:
            raise BoardClosed() from None
