"""Everything that a process needs, built once: connections, then the stores and services of each subject.

No Flask, no Celery.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from app.containers.accounts import (
    build_accounts,
    build_attributes,
    build_player_changes,
    build_players,
    run_in_thread,
)
from app.containers.boards import build_board_list, build_boards, build_seasons
from app.containers.connections import Connections, prepare_connections
from app.containers.moderation import (
    build_learning,
    build_linking,
    build_moderation,
    build_moderation_stores,
    thresholds_of,
)
from app.containers.operations import build_operations
from app.containers.play import build_play, build_play_stores
from app.containers.transfers import build_transfers
from app.containers.webhooks import build_webhooks
from app.domain.cursors import Cursors
from app.services.boards.board_catalog import BoardCatalog
from app.services.boards.board_changes import BoardChanges
from app.services.moderation.player_files import PlayerFiles
from app.services.moderation.selections import Selections
from app.services.operations.id_lookup import IdLookup
from app.settings import Settings
from app.stores.boards.board_events import Subscription
from app.stores.moderation.suspensions import SuspensionStore
from app.stores.operations.ids import IdStore

if TYPE_CHECKING:
    from app.services.moderation.account_links import AccountLinks
    from app.services.moderation.model_training import ModelAssessment, ModelTraining


class Container:
    """The stores and services by name. A connection opens at its first use, in the process that uses it."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = time.time, statement_seconds: float = 5.0
    ) -> None:
        self.settings, self.clock = settings, clock
        self._connections = prepare_connections(settings, clock=clock, statement_seconds=statement_seconds)
        self._name_connections(self._connections)
        self._build(self._connections)

    def _name_connections(self, connections: Connections) -> None:
        self.database, self.redis, self.scripts = connections.database, connections.redis, connections.scripts
        self.replicas, self.patient_replicas = connections.replicas, connections.patient_replicas

    def _build(self, connections: Connections) -> None:
        stores, play_stores = build_moderation_stores(connections), build_play_stores(connections)
        accounts = build_accounts(connections, stores.audit)
        boards = build_boards(connections, play_stores.catalog, accounts.players)
        moderation = build_moderation(connections, stores, accounts, play_stores, boards, self._assess_day)
        play = build_play(
            connections,
            play_stores,
            boards,
            accounts.players,
            stores.suspicions,
            stores.audit,
            moderation.moderation,
            thresholds_of(self.settings),
        )
        operations = build_operations(connections, accounts, play_stores, boards, moderation.audit)

        self.players, self.logins, self.sessions = accounts.players, accounts.logins, accounts.sessions
        self.accounts, self.sign_ins, self.sightings = accounts.accounts, accounts.sign_ins, accounts.sightings

        self.api_keys, self.key_checks = accounts.api_keys, accounts.key_checks
        self.provider_sign_ins = accounts.provider_sign_ins

        self.catalog, self.action_claims = play_stores.catalog, play_stores.action_claims
        self.ledger, self.first_answers = play_stores.ledger, play_stores.first_answers
        self.key_answers, self.key_scores = play_stores.key_answers, play.key_scores
        self.actions, self.calibration, self.redemptions = play.actions, play.calibration, play.redemptions
        self.board_plans, self.replays, self.operator_scores = play.board_plans, play.replays, play.operator_scores

        self.standing_store, self.standings = boards.standing_store, boards.standings
        self.rankings, self.bulk_rankings = boards.rankings, boards.bulk_rankings
        self.board_views, self.board_pages = boards.board_views, boards.board_pages
        self.player_pages, self.own_standings = boards.player_pages, boards.own_standings
        self.cursors = Cursors([key.secret for key in self.settings.action_token_keys])
        self.attributes = build_attributes(connections, accounts, boards.rankings, play_stores.catalog)
        players = build_players(
            connections,
            accounts,
            self.attributes,
            boards.outbox,
            stores.audit,
            moderation.statuses,
            play_stores.action_claims,
        )
        self.game_players, self.guests, self.renames = players.game_players, players.guests, players.renames
        self.player_changes = build_player_changes(
            connections, accounts, self.attributes, players.renames, stores.audit
        )
        self.password_changes = accounts.password_changes
        self.exports, self.erasures = players.exports, players.erasures
        self.board_list = build_board_list(connections, boards.board_pages)
        self.board_changes = BoardChanges(play.board_plans, play.replays, play.actions)
        transfers = build_transfers(
            connections, accounts, players, play_stores.catalog, play.board_plans, self.board_changes
        )
        self.transfers, self.player_imports = transfers.transfers, transfers.player_imports
        self.standing_imports, self.event_imports = transfers.standing_imports, transfers.event_imports
        self.board_catalog = BoardCatalog(play.board_plans, self.board_list, play_stores.catalog)
        self.seasons = build_seasons(connections, play_stores.catalog, boards.rankings, stores.audit)
        self.presence, self.board_sync, self.reconciler = boards.presence, boards.board_sync, boards.reconciler

        self._moderation_stores, self.suspicions = stores, stores.suspicions
        self.moderation, self.cases = moderation.moderation, moderation.cases
        self.corrections, self.decisions, self.audit = moderation.corrections, moderation.decisions, moderation.audit
        self.status_repair, self.review, self.backtest = (
            moderation.status_repair,
            moderation.review,
            moderation.backtest,
        )

        self.holds, self.gain_watch = moderation.holds, moderation.gain_watch
        self.selections = Selections(accounts.accounts, play_stores.catalog)
        self.ids = IdLookup(IdStore(connections.database))
        suspensions = SuspensionStore(connections.database)
        self.player_files = PlayerFiles(
            accounts.players, suspensions, self.attributes, boards.standings, moderation.cases
        )

        self.queue_depths, self.failures, self.beat_lock = (
            operations.queue_depths,
            operations.failures,
            operations.beat_lock,
        )
        self.analytics, self.health, self.queues = operations.analytics, operations.health, operations.queues
        self.outbox, self.readings = operations.outbox, operations.readings
        self.schema, self.doctor, self.ledger_months = operations.schema, operations.doctor, operations.ledger_months

        webhooks = build_webhooks(connections, stores.audit)
        self.webhooks, self.webhook_fan_out = webhooks.webhooks, webhooks.fan_out
        self.webhook_sender, self.webhook_deliveries = webhooks.sender, webhooks.deliveries

    @cached_property
    def model_training(self) -> ModelTraining:
        """Return the learned model's service. Its libraries load at the first use; raises Unavailable without them."""
        return build_learning(self._connections, self._moderation_stores, self.moderation, self.clock)

    def _assess_day(self, player_id: UUID) -> ModelAssessment:
        return self.model_training.assess(player_id)

    @cached_property
    def account_links(self) -> AccountLinks:
        """Return the service that links accounts. Its library loads at the first use; raises Unavailable without it."""
        return build_linking(self._connections, self._moderation_stores, self.clock)

    run_in_thread = staticmethod(run_in_thread)

    def subscription(self) -> Subscription:
        """Return a connection of its own that listens to the announcements of other processes."""
        return Subscription(self.redis)

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()
