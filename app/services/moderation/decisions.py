"""Decisions of moderators on cases, and their undoing: one transaction each; Redis and sockets follow the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa
import structlog

from anticheat.suspicion import Suspicion
from anticheat.verdict import Thresholds
from app.domain import actors
from app.domain.cases import DECISIONS, Decision
from app.domain.corrections import Correction, Selection, nothing_of
from app.domain.scoring import Hold
from app.domain.times import rfc3339, utc
from app.errors import AlreadyDecided, CaseOpen, Forbidden, InvalidRequest, NotFound, NothingToUndo
from app.services.moderation.moderation import Moderation
from app.services.moderation.reasons import checked_reason
from app.services.moderation.status_changes import StatusChanges
from app.stores.accounts.players import PlayerStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.cases import CaseStore, LockedCase
from app.stores.moderation.correction_previews import PREVIEW_SECONDS, PlayerAfter, Preview
from app.stores.moderation.decisions import DecisionStore, PlayerState
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.decisions")


class CorrectionStarter(Protocol):
    """The part of `app.services.moderation.corrections` that a decision needs."""

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

    def void_to_restore(self, correction_id: UUID) -> Correction: ...

    def preview(
        self,
        selection: Selection,
        *,
        restores_id: UUID | None = None,
        after: PlayerAfter | None = None,
        limit: int = 50,
        seconds: int = PREVIEW_SECONDS,
    ) -> Preview: ...

    def work_briefly(self, correction_id: UUID) -> object: ...


@dataclass(frozen=True, slots=True)
class DecisionAuthor:
    """The actor of a decision (named as in app.domain.actors), their reason, and the request's id."""

    actor: str
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The result. `status` is the player's now; `correction_id` is the void or restore of their events, if any."""

    case_id: UUID
    player_id: UUID
    decision: str
    status: str
    correction_id: UUID | None
    suspicion: Suspicion | None = None


class Decisions:
    """A decision works on its correction for a moment; the workers do the rest."""

    def __init__(
        self,
        database: Database,
        store: CaseStore,
        decisions: DecisionStore,
        players: PlayerStore,
        suspicions: SuspicionStore,
        quarantine: QuarantineStore,
        audit: AuditStore,
        moderation: Moderation,
        statuses: StatusChanges,
        corrections: CorrectionStarter,
        *,
        thresholds: Thresholds,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._store, self._decisions = database, store, decisions
        self._players, self._suspicions, self._quarantine, self._audit = players, suspicions, quarantine, audit
        self._moderation, self._statuses, self._corrections = moderation, statuses, corrections
        self._thresholds, self._clock = thresholds, clock

    def decide(self, case_id: UUID, decision: Decision, author: DecisionAuthor) -> DecisionResult:
        """Clear or confirm a case. Raises InvalidRequest, NotFound, Forbidden on one's own case, AlreadyDecided."""
        if decision not in DECISIONS:
            raise InvalidRequest.field("decision", f"must be one of {', '.join(DECISIONS)}")
        return self._follow_up(self._db.run(lambda connection: self._decide(connection, case_id, decision, author)))

    def _decide(
        self, connection: sa.Connection, case_id: UUID, decision: Decision, author: DecisionAuthor
    ) -> DecisionResult:
        case = self._lock_open(connection, case_id, author)
        state = self._read_state(connection, case)
        result = (self._clear if decision == "cleared" else self._confirm)(connection, case, author)
        self._decisions.close(connection, case.id, decision, author.actor, author.reason, result.correction_id)
        self._record(connection, result, state, author)
        return result

    def preview(
        self,
        case_id: UUID,
        decision: Decision | None,
        author: DecisionAuthor,
        *,
        limit: int,
        seconds: int = PREVIEW_SECONDS,
    ) -> Preview:
        """Return who would move by a decision on a case, or with None by the undoing of its last one.

        Nothing is written. Raises the errors of `decide` or `undo`, and Unavailable as `Corrections.preview`.
        """
        with self._db.transaction() as connection:
            if decision is None:
                case, state = self._lock_decided(connection, case_id, author)
                after = PlayerAfter(case.player_id, state["status"] == "active", _hold_of(state))
                voids = self._corrections.voids_of(connection, case.id)
            else:
                case, voids = self._lock_open(connection, case_id, author), ()
                after = PlayerAfter(case.player_id, decision == "cleared")
            connection.rollback()
        if voids:
            selection = self._corrections.void_to_restore(voids[-1]).selection
        elif decision == "confirmed":
            selection = Selection(player_id=case.player_id, since=case.starts_at)
        else:
            selection = nothing_of(case.player_id)
        return self._corrections.preview(
            selection, restores_id=voids[-1] if voids else None, after=after, limit=limit, seconds=seconds
        )

    def undo(self, case_id: UUID, author: DecisionAuthor) -> DecisionResult:
        """Restore the state before the last decision, and open the case again.

        Raises InvalidRequest, NotFound, Forbidden, NothingToUndo, CaseOpen.
        """
        return self._follow_up(self._db.run(lambda connection: self._undo(connection, case_id, author)))

    def _undo(self, connection: sa.Connection, case_id: UUID, author: DecisionAuthor) -> DecisionResult:
        case, previous_state = self._lock_decided(connection, case_id, author)
        state = self._read_state(connection, case)
        result = self._restore_state(connection, case, previous_state, author)
        self._decisions.reopen(connection, case.id)
        self._record(connection, result, state, author)
        return result

    def _lock_open(self, connection: sa.Connection, case_id: UUID, author: DecisionAuthor) -> LockedCase:
        case = self._lock_case(connection, case_id, author)
        if case.state != "open":
            raise _already_decided(case)
        return case

    def _lock_decided(
        self, connection: sa.Connection, case_id: UUID, author: DecisionAuthor
    ) -> tuple[LockedCase, PlayerState]:
        """Return a case whose decision may be undone, and the state before the decision."""
        case = self._lock_case(connection, case_id, author)
        if case.state == "open":
            raise NothingToUndo()
        open_case_id = self._decisions.other_open(connection, case)
        if open_case_id is not None:
            raise CaseOpen(details={"case_id": str(open_case_id)})
        return case, self._decisions.state_before_last(connection, case.id)

    def _lock_case(self, connection: sa.Connection, case_id: UUID, author: DecisionAuthor) -> LockedCase:
        checked_reason(author.reason)
        player_id = self._store.player_of(case_id)
        if player_id is None:
            raise _case_not_found()
        if author.actor == actors.admin(player_id):
            raise Forbidden("You can't decide your own case.")
        self._players.touch(connection, player_id)
        return self._store.lock(connection, case_id)

    def _read_state(self, connection: sa.Connection, case: LockedCase) -> PlayerState:
        """Return the state that a decision may change."""
        hold = self._quarantine.hold_of(connection, case.player_id)
        return {
            "status": case.status,
            "suspicion": self._suspicions.lock(connection, case.player_id),
            "held_under": str(hold.id) if hold else None,
            "held_until": _text_of(hold.until if hold else None),
            "held_since": _text_of(hold.since if hold else None),
            "held_from": _text_of(hold.begun if hold else None),
        }

    def _clear(self, connection: sa.Connection, case: LockedCase, author: DecisionAuthor) -> DecisionResult:
        now = self._clock()
        self._suspicions.count_clearing(connection, case.id, 1)
        self._suspicions.clear(connection, case.player_id, utc(now))
        released_seasons = self._quarantine.hold(connection, case.player_id, None)
        self._statuses.set(connection, case.player_id, "active", author.request_id, released_seasons)
        status = _status_after(case, "active")
        return DecisionResult(case.id, case.player_id, "cleared", status, None, Suspicion(0.0, now))

    def _confirm(self, connection: sa.Connection, case: LockedCase, author: DecisionAuthor) -> DecisionResult:
        # Release held points: this transaction takes the player off the boards, and they are voided with the rest.
        released_seasons = self._quarantine.hold(connection, case.player_id, None)
        self._statuses.set(connection, case.player_id, "suspended", author.request_id, released_seasons)
        correction_id = self._corrections.begin_void(
            connection,
            case_id=case.id,
            player_id=case.player_id,
            since=case.starts_at,
            made_by=author.actor,
            reason=author.reason,
            request_id=author.request_id,
        )
        return DecisionResult(case.id, case.player_id, "confirmed", _status_after(case, "suspended"), correction_id)

    def _restore_state(
        self, connection: sa.Connection, case: LockedCase, state: PlayerState, author: DecisionAuthor
    ) -> DecisionResult:
        restore_id = suspicion = None
        # Voids come first, since a batch too locks its correction before the standings.
        for void_id in self._corrections.voids_of(connection, case.id):
            restore_id = self._corrections.begin_restore(
                connection, void_id, made_by=author.actor, reason=author.reason, request_id=author.request_id
            )
        if case.state == "cleared":
            self._suspicions.count_clearing(connection, case.id, -1)
            suspicion = self._suspicions.restore(connection, case.player_id, state["suspicion"], self._thresholds)
        changed_seasons = self._quarantine.hold(connection, case.player_id, _hold_of(state))
        self._statuses.set(connection, case.player_id, state["status"], author.request_id, changed_seasons)
        status = _status_after(case, state["status"])
        return DecisionResult(case.id, case.player_id, "undone", status, restore_id, suspicion)

    def _record(
        self, connection: sa.Connection, result: DecisionResult, state: PlayerState, author: DecisionAuthor
    ) -> None:
        self._decisions.add(
            connection,
            result.case_id,
            result.decision,
            actor=author.actor,
            reason=author.reason,
            before=state,
            correction_id=result.correction_id,
            request_id=author.request_id,
        )
        details = {
            "player_id": str(result.player_id),
            "reason": author.reason,
            "status": {"before": state["status"], "after": result.status},
            "correction_id": None if result.correction_id is None else str(result.correction_id),
        }
        self._audit.append(
            connection, author.actor, f"case.{result.decision}", f"case:{result.case_id}", details, author.request_id
        )

    def _follow_up(self, result: DecisionResult) -> DecisionResult:
        if result.suspicion is not None:
            self._moderation.start_anew(result.player_id, result.suspicion)
        self._statuses.publish(result.player_id, result.status)
        log.info("case_decided", case_id=str(result.case_id), player_id=str(result.player_id), decision=result.decision)
        if result.correction_id is not None:
            self._corrections.work_briefly(result.correction_id)
        return result


def _status_after(case: LockedCase, status: str) -> str:
    """Return the status that a decision leads to: a player who was erased stays so, while the events are corrected."""
    return case.status if case.status == "erased" else status


def _hold_of(state: PlayerState) -> Hold | None:
    if state["held_under"] is None:
        return None
    times = (state["held_until"], state["held_since"], state["held_from"])
    return Hold(UUID(state["held_under"]), *(datetime.fromisoformat(text) if text else None for text in times))


def _text_of(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _case_not_found() -> NotFound:
    return NotFound("There is no such case.")


def _already_decided(case: LockedCase) -> AlreadyDecided:
    at = None if case.decided_at is None else rfc3339(case.decided_at)
    return AlreadyDecided(details={"state": case.state, "decided_at": at, "decided_by": case.decided_by})
