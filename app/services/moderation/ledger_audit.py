"""The search for standings that differ from their events, through all boards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy.exc import OperationalError

from app.services.operations.chunks import Chunks
from app.services.operations.retries import Retries
from app.stores.boards.ledger_audit import LedgerAuditStore, StandingKey, UnsoundStanding
from app.stores.unavailability import took_too_long

_CHUNK = 500


def unsound_standings(store: LedgerAuditStore, on_progress: Callable[[int], None]) -> Iterator[UnsoundStanding]:
    """Yield standings that differ from their events, and those whose events take too long to add up."""
    retries, chunks, count = Retries(), Chunks(_CHUNK), 0
    after: StandingKey | None = StandingKey()
    while after is not None:
        try:
            chunk = chunks.read(partial(store.chunk, after), retries)
        except OperationalError as error:
            if not took_too_long(error):
                raise
            chunk = retries(partial(store.unreadable, after))
        yield from chunk.wrong
        on_progress(count := count + chunk.standings)
        after = chunk.last
