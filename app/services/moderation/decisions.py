"""What a person decides on a case, and taking it back: one transaction each; Redis and the sockets follow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
import structlog

from anticheat.suspicion import Suspicion
from app.domain import actors
from app.domain.cases import DECISIONS, Decision, check_reason
from app.domain.corrections import Selection
from app.domain.times import rfc3339, utc
from app.errors import AlreadyDecided, CaseOpen, Conflict, Forbidden, InvalidRequest, NotFound, NothingToUndo
from app.services.moderation.moderation import Moderation
from app.stores.accounts.players import PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.cases import CaseStore, Locked
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.decisions")

_INTERRUPTED: tuple[type[Exception], ...] = (*AFTER_COMMIT, Conflict)


class CorrectionStarter(Protocol):
    """What a decision needs of `app.services.moderation.corrections`."""

    def begin_void(
        self,
        connection: sa.Connection,
        *,
        case_id: UUID,
        player_id: UUID,
        since: datetime,
        made_by: str,
        reason: str,
        request_id: str,
    ) -> UUID: ...

    def begin_restore(
        self, connection: sa.Connection, correction_id: UUID, *, made_by: str, reason: str, request_id: str
    ) -> UUID: ...

    def voids_of(self, connection: sa.Connection, case_id: UUID) -> Sequence[UUID]: ...

    def work(self, correction_id: UUID, *, seconds: float) -> object: ...


@dataclass(frozen=True, slots=True)
class DecisionAuthor:
    """Who decides (as app.domain.actors names them), why, and by which request."""

    actor: str
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What came of it. `status` is the player's now; `correction_id` what voids or restores their events, if any."""

    case_id: UUID
    player_id: UUID
    decision: str
    status: str
    correction_id: UUID | None
    suspicion: Suspicion | None = None


class Decisions:
    """`budget` seconds of a correction are worked off at once; the workers go on with what is left."""

    def __init__(
        self,
        database: Database,
        store: CaseStore,
        moderation: Moderation,
        corrections: CorrectionStarter,
        *,
        half_life: float,
        clock: Callable[[], float],
        budget: float = 2.0,
    ) -> None:
        self._db, self._store, self._moderation, self._corrections = database, store, moderation, corrections
        self._half_life, self._clock, self._budget = half_life, clock, budget

    def decide(self, case_id: UUID, decision: Decision, by: DecisionAuthor) -> DecisionResult:
        """Clear or confirm. Raises InvalidRequest, NotFound, Forbidden on one's own case, AlreadyDecided."""
        if decision not in DECISIONS:
            raise InvalidRequest.field("decision", f"must be one of {', '.join(DECISIONS)}")
        with self._db.transaction() as connection:
            case = self._locked(connection, case_id, by)
            if case.state != "open":
                raise _decided_already(case)
            before = _before(connection, case)
            done = (self._clear if decision == "cleared" else self._confirm)(connection, case, by)
            CaseStore.close(connection, case.id, decision, by.actor, by.reason, done.correction_id)
            self._keep(connection, done, before, by)
        return self._follow(done)

    def to_void(self, case_id: UUID) -> Selection:
        """What confirming an open case would void. Raises NotFound, AlreadyDecided."""
        with self._db.transaction() as connection:
            if self._store.player_of(case_id) is None:
                raise _no_case()
            case = CaseStore.lock(connection, case_id)
        if case.state != "open":
            raise _decided_already(case)
        return Selection(player_id=case.player_id, since=case.starts_at)

    def undo(self, case_id: UUID, by: DecisionAuthor) -> DecisionResult:
        """Everything as it was before the last decision, and the case open again.

        Raises InvalidRequest, NotFound, Forbidden, NothingToUndo, CaseOpen.
        """
        with self._db.transaction() as connection:
            case = self._locked(connection, case_id, by)
            if case.state == "open":
                raise NothingToUndo()
            other = CaseStore.other_open(connection, case)
            if other is not None:
                raise CaseOpen(details={"case_id": str(other)})
            before, now = CaseStore.before_last(connection, case.id), _before(connection, case)
            done = self._put_back(connection, case, before, by)
            CaseStore.reopen(connection, case.id)
            self._keep(connection, done, now, by)
        return self._follow(done)

    def _locked(self, connection: sa.Connection, case_id: UUID, by: DecisionAuthor) -> Locked:
        try:
            check_reason(by.reason)
        except ValueError as error:
            raise InvalidRequest.field("reason", str(error)) from None
        player_id = self._store.player_of(case_id)
        if player_id is None:
            raise _no_case()
        if by.actor == actors.admin(player_id):
            raise Forbidden("Nobody decides on their own case.")
        PlayerStore.touch(connection, player_id)
        return CaseStore.lock(connection, case_id)

    def _clear(self, connection: sa.Connection, case: Locked, by: DecisionAuthor) -> DecisionResult:
        now = self._clock()
        SuspicionStore.clear(connection, case.player_id, utc(now))
        PlayerStore.set_status(connection, case.player_id, "active")
        QuarantineStore.hold(connection, case.player_id, None)
        return DecisionResult(case.id, case.player_id, "cleared", "active", None, Suspicion(0.0, now))

    def _confirm(self, connection: sa.Connection, case: Locked, by: DecisionAuthor) -> DecisionResult:
        PlayerStore.set_status(connection, case.player_id, "suspended")
        QuarantineStore.hold(
            connection, case.player_id, None
        )  # nobody sees them now, and they are voided with the others
        correction = self._corrections.begin_void(
            connection,
            case_id=case.id,
            player_id=case.player_id,
            since=case.starts_at,
            made_by=by.actor,
            reason=by.reason,
            request_id=by.request_id,
        )
        return DecisionResult(case.id, case.player_id, "confirmed", "suspended", correction)

    def _put_back(
        self, connection: sa.Connection, case: Locked, before: dict[str, Any], by: DecisionAuthor
    ) -> DecisionResult:
        restore = suspicion = None
        for correction in self._corrections.voids_of(connection, case.id):  # a batch of it locks the standings next
            restore = self._corrections.begin_restore(
                connection, correction, made_by=by.actor, reason=by.reason, request_id=by.request_id
            )
        if case.state == "cleared":
            suspicion = SuspicionStore.put_back(connection, case.player_id, before["suspicion"], self._half_life)
        PlayerStore.set_status(connection, case.player_id, before["status"])
        QuarantineStore.hold(connection, case.player_id, case.id if before["held"] else None)
        return DecisionResult(case.id, case.player_id, "undone", before["status"], restore, suspicion)

    def _keep(
        self, connection: sa.Connection, done: DecisionResult, before: dict[str, Any], by: DecisionAuthor
    ) -> None:
        CaseStore.add_decision(
            connection,
            done.case_id,
            done.decision,
            actor=by.actor,
            reason=by.reason,
            before=before,
            correction_id=done.correction_id,
            request_id=by.request_id,
        )
        OutboxStore.add_standings(connection, done.player_id, by.request_id)
        details = {
            "player_id": str(done.player_id),
            "reason": by.reason,
            "status": {"before": before["status"], "after": done.status},
            "correction_id": None if done.correction_id is None else str(done.correction_id),
        }
        AuditStore.append(connection, by.actor, f"case.{done.decision}", f"case:{done.case_id}", details, by.request_id)

    def _follow(self, done: DecisionResult) -> DecisionResult:
        if done.suspicion is not None:
            self._moderation.remember(done.player_id, done.suspicion)
        self._moderation.spread(done.player_id, done.status)
        log.warning("case_decided", case_id=str(done.case_id), player_id=str(done.player_id), decision=done.decision)
        if done.correction_id is not None:
            try:
                self._corrections.work(done.correction_id, seconds=self._budget)
            except _INTERRUPTED as error:  # it is decided and begun; the workers go on with it
                log.warning("correction_interrupted", correction_id=str(done.correction_id), error=reason_of(error))
        return done


def _before(connection: sa.Connection, case: Locked) -> dict[str, Any]:
    """What a decision may change, as it is."""
    return {
        "status": case.status,
        "suspicion": SuspicionStore.row(connection, case.player_id),
        "held": QuarantineStore.held_under(connection, case.player_id) == case.id,
    }


def _no_case() -> NotFound:
    return NotFound("There is no such case.")


def _decided_already(case: Locked) -> AlreadyDecided:
    at = None if case.decided_at is None else rfc3339(case.decided_at)
    return AlreadyDecided(details={"state": case.state, "decided_at": at, "decided_by": case.decided_by})
