"""Taking points back and giving them back. Nothing is ever deleted: an event is voided by another one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
import structlog

from app.domain.corrections import Correction, Selection
from app.errors import Conflict, InvalidRequest, NotFound
from app.services.operations.retries import Retries
from app.stores.boards.ledger_audit import LedgerAuditStore, StandingKey
from app.stores.boards.rankings import RankingStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.correction_previews import Preview, past_limit, preview
from app.stores.moderation.corrections import PAST_LIMIT, CorrectionStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.corrections")

BATCH = 500  # events in one transaction: their players wait for some hundredths of a second
_BREATH = 0.01  # seconds between two batches, in which those who wait for a standing have it
_LOOK_SECONDS = 0.2
# A redemption that had found its player active may end so long after the suspension: as long as a statement may take.
_STRAGGLERS = timedelta(seconds=6)

Done = Callable[[int], None]


class Corrections:
    """A correction is begun in the transaction of the decision, and worked off afterwards, by whoever comes to it."""

    def __init__(
        self,
        database: Database,
        patient: Replicas,
        store: CorrectionStore,
        catalog: CatalogStore,
        rankings: RankingStore,
        *,
        batch: int = BATCH,
    ) -> None:
        self._db, self._patient, self._store = database, patient, store
        self._catalog, self._rankings = catalog, rankings
        self.batch = batch

    def void(self, selection: Selection, *, actor: str, reason: str, request_id: str) -> UUID:
        """Begin to void what is selected until now. Raises InvalidRequest for a selection of everything."""
        if all(
            part is None for part in (selection.player_id, selection.action_type_id, selection.since, selection.until)
        ):
            raise InvalidRequest.field("player", "or an action type or a time must be given")
        with self._db.transaction() as connection:
            found = self._add(connection, "void", selection, actor, reason, request_id)
            details = {"reason": reason, **_plain(selection)}
            AuditStore.append(connection, actor, "leaderboard.void", f"correction:{found}", details, request_id)
        return found

    def restore(self, correction_id: UUID, *, actor: str, reason: str, request_id: str) -> UUID:
        """Begin to take a void back. Raises NotFound, and Conflict for what is no void or was taken back already."""
        with self._db.transaction() as connection:
            found = self.begin_restore(connection, correction_id, made_by=actor, reason=reason, request_id=request_id)
            details = {"reason": reason, "restores": str(correction_id)}
            AuditStore.append(connection, actor, "leaderboard.restore", f"correction:{found}", details, request_id)
        return found

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
        """Within the decision's transaction: void what a player who is suspended in it has scored since then."""
        now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        selection = Selection(player_id=player_id, since=since, until=now + _STRAGGLERS)
        return self._add(connection, "void", selection, made_by, reason, request_id, case_id=case_id)

    def begin_restore(
        self, connection: sa.Connection, correction_id: UUID, *, made_by: str, reason: str, request_id: str
    ) -> UUID:
        """Within the caller's transaction: take a void back, as far as it has come. Raises NotFound, and Conflict also
        where a score would be past the highest there is."""
        void = self._store.lock(connection, correction_id)
        if void is None:
            raise NotFound("There is no such correction.")
        if void.kind != "void" or void.state == "restored":
            raise Conflict("It was restored already." if void.kind == "void" else "A restore can't be restored.")
        if past_limit(connection, void.id):
            raise Conflict(PAST_LIMIT)
        self._store.set_state(connection, void.id, "restored")
        selection = replace(void.selection, until=None)
        return self._add(
            connection, "restore", selection, made_by, reason, request_id, case_id=void.case_id, restores_id=void.id
        )

    def voids_of(self, connection: sa.Connection, case_id: UUID) -> Sequence[UUID]:
        """The voids of a case that stand."""
        return self._store.of_case(connection, case_id)

    def work(
        self, correction_id: UUID, *, seconds: float | None = None, done: Done = lambda events: None
    ) -> Correction:
        """Go on with it, until it is finished or for so many seconds. Several may; a crash leaves it to the next."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            over = self._step(correction_id)
            now = self.get(correction_id)
            done(now.events)
            if now.state != "running" or (until is not None and time.monotonic() >= until):
                return now
            if over and until is not None:
                return now  # all there is, but for stragglers: the worker looks for those
            time.sleep(_LOOK_SECONDS if over else _BREATH)

    def go_on(self, seconds: float) -> list[Correction]:
        """Go on with all that are running, for so many seconds in all; one that can't go on keeps no other waiting."""
        until, corrections = time.monotonic() + seconds, []
        for each in self._store.running():
            if time.monotonic() >= until:
                break
            try:
                corrections.append(self.work(each, seconds=max(0.0, until - time.monotonic())))
            except Conflict as refusal:  # a score at its limit, since the restore began: it waits for room
                log.error("correction_waits", correction_id=str(each), reason=refusal.message)
        return corrections

    def get(self, correction_id: UUID) -> Correction:
        """One of them. Raises NotFound."""
        found = self._store.get(correction_id)
        if found is None:
            raise NotFound("There is no such correction.")
        return found

    def page(self, *, limit: int, state: str | None = None) -> list[Correction]:
        """The newest first."""
        return self._store.page(limit=limit, state=state)

    def preview(
        self, selection: Selection, *, restores_id: UUID | None = None, leaves: UUID | None = None, limit: int = 50
    ) -> Preview:
        """What it would change, read from one moment of a replica, or of the primary."""
        return self._patient.patiently(
            lambda source: preview(source, selection, restores_id, leaves=leaves, limit=limit)
        )

    def unsound(self, done: Done = lambda standings: None) -> Iterator[dict[str, Any]]:
        """Yield standings that aren't what their events say. `done` hears how many were looked at."""
        books, patience, count = LedgerAuditStore(self._db), Retries(), 0
        after: StandingKey | None = StandingKey()
        while after is not None:
            chunk = patience(partial(books.chunk, after))
            yield from chunk.wrong
            done(count := count + chunk.standings)
            after = chunk.last

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
        """One batch; True when there was nothing to do."""
        with self._db.transaction() as connection:
            correction = self._store.lock(connection, correction_id)
            if correction is None or correction.state != "running":
                return True
            nothing = self._store.batch(connection, correction, self.batch)
            finished = nothing and self._store.settled(connection, correction_id)
            if finished:
                self._store.set_state(connection, correction_id, "done")
        if finished:
            log.warning("corrected", correction_id=str(correction_id), kind=correction.kind, events=correction.events)
        if not nothing:
            self._tell()
        return nothing

    def _tell(self) -> None:
        """The relay is woken; if Redis is away, it looks by itself."""
        try:
            for season in self._catalog.open_seasons():
                self._rankings.wake(season)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error))


def _plain(selection: Selection) -> dict[str, object]:
    names = ("player_id", "action_type_id", "board_id", "since", "until")
    return {name: getattr(selection, name) for name in names if getattr(selection, name) is not None}
