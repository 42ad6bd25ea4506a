"""The transactions of an import: a batch of lines in one, or in several if one of them can't be scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa

from app.domain.boards import MAX_SCORE
from app.domain.transfer_lines import ADDED, UNCHANGED, Outcome, refused
from app.services.operations.import_runs import ImportRun
from app.stores.play.imported_events import ImportedEvent, ImportedEventStore
from app.stores.play.ledger import ScoreAtLimit
from app.stores.postgres.engine import Database

Line = TypeVar("Line")
Due: TypeAlias = Sequence[tuple[int, UUID, Line]]
"""Lines with their places in the batch and their players."""
Plan: TypeAlias = Callable[[sa.Connection, Due[Line]], Mapping[int, Outcome | ImportedEvent]]
"""Locks the players of lines, and returns the event of each by its place, or why there is none."""

UNKNOWN_TYPE = 0
"""The action type of events in a dry run while it is not there yet: nothing is written then."""


class ImportedBatches:
    """Boards show the events within a second of their commit, as they show redemptions."""

    def __init__(self, database: Database, store: ImportedEventStore) -> None:
        self._db, self._store = database, store

    def write(self, due: Due[Line], plan: Plan[Line], import_id: UUID, run: ImportRun) -> dict[int, Outcome]:
        """Write the events of these lines; return an outcome for each, by its place in the batch."""
        if not due:
            return {}
        try:
            return self._db.run(partial(self._commit, due, plan, import_id, run))
        except ScoreAtLimit:
            if len(due) == 1:
                return {due[0][0]: refused("score", f"would take the score past {MAX_SCORE}, the highest there is")}
        half = len(due) // 2
        return self.write(due[:half], plan, import_id, run) | self.write(due[half:], plan, import_id, run)

    def _commit(
        self, due: Due[Line], plan: Plan[Line], import_id: UUID, run: ImportRun, connection: sa.Connection
    ) -> dict[int, Outcome]:
        planned = plan(connection, due)
        outcomes = {place: result for place, result in planned.items() if isinstance(result, Outcome)}
        events = {place: result for place, result in planned.items() if isinstance(result, ImportedEvent)}
        ordered = [events[place] for place in sorted(events)]
        written = {event.action_id for event in ordered}
        if ordered and not any(event.action_type_id == UNKNOWN_TYPE for event in ordered):
            written = self._store.write(connection, ordered, import_id=import_id, request_id=run.request_id)
        if run.dry_run:
            connection.rollback()
        return outcomes | {place: ADDED if event.action_id in written else UNCHANGED for place, event in events.items()}
