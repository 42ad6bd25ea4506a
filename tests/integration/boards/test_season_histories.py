"""Standings of every season, after any history in which boards turn to the next, are the fold of its events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.containers.container import Container
from app.domain.schedules import Window
from app.domain.scoring import ScoreEvent
from tests.integration.boards.test_counting import ACTS, _history
from tests.integration.boards.test_scorings import ManyBoards, _wrong, many_boards

__all__ = ["many_boards"]  # a fixture


@dataclass
class Seasonal(ManyBoards):
    """Histories in which all boards turn to their next seasons now and then. `window` is the season to look at."""

    windows: list[Window] = field(default_factory=list)
    window: Window | None = None

    def apply(self, act: str, number: int, points: int) -> None:
        self.window = self.windows[-1]
        if act == "turn":
            self._turn()
        else:
            super().apply(act, number, points)

    def events(self, player: UUID) -> list[ScoreEvent]:
        """Return the events of the season, and all that void or restore them."""
        assert self.window is not None
        events = super().events(player)
        begin, end = self.window.starts_at, self.window.ends_at
        actions = {
            event.action_id
            for event in events
            if event.kind == "redeem" and begin <= event.created_at and (end is None or event.created_at < end)
        }
        return [event for event in events if event.action_id in actions]

    def _turn(self) -> None:
        with self.container.database.transaction() as connection:
            at = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            ended = connection.exec_driver_sql(
                "UPDATE seasons SET ends_at = %(at)s WHERE ends_at IS NULL RETURNING board_id, number", {"at": at}
            ).all()
            for season in ended:
                connection.exec_driver_sql(
                    "INSERT INTO seasons (board_id, number, starts_at) VALUES (%(board)s, %(number)s, %(at)s)",
                    {"board": season.board_id, "number": season.number + 1, "at": at},
                )
        self.windows[-1:] = [Window(self.windows[-1].starts_at, at), Window(at, None)]

    def wrong_standings(self) -> list[object]:
        """Return the standings of any season that differ from the fold of its events."""
        wrong: list[object] = []
        newest = self.container.catalog.open_seasons()
        for back, window in enumerate(reversed(self.windows)):
            self.window = window
            for season in newest:
                rows = self.container.database.rows(
                    "SELECT id FROM seasons WHERE number = :number AND board_id = ("
                    "SELECT board_id FROM seasons WHERE id = :id)",
                    number=season.number - back,
                    id=season.id,
                )
                wrong += _wrong(self, replace(season, id=rows[0].id, number=season.number - back))
        return wrong


_TURNING = st.lists(
    st.tuples(st.sampled_from([*ACTS, "turn", "redeem", "turn"]), st.integers(0, 2), st.sampled_from([1, 3, 4, 10])),
    min_size=4,
    max_size=16,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_TURNING)
@example(steps=[("redeem", 0, 3), ("turn", 0, 1), ("redeem", 0, 10), ("hold", 0, 1), ("redeem", 0, 4)])
@example(steps=[("redeem", 0, 3), ("turn", 0, 1), ("redeem", 0, 10), ("void since", 0, 1), ("restore", 0, 1)])
def test_standings_of_every_season_are_the_fold_of_its_events(
    many_boards: Container, steps: list[tuple[str, int, int]]
) -> None:
    plain, begin = _history(many_boards), datetime(2000, 1, 1, tzinfo=UTC)
    history = Seasonal(plain.container, plain.players, plain.cases, windows=[Window(begin, None)])
    for step in steps:
        history.apply(*step)
        assert history.wrong_standings() == [], step
    many_boards.seasons.turn()
    assert list(many_boards.corrections.find_unsound()) == []
    assert history.wrong_standings() == []
