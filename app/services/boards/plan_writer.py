"""The writing of a plan: boards, their seasons, action types and the audit log, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.domain.board_config import BoardConfig
from app.domain.board_plans import Catalog, Plan, Step, config_after, moves_seasons
from app.domain.schedules import Window, windows
from app.domain.season_windows import first_windows, has_whole_past
from app.stores.boards.board_store import BoardStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.catalog import CatalogStore


@dataclass(frozen=True, slots=True)
class Operator:
    """The person that changes something: the actor and the request of the rows in the audit log."""

    actor: str
    request_id: str


class PlanWriter:
    """Writes plans that were checked. The caller has locked the boards."""

    def __init__(self, boards: BoardStore, types: CatalogStore, audit: AuditStore) -> None:
        self._boards, self._types, self._audit = boards, types, audit

    def write(
        self, connection: sa.Connection, plan: Plan, catalog: Catalog, by: Operator, filled: Sequence[str] = ()
    ) -> dict[str, int]:
        """Write the plan; return the id of each board. `filled` are new boards whose seasons a replay has filled.

        Raises Conflict for a slug that was used before.
        """
        self._boards.lock_seasons(connection, [*plan.feeds, *(step.slug for step in plan.boards)])
        self._boards.keep_ended_seasons(connection, list(plan.feeds))
        ids = {step.slug: self._write_board(connection, step, catalog, step.slug in filled) for step in plan.boards}
        for step in plan.types:
            self._write_type(connection, step)
        for step in plan.boards:
            self._note_step(connection, "board", step, by)
        for step in plan.types:
            self._note_step(connection, "action_type", step, by)
        return ids

    def add_following(self, connection: sa.Connection, board_id: int, config: BoardConfig, last: Window) -> None:
        """Add the season that follows the last one of a new board, if there is one."""
        following = windows_after(config, last)
        number = self._boards.last_number(connection, board_id) + 1
        self._boards.add_seasons(connection, board_id, following, first=number, over_past=False)

    def _write_board(self, connection: sa.Connection, step: Step, catalog: Catalog, is_filled: bool) -> int:
        config = config_after(catalog, step)
        if not step.is_new:
            board_id = self._boards.change(connection, step.slug, step.after)
            if moves_seasons(step):
                self._move_seasons(connection, board_id, config)
            return board_id
        board_id = self._boards.add(connection, config)
        if not is_filled:
            first = first_windows(config, self._boards.now(connection))
            self._boards.add_seasons(connection, board_id, first, first=1, over_past=has_whole_past(config))
        return board_id

    def _move_seasons(self, connection: sa.Connection, board_id: int, config: BoardConfig) -> None:
        """Let the open season end, and the next one begin, as the new schedule says."""
        window = self._boards.open_window(connection, config.slug)
        if window is None:
            begin = first_windows(config, self._boards.now(connection))
            now = self._boards.now(connection)
            coming = [window for window in begin if window.ends_at is None or window.ends_at > now]
            self._boards.move_seasons(connection, board_id, None, coming)
            return
        now = self._boards.now(connection)
        present = next(windows(config.parsed_schedule(), now, config.ends_at), Window(now, now))
        self._boards.move_seasons(connection, board_id, present.ends_at, windows_after(config, present))

    def _write_type(self, connection: sa.Connection, step: Step) -> None:
        values: dict[str, Any] = {name: value for name, value in step.after.items() if name != "boards"}
        boards = step.after.get("boards")
        assert boards is None or isinstance(boards, list)
        if step.is_new:
            self._types.add_action_type(connection, values, boards or [])
            return
        if values:
            self._types.change_action_type(connection, step.slug, values)
        if boards:
            self._boards.set_feeds(connection, step.slug, boards)

    def note(
        self, connection: sa.Connection, act: str, subject: str, details: Mapping[str, object], by: Operator
    ) -> None:
        """Append an act to the audit log: last in a transaction, since all acts take its lock."""
        self._audit.append(connection, by.actor, act, subject, details, by.request_id)

    def _note_step(self, connection: sa.Connection, kind: str, step: Step, by: Operator) -> None:
        if step.is_new:
            details = {name: value for name, value in step.after.items() if name != "slug"}
        else:
            details = {name: {"before": step.before[name], "after": value} for name, value in step.after.items()}
        act = f"{kind}.{'added' if step.is_new else 'changed'}"
        self.note(connection, act, f"{kind}:{step.slug}", details, by)


def windows_after(config: BoardConfig, window: Window) -> list[Window]:
    """Return the season that follows this one, in a list that is empty if none follows."""
    if window.ends_at is None:
        return []
    return list(islice(windows(config.parsed_schedule(), window.ends_at, config.ends_at), 1))
