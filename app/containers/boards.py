"""Factory of the stores and services of boards: standings, rankings in Redis, broadcasts, presence."""

from __future__ import annotations

from dataclasses import dataclass

from app.containers.connections import Connections
from app.services.boards.board_list import BoardList
from app.services.boards.board_pages import BoardPages
from app.services.boards.board_sync import BoardSync
from app.services.boards.board_views import BoardViews
from app.services.boards.broadcasts import Broadcasts
from app.services.boards.own_standings import OwnStandings
from app.services.boards.player_pages import PlayerPages
from app.services.boards.presence import LIFETIMES, Presence
from app.services.boards.reconcile import Reconciler
from app.services.boards.revival import Revival
from app.services.boards.season_plans import SeasonPlans
from app.services.boards.seasons import Seasons
from app.services.boards.standings import Standings
from app.stores.accounts.attributes import AttributeStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.board_copies import BoardCopies
from app.stores.boards.board_list import BoardListStore
from app.stores.boards.broadcast_gate import BroadcastGateStore
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.histories import HistoryStore
from app.stores.boards.outbox import OutboxStore
from app.stores.boards.pages import PageStore
from app.stores.boards.presence import PresenceStore
from app.stores.boards.rankings import RankingStore
from app.stores.boards.recent_changes import RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.boards.seasons import SeasonStore
from app.stores.boards.standings import StandingStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore
from app.stores.redis.client import Scripts


@dataclass(frozen=True, slots=True)
class BoardParts:
    """The stores and services of boards."""

    outbox: OutboxStore
    standing_store: StandingStore
    board_views: BoardViews
    board_pages: BoardPages
    player_pages: PlayerPages
    rankings: RankingStore
    bulk_rankings: BulkRankings
    standings: Standings
    own_standings: OwnStandings
    presence: Presence
    board_sync: BoardSync
    reconciler: Reconciler


def build_boards(connections: Connections, catalog: CatalogStore, players: PlayerStore) -> BoardParts:
    """Return the stores and services of boards."""
    standing_store = StandingStore(connections.database)
    rankings = RankingStore(connections.redis, connections.scripts)
    bulk_rankings = BulkRankings(connections.patient_redis, Scripts(connections.patient_redis))
    page_store, replicas = PageStore(connections.database), connections.replicas
    board_views = BoardViews(catalog, clock=connections.clock)
    standings = Standings(board_views, standing_store, page_store, rankings, players, replicas, clock=connections.clock)
    board_pages = BoardPages(connections.database, standing_store, rankings, replicas)
    player_pages = PlayerPages(
        players,
        AttributeStore(connections.database),
        board_views,
        page_store,
        standing_store,
        rankings,
        HistoryStore(connections.database),
    )
    broadcasts = Broadcasts(
        catalog,
        standing_store,
        rankings,
        standings,
        BroadcastGateStore(connections.redis, connections.scripts),
        connections.redis,
        interval=connections.settings.broadcast_seconds,
    )
    copies = BoardCopies(rankings, connections.scripts)
    changes, progress = RecentChangeStore(connections.database), ReconcileProgressStore(connections.patient_redis)
    revival = Revival(standing_store, changes, bulk_rankings, progress, clock=connections.clock)
    board_sync = BoardSync(catalog, standing_store, rankings, bulk_rankings, copies, standings, broadcasts, revival)
    reconciler = Reconciler(
        catalog, standing_store, changes, bulk_rankings, progress, board_sync, clock=connections.clock
    )
    presence = _presence(connections, standings)
    outbox = OutboxStore(connections.database)
    return BoardParts(
        outbox,
        standing_store,
        board_views,
        board_pages,
        player_pages,
        rankings,
        bulk_rankings,
        standings,
        OwnStandings(board_views, standing_store, page_store, rankings),
        presence,
        board_sync,
        reconciler,
    )


def build_board_list(connections: Connections, pages: BoardPages) -> BoardList:
    """Return the service of boards' rules and seasons."""
    return BoardList(BoardListStore(connections.database), SeasonStore(connections.database), pages)


def build_season_plans(connections: Connections) -> SeasonPlans:
    """Return the service that writes the seasons to come."""
    return SeasonPlans(connections.database, SeasonStore(connections.database))


def build_seasons(
    connections: Connections, catalog: CatalogStore, rankings: RankingStore, audit: AuditStore
) -> Seasons:
    """Return the service of boards' seasons."""
    plans, store = build_season_plans(connections), SeasonStore(connections.database)
    return Seasons(connections.database, store, plans, catalog, rankings, audit)


def _presence(connections: Connections, standings: Standings) -> Presence:
    settings = connections.settings
    return Presence(
        PresenceStore(connections.scripts, seconds=settings.presence_seconds * LIFETIMES),
        standings,
        most_per_player=settings.max_sockets_per_player,
        most_per_address=settings.max_sockets_per_address,
        most_watchers=settings.max_watchers_per_address,
        renew_seconds=settings.presence_seconds,
    )
