"""The own standings of many players, read together, are those that each of them reads alone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from app.errors import NotFound, Unavailable
from app.services.boards.outbox import BoardChange
from app.services.boards.own_standings import OwnReading
from app.stores.boards.board_rows import BoardEntry
from tests.integration.boards.test_counting import ACTS, _history
from tests.integration.boards.test_scorings import ManyBoards, add_board, feed, redeem
from tests.parts.kinds import ON_BOTH

FASTEST = ("fastest", "best", "asc")
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 2), st.sampled_from([1, 3, 4, 10])), min_size=3, max_size=12
)


def _refresh(container: Container, players: Sequence[UUID]) -> None:
    """Refresh the boards as a worker does after changes of these players."""
    seasons = container.catalog.open_seasons()
    container.board_sync.sync([BoardChange(season.id, season.board, None, list(players)) for season in seasons])


def _rebuild(container: Container) -> None:
    for season in container.catalog.open_seasons():
        container.board_sync.rebuild(season)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_after_any_history_they_are_what_each_player_reads(
    container: Container, steps: list[tuple[str, int, int]]
) -> None:
    """Give every reading the one before: what it takes from there has not changed."""
    if len(container.catalog.open_seasons()) == 1:
        feed(container, [add_board(container, *FASTEST)])
    plain = _history(container)
    history = ManyBoards(plain.container, plain.players, plain.cases)
    _rebuild(container)
    readings: dict[str, OwnReading] = {}
    for step in steps:
        history.apply(*step)
        _refresh(container, history.players)
        for season in container.catalog.open_seasons():
            readings[season.board] = container.own_standings.read(
                season.board, history.players, readings.get(season.board)
            )
            own = {player: container.board_pages.own(season, player, 0)[0] for player in history.players}
            assert readings[season.board].standings == own, step
            assert readings[season.board].total == container.board_pages.total(season)
    main = readings[MAIN].standings
    for player in history.players:
        profile = container.standings.profile(player)
        assert (profile["score"], profile["rank"]) == (main[player].shown_score, main[player].rank)


@pytest.fixture
def players(container: Container) -> list[UUID]:
    """Return five players on `main`, the best first."""
    players = _history(container).players + _history(container).players[:2]
    _rebuild(container)
    for place, player in enumerate(players):
        redeem(container, player, 50 - place)
    _refresh(container, players)
    return players


@ON_BOTH
def test_all_are_one_round_trip_and_the_database_is_asked_for_those_that_changed(
    container: Container, players: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read them in parts of two: a part is a script of its own, and all are sent together."""
    monkeypatch.setattr("app.stores.boards.rankings._MOST_PLACES", 2)
    monkeypatch.setattr("app.services.boards.own_standings._CHUNK", 2)
    trips: list[int] = []
    asked: list[UUID] = []
    direct, store = container.redis.direct, container.standing_store
    send, query = direct.call_together, store.own_standings

    def count_trip(calls: Sequence[object]) -> object:
        trips.append(len(calls))
        return send(calls)

    def note_players(season: Season, some: Sequence[UUID]) -> dict[UUID, BoardEntry]:
        asked.extend(some)
        return query(season, some)

    monkeypatch.setattr(direct, "call_together", count_trip)
    monkeypatch.setattr(store, "own_standings", note_players)
    first = container.own_standings.read(MAIN, players)
    assert [first.standings[player].rank for player in players] == [1, 2, 3, 4, 5]
    assert (asked, first.total) == (players, 5)
    trips.clear()
    asked.clear()
    second = container.own_standings.read(MAIN, players, first)
    assert (trips, asked) == ([3], [])
    assert second.standings == first.standings
    redeem(container, players[4], 100)
    _refresh(container, players[4:])
    trips.clear()
    third = container.own_standings.read(MAIN, players, second)
    assert asked == [players[4]]
    assert len(trips) == 2
    assert [third.standings[player].rank for player in players] == [2, 3, 4, 5, 1]
    assert container.own_standings.change_counts([MAIN]) != [0]


def test_those_who_left_are_forgotten_and_unknown_ones_left_out(container: Container, players: list[UUID]) -> None:
    unknown = UUID(int=7)
    first = container.own_standings.read(MAIN, [*players, unknown])
    assert set(first.standings) == set(players)
    second = container.own_standings.read(MAIN, players[:1], first)
    assert set(second.standings) == set(second.entries) == {players[0]}
    with pytest.raises(NotFound):
        container.own_standings.read("nowhere", players)


def test_many_ranks_are_not_counted_in_the_database_unless_the_season_has_ended(
    container: Container, players: list[UUID]
) -> None:
    season = container.standings.season(MAIN)
    container.rankings.mark_incomplete(season)
    with pytest.raises(Unavailable):
        container.own_standings.read(MAIN, players)
    container.database.rows("UPDATE seasons SET ends_at = now() RETURNING id")
    later = Container(container.settings)  # a process that has no board in memory
    try:
        reading = later.own_standings.read(MAIN, players)
        assert [reading.standings[player].rank for player in players] == [1, 2, 3, 4, 5]
        assert reading.total == 5
    finally:
        later.close()


def test_another_season_starts_over(container: Container, players: list[UUID]) -> None:
    first = container.own_standings.read(MAIN, players)
    (board,) = container.database.rows("SELECT id FROM boards WHERE slug = 'main'")
    container.database.rows("UPDATE seasons SET ends_at = now() RETURNING id")
    container.database.rows(
        "INSERT INTO seasons (board_id, number, starts_at) SELECT :board, 2, ends_at FROM seasons RETURNING id",
        board=board.id,
    )
    later = Container(container.settings)
    try:
        later.board_sync.rebuild(later.standings.season(MAIN))
        reading = later.own_standings.read(MAIN, players, first)
        assert reading.total == 0
        assert {standing.rank for standing in reading.standings.values()} == {None}
        assert {standing.shown_score for standing in reading.standings.values()} == {0}
    finally:
        later.close()
