"""Voids and restores of points. No event is ever deleted: a further event voids or restores it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

from app.domain.corrections import Correction, Selection, nothing_of
from app.errors import Conflict, InvalidRequest, NotFound, Unavailable
from app.services.moderation.ledger_audit import unsound_standings
from app.services.moderation.reasons import checked_reason
from app.services.moderation.selections import check_selection
from app.stores.boards.ledger_audit import LedgerAuditStore, UnsoundStanding
from app.stores.boards.rankings import RankingStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.correction_batches import BatchPastLimit, CorrectionBatches
from app.stores.moderation.correction_limits import PAST_LIMIT, PastLimit, check_limit
from app.stores.moderation.correction_previews import PREVIEW_SECONDS, PlayerAfter, Preview, preview
from app.stores.moderation.corrections import CorrectionStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.corrections")

BATCH = 500  # events per transaction: their players wait for some hundredths of a second
_BATCH_PAUSE_SECONDS = 0.01  # seconds between two batches, so that redemptions that wait for a standing get its lock
_POLL_SECONDS = 0.2
_BRIEF_SECONDS = 2.0
# A redemption that read its player as active may end this long after the suspension: a statement's time limit.
_IN_FLIGHT = timedelta(seconds=6)

_INTERRUPTED: tuple[type[Exception], ...] = (*AFTER_COMMIT, Conflict)

ProgressCallback = Callable[[int], None]


class Corrections:
    """A correction begins in the transaction of its decision; afterwards any process works through it in batches."""

    def __init__(
        self,
        database: Database,
        patient_replicas: Replicas,
        store: CorrectionStore,
        batches: CorrectionBatches,
        ledger_audit: LedgerAuditStore,
        audit: AuditStore,
        catalog: CatalogStore,
        rankings: RankingStore,
        quarantine: QuarantineStore,
    ) -> None:
        self._db, self._patient_replicas, self._store = database, patient_replicas, store
        self._batches, self._ledger_audit, self._audit = batches, ledger_audit, audit
        self._catalog, self._rankings, self._quarantine = catalog, rankings, quarantine
        self.batch = BATCH

    def void(self, selection: Selection, *, actor: str, reason: str, request_id: str) -> UUID:
        """Begin to void the selected past events; return the void's id.

        Raises InvalidRequest for a bad reason, and for a selection without player, action type and time; Conflict where
        a score would pass the maximum.
        """
        checked_reason(reason)
        check_selection(selection)

        def begin(connection: sa.Connection) -> UUID:
            correction_id = self._add_void(connection, selection, actor, reason, request_id)
            details = {"reason": reason, **_describe(selection)}
            self._audit.append(
                connection, actor, "leaderboard.void", f"correction:{correction_id}", details, request_id
            )
            return correction_id

        return self._db.run(begin)

    def restore(self, correction_id: UUID, *, actor: str, reason: str, request_id: str) -> UUID:
        """Begin to restore a void; return the restore's id.

        Raises InvalidRequest for a bad reason, NotFound, and Conflict unless the void stands.
        """
        checked_reason(reason)

        def begin(connection: sa.Connection) -> UUID:
            restore_id = self.begin_restore(
                connection, correction_id, made_by=actor, reason=reason, request_id=request_id
            )
            details = {"reason": reason, "restores": str(correction_id)}
            self._audit.append(
                connection, actor, "leaderboard.restore", f"correction:{restore_id}", details, request_id
            )
            return restore_id

        return self._db.run(begin)

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
    ) -> UUID:
        """Begin to void a suspended player's events since then, in the decision's transaction; return the void's id.

        Raises Conflict where a score would pass the maximum.
        """
        now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        selection = Selection(player_id=player_id, since=since, until=now + _IN_FLIGHT)
        return self._add_void(connection, selection, made_by, reason, request_id, case_id=case_id)

    def begin_restore(
        self, connection: sa.Connection, correction_id: UUID, *, made_by: str, reason: str, request_id: str
    ) -> UUID:
        """Begin to restore a void's events so far, in the caller's transaction; return the restore's id.

        Raises NotFound, and Conflict unless the void stands or where a score would pass the maximum.
        """
        void = _standing_void(self._store.lock(connection, correction_id))
        with _limit_refused(void.id):
            check_limit(connection, void.selection, void.id)
        self._store.set_state(connection, void.id, "restored")
        selection = replace(void.selection, until=None)
        return self._add(
            connection, "restore", selection, made_by, reason, request_id, case_id=void.case_id, restores_id=void.id
        )

    def voids_of(self, connection: sa.Connection, case_id: UUID) -> Sequence[UUID]:
        """Return a case's voids that stand, which are those not restored."""
        return self._store.voids_of_case(connection, case_id)

    def work(
        self, correction_id: UUID, *, seconds: float | None = None, on_progress: ProgressCallback = lambda events: None
    ) -> Correction:
        """Work on a correction until it is finished, or for `seconds`; return it as it is then.

        Several processes may work on one; after a crash the next one continues it. Raises NotFound, Conflict.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            is_exhausted = self._step(correction_id)
            correction = self.get(correction_id)
            on_progress(correction.events)
            if correction.state != "running" or (deadline is not None and time.monotonic() >= deadline):
                return correction
            if is_exhausted and deadline is not None:
                return correction  # only events of redemptions in flight may follow: the worker looks for those
            time.sleep(_POLL_SECONDS if is_exhausted else _BATCH_PAUSE_SECONDS)

    def work_briefly(self, correction_id: UUID) -> None:
        """Work on a correction that has begun for two seconds at most; the workers go on, also after an error."""
        try:
            self.work(correction_id, seconds=_BRIEF_SECONDS)
        except _INTERRUPTED as error:
            log.warning("correction_interrupted", correction_id=str(correction_id), error=reason_of(error))

    def resume_all(self, seconds: float) -> list[Correction]:
        """Work on all running corrections for `seconds` in total; return them. A blocked one delays no other."""
        deadline, corrections = time.monotonic() + seconds, []
        for correction_id in self._store.running():
            if time.monotonic() >= deadline:
                break
            try:
                corrections.append(self.work(correction_id, seconds=max(0.0, deadline - time.monotonic())))
            except Conflict as refusal:  # a score came near its limit since the restore began: it waits for room
                log.error("correction_waits", correction_id=str(correction_id), reason=refusal.message)
        return corrections

    def get(self, correction_id: UUID) -> Correction:
        """Return a correction. Raises NotFound."""
        correction = self._store.get(correction_id)
        if correction is None:
            raise NotFound("There is no such correction.")
        return correction

    def void_to_restore(self, correction_id: UUID) -> Correction:
        """Return a void that may be restored. Raises NotFound, and Conflict unless the void stands."""
        return _standing_void(self._store.get(correction_id))

    def page(self, *, limit: int, state: str | None = None, after: UUID | None = None) -> list[Correction]:
        """Return the newest corrections first, those before `after`. Raises InvalidRequest if that is none."""
        if after is not None and self._store.get(after) is None:
            raise InvalidRequest.field("after", "is not a correction")
        return self._store.page(limit=limit, state=state, after=after)

    def preview(
        self,
        selection: Selection,
        *,
        restores_id: UUID | None = None,
        after: PlayerAfter | None = None,
        limit: int = 50,
        seconds: int = PREVIEW_SECONDS,
    ) -> Preview:
        """Return the changes that the correction would make, from one snapshot of a replica, or of the primary.

        `after`: a player whose status or hold would change with it. Raises Conflict where the correction itself would,
        because a score would pass the maximum, and Unavailable where a query takes longer than `seconds`.
        """
        try:
            with _limit_refused(restores_id):
                return self._patient_replicas.read_patiently(
                    lambda source: preview(source, selection, restores_id, after=after, limit=limit, seconds=seconds)
                )
        except OperationalError as error:
            if isinstance(error.orig, psycopg.errors.QueryCanceled):
                raise Unavailable(f"The comparison of the boards takes longer than {seconds} s.") from error
            raise

    def preview_status(self, player_id: UUID, status: str, *, limit: int, seconds: int = PREVIEW_SECONDS) -> Preview:
        """Return who would move if the player became `active` or `suspended`. Raises as `preview` does."""
        with self._db.statement() as connection:
            hold = self._quarantine.hold_of(connection, player_id)
        is_active = status == "active"
        if is_active and hold is not None and hold.until is not None:
            hold = None  # it ends with the suspicion
        after = PlayerAfter(player_id, is_active, hold)
        return self.preview(nothing_of(player_id), after=after, limit=limit, seconds=seconds)

    def find_unsound(self, on_progress: ProgressCallback = lambda standings: None) -> Iterator[UnsoundStanding]:
        """Yield standings that differ from their events. `on_progress` gets the number of standings compared."""
        return unsound_standings(self._ledger_audit, on_progress)

    def _add_void(
        self,
        connection: sa.Connection,
        selection: Selection,
        made_by: str,
        reason: str,
        request_id: str,
        *,
        case_id: UUID | None = None,
    ) -> UUID:
        with _limit_refused(None):
            check_limit(connection, selection, None)
        return self._add(connection, "void", selection, made_by, reason, request_id, case_id=case_id)

    def _add(
        self,
        connection: sa.Connection,
        kind: str,
        selection: Selection,
        made_by: str,
        reason: str,
        request_id: str,
        *,
        case_id: UUID | None = None,
        restores_id: UUID | None = None,
    ) -> UUID:
        correction_id = uuid4()
        self._store.add(
            connection,
            correction_id,
            kind,
            selection,
            made_by=made_by,
            reason=reason,
            request_id=request_id,
            case_id=case_id,
            restores_id=restores_id,
        )
        return correction_id

    def _step(self, correction_id: UUID) -> bool:
        """Work on one batch; return whether nothing was left to do. Raises Conflict past MAX_SCORE."""
        try:
            step = self._db.run(lambda connection: self._process_batch(connection, correction_id))
        except BatchPastLimit as excess:
            self._process_players(correction_id, excess.players)
            step = (False, False)
        if step is None:
            return True
        is_exhausted, is_finished = step
        if is_finished:
            correction = self.get(correction_id)
            log.info("corrected", correction_id=str(correction_id), kind=correction.kind, events=correction.events)
        self._wake_relays()  # the last batch of a restore may have changed events too
        return is_exhausted

    def _process_batch(self, connection: sa.Connection, correction_id: UUID) -> tuple[bool, bool] | None:
        """Return whether nothing was left to do, and whether the correction is finished now; None if it was before."""
        correction = self._store.lock(connection, correction_id)
        if correction is None or correction.state != "running":
            return None
        is_exhausted = self._batches.process(connection, correction, self.batch)
        is_finished = is_exhausted and self._store.is_settled(connection, correction_id)
        if is_finished:
            self._store.set_state(connection, correction_id, "done")
        return is_exhausted, is_finished

    def _process_players(self, correction_id: UUID, players: Sequence[UUID]) -> None:
        """Work on all events of these players, each in one transaction. A refused one delays no other."""
        refusal: Conflict | None = None
        for player_id in players:
            try:
                self._db.run(partial(self._process_player, correction_id, player_id))
            except Conflict as error:
                refusal = error
        if refusal is not None:
            raise refusal

    def _process_player(self, correction_id: UUID, player_id: UUID, connection: sa.Connection) -> None:
        correction = self._store.lock(connection, correction_id)
        if correction is not None and correction.state == "running":
            self._batches.process_player(connection, correction, player_id)

    def _wake_relays(self) -> None:
        """Wake the relays; if Redis is away, they look for changes by themselves."""
        try:
            for season in self._catalog.mirrored_seasons():
                self._rankings.wake(season)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error))


@contextmanager
def _limit_refused(restores_id: UUID | None) -> Iterator[None]:
    """Raise Conflict where a score would pass the maximum by a void, or by the restore of this void."""
    try:
        yield
    except PastLimit:
        raise Conflict(PAST_LIMIT.format(done="restored" if restores_id else "voided")) from None


def _standing_void(void: Correction | None) -> Correction:
    if void is None:
        raise NotFound("There is no such correction.")
    if void.kind != "void" or void.state == "restored":
        raise Conflict("It was restored already." if void.kind == "void" else "A restore can't be restored.")
    return void


def _describe(selection: Selection) -> dict[str, object]:
    names = ("player_id", "action_type_id", "board_id", "since", "until")
    return {name: getattr(selection, name) for name in names if getattr(selection, name) is not None}
