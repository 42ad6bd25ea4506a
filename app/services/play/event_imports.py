"""Score events of the past, each at its own time: it counts in the seasons that had that time, ended ones too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import sqlalchemy as sa

from app.domain.transfer_lines import ADDED, UNCHANGED, EventLine, Outcome, import_id, refused
from app.services.operations.import_runs import ImportRun
from app.services.play.imported_batches import ImportedBatches
from app.stores.accounts.imported_players import ImportedPlayerStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.imported_events import ImportedEvent, ImportedEventStore, WrittenEvent

_Due = Sequence[tuple[int, UUID, EventLine]]


class EventImports:
    """The players and the action types are there already. Anti-cheat doesn't judge the events.

    The ledger's ids have the order of a player's events, which decides ties and the latest result. So an event that is
    older than the player's newest one is refused: history comes before new play.
    """

    def __init__(
        self,
        catalog: CatalogStore,
        players: ImportedPlayerStore,
        store: ImportedEventStore,
        batches: ImportedBatches,
    ) -> None:
        self._catalog, self._players, self._store, self._batches = catalog, players, store, batches

    def take(self, name: str, lines: Sequence[EventLine], run: ImportRun) -> list[Outcome]:
        """Write the events of these lines, in their order, in the import `name`."""
        ids = self._players.ids({line.player for line in lines})
        types = {slug: self._type_id(slug) for slug in {line.action_type for line in lines}}
        outcomes: list[Outcome | None] = [None] * len(lines)
        due: list[tuple[int, UUID, EventLine]] = []
        for place, line in enumerate(lines):
            player_id = ids.get(line.player)
            if player_id is None:
                outcomes[place] = refused(line.player.field, "is no player: import the players first")
            elif types[line.action_type] is None:
                outcomes[place] = refused("action_type", "is no action type")
            elif run.is_repeated(line.action_id.bytes):
                outcomes[place] = refused("action_id", "is in the file twice")
            else:
                due.append((place, player_id, line))
        plan = partial(self._events, {slug: type_id or 0 for slug, type_id in types.items()}, run)
        for place, outcome in self._batches.write(due, plan, import_id(name), run).items():
            outcomes[place] = outcome
        if run.dry_run:
            run.newest |= {player_id: line.created_at for place, player_id, line in due if outcomes[place] is ADDED}
        return [outcome for outcome in outcomes if outcome is not None]

    def _type_id(self, slug: str) -> int | None:
        """Return the id of an action type, of a retired one too."""
        return self._catalog.type_id(slug) if slug.isprintable() else None

    def _events(
        self, types: Mapping[str, int], run: ImportRun, connection: sa.Connection, due: _Due
    ) -> dict[int, Outcome | ImportedEvent]:
        players = self._store.lock_players(connection, [player_id for _, player_id, _ in due])
        now = self._store.now(connection)
        written = self._store.written(connection, [line.action_id for _, _, line in due])
        newest = {player_id: player.newest_at for player_id, player in players.items() if player.newest_at}
        newest |= {player_id: at for player_id, at in run.newest.items() if player_id in players}
        result: dict[int, Outcome | ImportedEvent] = {}
        for place, player_id, line in due:
            player = players.get(player_id)
            if event := written.get(line.action_id):
                result[place] = _present(event, player_id, line)
            elif player is None or not player.is_active:
                result[place] = refused(line.player.field, "is suspended" if player else "is no player")
            elif problem := _problem(line, newest.get(player_id), now):
                result[place] = problem
            else:
                newest[player_id] = line.created_at
                result[place] = _event(player_id, types[line.action_type], line)
        self._refuse_without_season(connection, result)
        return result

    def _refuse_without_season(self, connection: sa.Connection, result: dict[int, Outcome | ImportedEvent]) -> None:
        events = [event for event in result.values() if isinstance(event, ImportedEvent)]
        homeless = self._store.without_season(connection, events) if events else set()
        for place, event in result.items():
            if isinstance(event, ImportedEvent) and event.action_id in homeless:
                result[place] = refused("created_at", "is in no season of the boards that the action type feeds")


def _event(player_id: UUID, type_id: int, line: EventLine) -> ImportedEvent:
    return ImportedEvent(
        line.action_id, player_id, type_id, line.result, line.created_at, line.issued_at, line.metadata
    )


def _present(event: WrittenEvent, player_id: UUID, line: EventLine) -> Outcome:
    if (event.player_id, event.result) == (player_id, line.result):
        return UNCHANGED
    return refused("action_id", "is that of another event in the ledger")


def _problem(line: EventLine, newest_at: datetime | None, now: datetime) -> Outcome | None:
    if line.created_at > now:
        return refused("created_at", "is in the future")
    if newest_at is not None and line.created_at < newest_at:
        return refused("created_at", "is before the player's newest event: the file must be in the order of time")
    return None
