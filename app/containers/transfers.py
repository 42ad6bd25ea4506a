"""Factory of the services that move players, standings and events between leaderboards."""

from __future__ import annotations

from dataclasses import dataclass

from app.containers.accounts import AccountParts, PlayerParts
from app.containers.connections import Connections
from app.services.accounts.player_imports import PlayerImports
from app.services.boards.board_changes import BoardChanges
from app.services.boards.board_plans import BoardPlans
from app.services.operations.transfers import Transfers
from app.services.play.event_imports import EventImports
from app.services.play.imported_batches import ImportedBatches
from app.services.play.standing_imports import StandingImports
from app.stores.accounts.imported_players import ImportedPlayerStore
from app.stores.boards.seasons import SeasonStore
from app.stores.operations.transfers import TransferStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.imported_events import ImportedEventStore


@dataclass(frozen=True, slots=True)
class TransferParts:
    """The services of exports and imports."""

    transfers: Transfers
    player_imports: PlayerImports
    standing_imports: StandingImports
    event_imports: EventImports


def build_transfers(
    connections: Connections,
    accounts: AccountParts,
    players: PlayerParts,
    catalog: CatalogStore,
    plans: BoardPlans,
    changes: BoardChanges,
) -> TransferParts:
    """Return the services of exports and imports."""
    database = connections.database
    known_players, events = ImportedPlayerStore(database), ImportedEventStore()
    batches = ImportedBatches(database, events)
    return TransferParts(
        Transfers(TransferStore(database), catalog, SeasonStore(database)),
        PlayerImports(database, known_players, players.game_players, accounts.name_rules),
        StandingImports(catalog, plans, changes, known_players, events, batches),
        EventImports(catalog, known_players, events, batches),
    )
