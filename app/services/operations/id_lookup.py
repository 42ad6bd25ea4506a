"""Ids as an operator types them: whole, or a beginning that only one of them has."""

from __future__ import annotations

from uuid import UUID

from app.domain.id_prefixes import LEAST, AmbiguousId, IdKind, id_range, is_too_short
from app.errors import NotFound
from app.stores.operations.ids import IdStore

_MOST = 10


class IdLookup:
    """Finds rows by the beginnings of their ids."""

    def __init__(self, store: IdStore) -> None:
        self._store = store

    def find(self, kind: IdKind, text: str, *, least: int = LEAST) -> UUID:
        """Return the id that begins with the text of at least `least` digits. Raises NotFound, AmbiguousId."""
        ids = id_range(text, least)
        candidates = self._store.within(kind, ids, _MOST + 1) if ids else []
        if not candidates:
            advice = f" Give at least {least} digits of its id." if is_too_short(text, least) else ""
            raise NotFound(f"There is no such {kind}.{advice}")
        if len(candidates) > 1:
            raise AmbiguousId(kind, text, candidates[:_MOST], has_more=len(candidates) > _MOST)
        return candidates[0].id
