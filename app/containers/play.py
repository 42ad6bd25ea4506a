"""Factory of the stores and services of play: action types, action tokens, redemptions."""

from __future__ import annotations

import time
from dataclasses import dataclass

from anticheat.verdict import Thresholds
from app.containers.boards import BoardParts, build_season_plans
from app.containers.connections import Connections
from app.services.boards.board_plans import BoardPlans
from app.services.boards.plan_writer import PlanWriter
from app.services.boards.replays import Replays
from app.services.moderation.calibration import Calibration
from app.services.moderation.moderation import Moderation
from app.services.play.actions import Actions
from app.services.play.key_scores import KeyScores
from app.services.play.operator_scores import OperatorScores
from app.services.play.player_history import PlayerHistory
from app.services.play.ranks import Ranks
from app.services.play.redemptions import Redemptions
from app.stores.accounts.players import PlayerStore
from app.stores.boards.board_list import BoardListStore
from app.stores.boards.board_store import BoardStore
from app.stores.boards.filled_seasons import FilledSeasonStore
from app.stores.boards.replays import ReplayStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.first_answers import FirstAnswerStore
from app.stores.play.key_answers import KeyAnswerStore
from app.stores.play.ledger import LedgerStore


@dataclass(frozen=True, slots=True)
class PlayStores:
    """The stores of play."""

    catalog: CatalogStore
    ledger: LedgerStore
    first_answers: FirstAnswerStore
    key_answers: KeyAnswerStore
    action_claims: ActionClaimStore


@dataclass(frozen=True, slots=True)
class PlayServices:
    """The services of play."""

    actions: Actions
    calibration: Calibration
    redemptions: Redemptions
    board_plans: BoardPlans
    replays: Replays
    operator_scores: OperatorScores
    key_scores: KeyScores


def build_play_stores(connections: Connections) -> PlayStores:
    """Return the stores of play."""
    settings = connections.settings
    action_claims = ActionClaimStore(
        connections.redis,
        connections.scripts,
        lease_ms=settings.claim_seconds * 1000,
        consumed_seconds=settings.consumed_seconds,
        clock=None if connections.clock is time.time else connections.clock,
    )
    database = connections.database
    return PlayStores(
        CatalogStore(database),
        LedgerStore(database),
        FirstAnswerStore(database),
        KeyAnswerStore(database),
        action_claims,
    )


def build_play(
    connections: Connections,
    stores: PlayStores,
    boards: BoardParts,
    players: PlayerStore,
    suspicions: SuspicionStore,
    audit: AuditStore,
    moderation: Moderation,
    thresholds: Thresholds,
) -> PlayServices:
    """Return the services of play."""
    settings = connections.settings
    season_plans = build_season_plans(connections)
    player_history = PlayerHistory(stores.ledger, suspicions, stores.action_claims)
    actions = Actions(
        connections.database,
        stores.catalog,
        stores.action_claims,
        stores.ledger,
        boards.standing_store,
        player_history,
        season_plans,
        audit,
        key=settings.action_token_keys[0],
        clock=connections.clock,
        token_seconds=settings.action_seconds,
        max_active=settings.max_active_actions,
    )
    redemptions = Redemptions(
        stores.action_claims,
        stores.ledger,
        stores.first_answers,
        boards.rankings,
        boards.standing_store,
        player_history,
        moderation,
        season_plans,
        connections.scripts,
        secrets={key.kid: key.secret for key in settings.action_token_keys},
        thresholds=thresholds,
    )
    calibration = Calibration(connections.patient_replicas, actions)
    plans, replays = _board_changes(connections, stores, boards, audit)
    ranks = Ranks(boards.rankings, boards.standing_store, connections.scripts)
    scores = OperatorScores(
        connections.database,
        stores.catalog,
        stores.ledger,
        ranks,
        season_plans,
        audit,
        clock=connections.clock,
    )
    key_scores = KeyScores(
        connections.database,
        stores.catalog,
        players,
        stores.key_answers,
        ranks,
        season_plans,
        clock=connections.clock,
    )
    return PlayServices(actions, calibration, redemptions, plans, replays, scores, key_scores)


def _board_changes(
    connections: Connections, stores: PlayStores, boards: BoardParts, audit: AuditStore
) -> tuple[BoardPlans, Replays]:
    database, catalog = connections.database, stores.catalog
    board_store, replay_store = BoardStore(), ReplayStore(database)
    writer = PlanWriter(board_store, catalog, audit)
    seconds = connections.settings.action_seconds
    plans = BoardPlans(
        database, board_store, catalog, BoardListStore(database), replay_store, audit, writer, token_seconds=seconds
    )
    replays = Replays(
        database,
        plans,
        board_store,
        catalog,
        replay_store,
        FilledSeasonStore(),
        writer,
        boards.rankings,
        boards.board_sync,
    )
    return plans, replays
