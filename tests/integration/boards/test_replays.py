"""Replays: boards change while players redeem, and are exactly the fold of the events afterwards."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.board_plans import Fields
from app.domain.boards import MAIN
from app.domain.corrections import Selection
from app.domain.scoring import Order, ScoreEvent, Scoring, fold_board
from app.errors import Conflict
from app.services.boards.outbox import BoardChange
from app.services.boards.plan_writer import Operator
from app.services.boards.replays import Replays
from tests.integration.boards.test_scorings import redeem
from tests.integration.players import add_player
from tests.parts.waiting import eventually

BY = Operator("operator:test", "r")
RESULTS = (5, -3, 12, 7, 7, 1, 12)
FASTEST: Fields = {"scoring": "best", "order": "asc"}


class Stopped(BaseException):
    """The end of a process in the middle of a replay, as by Ctrl-C."""


def add_players(container: Container, count: int) -> list[UUID]:
    return [add_player(container, f"Player {number}") for number in range(count)]


@pytest.fixture
def players(container: Container) -> list[UUID]:
    """Return eleven players with events."""
    ids = add_players(container, 11)
    for number, player in enumerate(ids):
        for result in RESULTS[: 1 + number % len(RESULTS)]:
            redeem(container, player, result + number)
    return ids


def begin(container: Container, boards: dict[str, Fields], types: dict[str, Fields]) -> UUID:
    return container.board_plans.begin_replay(container.board_plans.plan(boards, types), by=BY)


def events_of(container: Container, player: UUID) -> list[ScoreEvent]:
    rows = container.database.rows(
        """
        SELECT id, kind, action_id, points, created_at, held_under, metadata FROM score_events
        WHERE player_id = :player AND action_type_id = 1
        """,
        player=player,
    )
    return [ScoreEvent(**row._mapping) for row in rows]


def assert_is_the_fold(
    container: Container, players: list[UUID], board: str, scoring: Scoring, order: Order = "desc"
) -> None:
    """Assert that each standing is the fold of its events, and that Redis and the audit say the same."""
    season = container.catalog.open_season(board)
    assert season is not None
    assert (season.scoring, season.order) == (scoring, order)
    for player in players:
        public = fold_board(events_of(container, player), None, scoring, order).public
        entry = container.standing_store.standing(season, player)
        assert entry is not None
        expected = (public.score, public.achieved_at) if public else (0, None)
        assert (entry.standing.score, entry.standing.achieved_at) == expected
    assert list(container.corrections.find_unsound()) == []

    def deliver(changes: list[BoardChange]) -> None:
        container.board_sync.sync(changes)

    while container.outbox.drain(deliver):  # players may have redeemed more than it takes at once
        pass
    container.board_sync.repair_board(season)
    assert container.board_sync.verify(season) == []


@contextmanager
def playing(container: Container, players: list[UUID]) -> Iterator[list[int]]:
    """Let the players redeem all the time, as fast as they can; yield the results that were scored."""
    results: list[int] = []
    is_over = threading.Event()

    def play(number: int) -> None:
        while not is_over.is_set():
            result = (len(results) * 7 + number) % 23 - 5
            redeem(container, players[(len(results) + number) % len(players)], result)
            results.append(result)

    threads = [threading.Thread(target=play, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield results
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    ("scoring", "order"), [("best", "desc"), ("best", "asc"), ("last", "desc"), ("last", "asc"), ("count", "desc")]
)
def test_another_scoring_counts_each_redemption_once_while_players_redeem(
    container: Container, players: list[UUID], scoring: Scoring, order: Order
) -> None:
    container.board_sync.rebuild(container.standings.season(MAIN))
    container.replays.batch = 3
    with playing(container, players) as results:
        eventually(lambda: len(results) > 20)
        replay = begin(container, {MAIN: {"scoring": scoring, "order": order}}, {})
        done = container.replays.work(replay)
        count = len(results)
        eventually(lambda: len(results) > count + 20)
    assert done.state == "done"
    assert_is_the_fold(container, players, MAIN, scoring, order)


def test_events_of_a_retired_action_type_stay_where_they_counted(container: Container, players: list[UUID]) -> None:
    redeem(container, players[0], 40)  # the best result, so that losing any event of the type would show
    plan = container.board_plans.plan({}, {"run": {"points": 5}})
    container.board_plans.apply(plan, by=BY)
    container.actions.retire("tap")
    container.replays.work(begin(container, {MAIN: {"scoring": "best"}}, {}))
    assert_is_the_fold(container, players, MAIN, "best")


def test_a_new_board_is_filled_from_the_past_while_players_redeem(container: Container, players: list[UUID]) -> None:
    container.replays.batch = 3
    with playing(container, players) as results:
        eventually(lambda: len(results) > 20)
        replay = begin(container, {"fastest": FASTEST}, {"tap": {"boards": [MAIN, "fastest"]}})
        container.replays.work(replay)
        count = len(results)
        eventually(lambda: len(results) > count + 20)
    assert_is_the_fold(container, players, "fastest", "best", "asc")
    assert_is_the_fold(container, players, MAIN, "sum")


def test_until_the_switch_the_board_is_as_it_was_and_the_new_one_is_not_there(
    container: Container, players: list[UUID]
) -> None:
    before = container.standing_store.top(container.standings.season(MAIN), 20)
    begin(container, {MAIN: FASTEST, "new": {}}, {"tap": {"boards": [MAIN, "new"]}})
    replays = _stopping(container, "_switch")
    with pytest.raises(Stopped):
        replays.work(_unfinished(container))
    assert container.standing_store.top(container.standings.season(MAIN), 20) == before
    assert container.catalog.open_season("new") is None
    assert [season.board for season in container.catalog.open_seasons()] == [MAIN]
    assert list(container.corrections.find_unsound()) == []
    redeem(container, players[0], 3)
    container.replays.work(_unfinished(container))
    assert_is_the_fold(container, players, MAIN, "best", "asc")
    assert_is_the_fold(container, players, "new", "sum")


def _unfinished(container: Container) -> UUID:
    replay = container.replays.unfinished()
    assert replay is not None
    return replay.id


def _stopping(container: Container, step: str) -> Replays:
    """Return the replays of a process that ends before this step; in the middle, where there are several of them."""
    replays = copy(container.replays)
    replays.batch = 4
    original, calls = getattr(replays, step), itertools.count(1)

    def stop(*arguments: object) -> object:
        if next(calls) > (step == "_walk"):
            raise Stopped
        return original(*arguments)

    setattr(replays, step, stop)
    return replays


@pytest.mark.parametrize("step", ["_begin", "_walk", "_catch_up", "_switch", "_finish", "_drop"])
def test_a_replay_that_was_stopped_anywhere_is_continued(container: Container, players: list[UUID], step: str) -> None:
    begin(container, {MAIN: FASTEST}, {})
    with pytest.raises(Stopped):
        _stopping(container, step).work(_unfinished(container))
    for player in players[::2]:
        redeem(container, player, -9)
    assert container.replays.work(_unfinished(container)).state == "done"
    assert container.replays.unfinished() is None
    assert_is_the_fold(container, players, MAIN, "best", "asc")
    seasons = container.database.rows("SELECT count(*) AS n FROM seasons WHERE board_id IS NULL")
    assert seasons[0].n == 0
    assert container.database.rows("SELECT count(DISTINCT season_id) AS n FROM standings")[0].n == 1


def test_several_workers_may_work_on_a_replay_at_once_and_none_covers_what_it_did_not_fold(
    container: Container, workers: list[Container], players: list[UUID]
) -> None:
    begin(container, {MAIN: FASTEST}, {})
    unbegun = container.replays.unfinished()
    with pytest.raises(Stopped):
        _stopping(container, "_catch_up").work(_unfinished(container))
    walked = container.replays.unfinished()
    redeem(container, players[0], -9)
    assert unbegun is not None
    assert walked is not None
    workers[0].replays._begin(unbegun)
    assert container.replays.unfinished() == walked, "the new event still has to be folded"
    workers[1].replays._catch_up(walked)
    covered = container.replays.unfinished()
    redeem(container, players[1], -9)
    workers[2].replays._catch_up(walked)
    assert container.replays.unfinished() == covered
    with playing(container, players) as results, ThreadPoolExecutor() as pool:
        eventually(lambda: len(results) > 20)
        futures = [pool.submit(worker.replays.resume, 60.0) for worker in workers]
        assert {replay.state for future in futures if (replay := future.result())} == {"done"}
    assert_is_the_fold(container, players, MAIN, "best", "asc")


def test_no_rank_of_before_is_read_after_the_switch(container: Container, players: list[UUID]) -> None:
    season = container.standings.season(MAIN)
    container.board_sync.rebuild(season)
    begin(container, {MAIN: FASTEST}, {})
    with pytest.raises(Stopped):
        _stopping(container, "_finish").work(_unfinished(container))
    assert container.rankings.ranks(season, [1]) is None
    assert container.rankings.orders.counts(season, None, [1]) is None
    container.replays.work(_unfinished(container))
    present = container.catalog.open_season(MAIN)
    assert present is not None
    span = container.rankings.orders.near(present, None, 1, 0, 20)
    assert span is not None
    assert [place.player for place in span.below] == [row.user_id for row in container.standing_store.top(present, 20)]


def test_a_replay_that_is_cancelled_leaves_nothing(container: Container, players: list[UUID]) -> None:
    begin(container, {MAIN: FASTEST}, {})
    with pytest.raises(Stopped):
        _stopping(container, "_switch").work(_unfinished(container))
    assert container.replays.cancel(by=BY).state == "cancelled"
    assert container.replays.resume(0.0) is None
    assert_is_the_fold(container, players, MAIN, "sum")
    assert container.database.rows("SELECT count(DISTINCT season_id) AS n FROM standings")[0].n == 1


def test_no_board_changes_while_a_replay_is_unfinished(container: Container, players: list[UUID]) -> None:
    replay = begin(container, {MAIN: FASTEST}, {})
    assert begin(container, {MAIN: FASTEST}, {}) == replay
    for change in ({"name": "Other"}, {"scoring": "last"}):
        plan = container.board_plans.plan({MAIN: change}, {})
        with pytest.raises(Conflict):
            container.board_plans.apply(plan, by=BY)
        with pytest.raises(Conflict):
            container.board_plans.begin_replay(plan, by=BY)
    with pytest.raises(Conflict):
        container.board_plans.archive("main-2", by=BY)


def test_holds_suspensions_and_voids_meanwhile_are_in_the_new_standings(
    container: Container, players: list[UUID]
) -> None:
    begin(container, {MAIN: FASTEST}, {})
    with pytest.raises(Stopped):
        _stopping(container, "_catch_up").work(_unfinished(container))
    container.database.rows(
        "UPDATE standings SET listed = false WHERE player_id = :player RETURNING 1", player=players[3]
    )
    container.database.rows("UPDATE players SET status = 'suspended' WHERE id = :player RETURNING 1", player=players[3])
    void = container.corrections.void(Selection(player_id=players[5]), actor="a", reason="b", request_id="c")
    container.corrections.work(void)
    container.replays.work(_unfinished(container))
    season = container.catalog.open_season(MAIN)
    assert season is not None
    entry = container.standing_store.standing(season, players[3])
    assert entry is not None
    assert not entry.is_listed
    assert_is_the_fold(container, players, MAIN, "best", "asc")


def test_an_ended_season_keeps_the_rules_that_it_ended_with(container: Container, players: list[UUID]) -> None:
    container.database.rows("UPDATE seasons SET ends_at = clock_timestamp() RETURNING 1")
    container.database.rows(
        """
        INSERT INTO seasons (board_id, number, starts_at)
        SELECT board_id, 2, ends_at FROM seasons RETURNING 1
        """
    )
    ended = container.catalog.season(1)
    assert ended is not None
    before = container.standing_store.top(ended, 20)
    redeem(container, players[0], 1)
    container.replays.work(begin(container, {MAIN: FASTEST}, {}))
    season = container.catalog.open_season(MAIN)
    assert season is not None
    assert [(row.rank, row.score) for row in container.standing_store.top(season, 20)] == [(1, 1)]
    assert container.standing_store.top(ended, 20) == before
    assert list(container.corrections.find_unsound()) == []
    assert container.catalog.season(1) == ended


def test_the_outlook_says_who_would_move(container: Container, players: list[UUID]) -> None:
    plan = container.board_plans.plan({MAIN: FASTEST}, {})
    assert container.board_plans.boards_to_replay(plan) == [MAIN]
    outlook = container.replays.outlook(plan, 3)
    assert len(outlook.moves) == 3
    assert container.replays.unfinished() is None
    expected = container.replays.outlook(plan, 100).moves
    container.replays.work(container.board_plans.begin_replay(plan, by=BY))
    season = container.catalog.open_season(MAIN)
    assert season is not None
    rows = {row.user_id: (row.rank, row.score) for row in container.standing_store.top(season, 100)}
    assert {move["player_id"]: (move["rank_after"], move["score_after"]) for move in expected}.items() <= rows.items()


def test_the_doctor_says_that_a_replay_is_unfinished(container: Container, players: list[UUID]) -> None:
    def states() -> list[str]:
        return [check.state for check in container.doctor.examine() if check.part == "replay"]

    assert states() == []
    replay = begin(container, {MAIN: FASTEST}, {})
    assert states() == ["note"]
    container.replays.work(replay)
    assert states() == []
