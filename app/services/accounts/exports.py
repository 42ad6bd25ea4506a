"""Exports: everything that is stored about one player."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from app.errors import NotFound
from app.stores.accounts.exports import ExportStore, Record
from app.stores.play.action_claims import ActionClaimStore


@dataclass(frozen=True, slots=True)
class Export:
    """`facts` has the account and the lists about it; `events` are the ledger's, in chunks that are read as needed."""

    facts: dict[str, object]
    events: Iterator[list[Record]]


class Exports:
    """Keys of the result are names of sections, each a list of records."""

    def __init__(self, store: ExportStore, claims: ActionClaimStore) -> None:
        self._store, self._claims = store, claims

    def export(self, player_id: UUID) -> Export:
        """Return everything about a player. Raises NotFound."""
        account = self._store.account(player_id)
        if account is None:
            raise NotFound("There is no such player.")
        facts: dict[str, object] = {"account": account, **self._store.sections(player_id)}
        facts["open_actions"] = self._claims.open_actions(str(player_id))
        return Export(facts, self._store.events(player_id))
