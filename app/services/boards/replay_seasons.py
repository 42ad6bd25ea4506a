"""The seasons that a replay fills: those of its plan's boards that have begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from uuid import UUID

import sqlalchemy as sa

from app.domain.board_config import BoardConfig
from app.domain.board_plans import Catalog, Plan, config_after
from app.domain.schedules import Window, windows
from app.domain.season_windows import first_windows, has_whole_past
from app.services.boards.board_plans import BoardPlans
from app.stores.boards.board_store import BoardStore
from app.stores.boards.filled_seasons import FilledSeason, FilledSeasonStore
from app.stores.boards.replays import ReplayStore


class ReplaySeasons:
    """Adds seasons to fill. As a replay goes on, further seasons of its boards begin."""

    def __init__(self, plans: BoardPlans, boards: BoardStore, replays: ReplayStore, filled: FilledSeasonStore) -> None:
        self._plans, self._boards, self._replays, self._filled = plans, boards, replays, filled

    def add(self, connection: sa.Connection, replay_id: UUID, plan: Plan) -> bool:
        """Add the seasons of the plan that have begun and are not filled yet; return whether there were any."""
        catalog, steps = self._plans.catalog(), {step.slug: step for step in plan.boards}
        filled = self._filled.all(connection, replay_id)
        has_new = False
        for slug, feed in plan.feeds.items():
            step = steps.get(slug)
            config = config_after(catalog, step) if step else catalog.boards[slug]
            numbers = {season.number: season for season in filled if season.board == slug}
            for number, window, over_past in self._due_seasons(connection, slug, config, catalog, numbers):
                if number not in numbers:
                    self._filled.add(
                        connection, replay_id, config, number, window, over_past=over_past, fed_by=feed.after
                    )
                    self._replays.uncover(connection, replay_id, window.starts_at)
                    has_new = True
        return has_new

    def _due_seasons(
        self,
        connection: sa.Connection,
        slug: str,
        config: BoardConfig,
        catalog: Catalog,
        filled: Mapping[int, FilledSeason],
    ) -> list[tuple[int, Window, bool]]:
        """Return number, time and `over_past` of the seasons to fill: those of a new board, or the open one."""
        if slug in catalog.boards:
            season = self._boards.open_season(connection, slug)
            return [(season.number, Window(season.starts_at, season.ends_at), season.over_past)] if season else []
        now = self._boards.now(connection)
        first: Iterable[Window] = first_windows(config, now)
        if filled:
            first = windows(config.parsed_schedule(), filled[1].window.starts_at, config.ends_at)
        begun = takewhile(lambda window: window.starts_at <= now, first)
        return [(number, window, number == 1 and has_whole_past(config)) for number, window in enumerate(begun, 1)]
