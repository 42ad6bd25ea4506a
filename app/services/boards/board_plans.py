"""Changes of boards and their action types: checked, shown before they are made, and made in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.domain.board_config import BoardConfig
from app.domain.board_plans import Catalog, Fields, Plan, Problems, Step, config_after, plan, plan_to_json
from app.domain.boards import MAIN, ActionType
from app.domain.season_windows import MOST_SEASONS, first_windows, has_whole_past
from app.errors import Conflict, InvalidRequest, NotFound
from app.services.boards.plan_writer import Operator, PlanWriter
from app.services.boards.seasons import NOTICE
from app.stores.boards.board_list import BoardListStore
from app.stores.boards.board_store import BoardStore
from app.stores.boards.replays import ReplayStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres import contraction
from app.stores.postgres.engine import Database

_SEARCH_SECONDS = 500


class BoardPlans:
    """Makes plans, and carries out those that need no replay. `token_seconds` is the default life of tokens."""

    def __init__(
        self,
        database: Database,
        boards: BoardStore,
        types: CatalogStore,
        board_list: BoardListStore,
        replays: ReplayStore,
        audit: AuditStore,
        writer: PlanWriter,
        *,
        token_seconds: int,
    ) -> None:
        self._db, self._boards, self._types, self._replays = database, boards, types, replays
        self._list, self._audit, self._writer, self._token_seconds = board_list, audit, writer, token_seconds

    def catalog(self) -> Catalog:
        """Return the boards and action types as they are."""
        types = {action_type.slug: action_type for action_type in self._types.action_types()}
        retired = {action_type.slug: action_type for action_type, _ in self._types.retired_types()}
        return Catalog({board.slug: board for board in self._list.boards()}, types, retired)

    def plan(self, boards: Mapping[str, Fields], types: Mapping[str, Fields]) -> Plan:
        """Return the plan that gives these boards and action types the values given.

        Raises InvalidRequest, whose fields are called `boards.<slug>.<field>` or `action_types.<slug>.<field>`.
        """
        catalog = self.catalog()
        result, problems = plan(catalog, boards, types)
        with self._db.statement() as connection:
            now = self._boards.now(connection)
        for step in result.types:
            problems += self._lifetime_problems(step, catalog.types.get(step.slug))
        for step in result.boards:
            problems += _window_problems(step, catalog, now)
        problems += self._taken_problems(result)
        if problems:
            raise InvalidRequest(details=problems)
        return result

    def boards_to_replay(self, plan: Plan) -> list[str]:
        """Return the boards whose scores the plan would change by events that are in the ledger already."""
        catalog = self.catalog()
        steps = {step.slug: step for step in plan.boards}
        with self._db.transaction() as connection:
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_SEARCH_SECONDS}s'"))
            return [
                slug
                for slug, feed in plan.feeds.items()
                if self._has_past(connection, catalog, slug, steps.get(slug), feed.changed)
            ]

    def apply(self, plan: Plan, *, by: Operator) -> None:
        """Carry out a plan that needs no replay, in one transaction. Raises Conflict while a replay is unfinished."""
        catalog = self.catalog()
        with self._db.transaction() as connection:
            self._boards.lock(connection)
            _refuse_before_contraction(connection)
            self.refuse_while_replaying()
            self._writer.write(connection, plan, catalog, by)

    def refuse_while_replaying(self) -> None:
        """Raise Conflict while a replay is unfinished, which was planned for the boards as they are."""
        if self._replays.unfinished():
            raise Conflict("A replay is unfinished. Wait for its end, or drop it: 'flask boards replay --cancel' does.")

    def archive(self, slug: str, *, by: Operator, dry_run: bool = False) -> None:
        """End a board's open season in two seconds, for good, and take the board off all lists.

        With `dry_run` nothing changes. Raises NotFound, and Conflict for main.
        """
        if slug == MAIN:
            raise Conflict(f"The board '{MAIN}' always exists.")
        with self._db.transaction() as connection:
            self._boards.lock(connection)
            self.refuse_while_replaying()
            self.find(slug)
            if dry_run:
                return
            self._boards.archive(connection, slug, self._boards.now(connection) + NOTICE)
            self._audit.append(connection, by.actor, "board.archived", f"board:{slug}", {}, by.request_id)

    def find(self, slug: str) -> BoardConfig:
        """Return a board. Raises NotFound."""
        config = self._list.board(slug) if slug.isprintable() else None
        if config is None:
            raise NotFound(f"There is no board '{slug[:40]}'." if slug.isprintable() else "There is no such board.")
        return config

    def begin_replay(self, plan: Plan, *, by: Operator) -> UUID:
        """Begin the replay that leads to this plan, or return the unfinished one that does. Raises Conflict."""
        text = plan_to_json(plan)
        with self._db.transaction() as connection:
            self._boards.lock(connection)
            _refuse_before_contraction(connection)
            replay = self._replays.unfinished()
            if replay is None:
                return self._replays.add(connection, text, by.actor, by.request_id)
        if replay.state != "running" or replay.plan != json.loads(text):
            self.refuse_while_replaying()
        return replay.id

    def _has_past(
        self, connection: sa.Connection, catalog: Catalog, slug: str, step: Step | None, types: Sequence[str]
    ) -> bool:
        known = [name for name in types if name in catalog.types or name in catalog.retired]
        if slug in catalog.boards:
            season = self._boards.open_season(connection, slug)
            if season is None:
                return False
            since = None if season.over_past else season.starts_at
            return self._boards.has_events(connection, known, since, season.ends_at)
        assert step is not None, "a board that is not there yet is added"
        config = config_after(catalog, step)
        now = self._boards.now(connection)
        since = None if has_whole_past(config) else first_windows(config, now)[0].starts_at
        return self._boards.has_events(connection, known, since, config.ends_at)

    def _taken_problems(self, plan: Plan) -> Problems:
        """Return the errors of new slugs that an archived board or a retired action type has."""
        taken = [f"boards.{step.slug}" for step in plan.boards if step.is_new and self._types.board_id(step.slug)]
        taken += [f"action_types.{step.slug}" for step in plan.types if step.is_new and self._types.type_id(step.slug)]
        message = "was used before, and can be used only once: it may be archived or retired"
        return [{"field": f"{path}.slug", "message": message} for path in taken]

    def _lifetime_problems(self, step: Step, action_type: ActionType | None) -> Problems:
        before = asdict(action_type) if action_type else {"min_seconds": 0, "token_seconds": None}
        values = {**before, **step.after}
        life, least = values["token_seconds"] or self._token_seconds, values["min_seconds"]
        if life > least or not step.after.keys() & {"min_seconds", "token_seconds"}:
            return []
        message = f"must be above min_seconds ({least:g}); tokens of this type live {life} s"
        return [{"field": f"action_types.{step.slug}.token_seconds", "message": message}]


def _refuse_before_contraction(connection: sa.Connection) -> None:
    """Raise Conflict while processes of an earlier version may run: they know no boards and types but their own."""
    if contraction.is_pending(connection):
        message = "Boards and action types can't be changed before the end of the upgrade: run 'flask db contract' when"
        raise Conflict(f"{message} no process of an earlier version runs any more.")


def _window_problems(step: Step, catalog: Catalog, now: datetime) -> Problems:
    config, path = config_after(catalog, step), f"boards.{step.slug}"
    if step.is_new:
        return _first_window_problems(config, path, now)
    before = catalog.boards[step.slug]
    has_begun = before.starts_at is None or before.starts_at <= now
    if "starts_at" in step.after and has_begun:
        return [{"field": f"{path}.starts_at", "message": "can't be changed once the board has begun"}]
    if step.after.keys() & {"ends_at", "schedule", "timezone"} and before.ends_at and before.ends_at <= now:
        name = next(name for name in ("ends_at", "schedule", "timezone") if name in step.after)
        return [{"field": f"{path}.{name}", "message": "can't be changed: the board has ended, and is final"}]
    if "ends_at" in step.after and config.ends_at and config.ends_at <= now:
        return [{"field": f"{path}.ends_at", "message": "must be in the future; close-season ends a season now"}]
    return []


def _first_window_problems(config: BoardConfig, path: str, now: datetime) -> Problems:
    seasons = len(first_windows(config, now))
    if seasons > MOST_SEASONS:
        message = f"would give the board more than {MOST_SEASONS} seasons before now"
        return [{"field": f"{path}.starts_at", "message": message}]
    if not seasons:
        return [{"field": f"{path}.ends_at", "message": "must be in the future, for a board without starts_at"}]
    return []
