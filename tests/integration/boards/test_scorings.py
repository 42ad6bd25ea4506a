"""Every way to score: the redeem statement, corrections, holds, the audit, Redis and the lists agree with the fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.boards import MAIN, MAX_SCORE, Season
from app.domain.corrections import Selection
from app.domain.redemption import StandingChange
from app.domain.scoring import ScoreEvent, fold_board, ranked
from app.services.boards.outbox import BoardChange
from app.stores.play.ledger import NoOpenBoard, ScoreAtLimit
from tests.integration.boards.test_counting import ACTS, History, _history

BOARDS = (
    ("fastest", "best", "asc"),
    ("highest", "best", "desc"),
    ("newest", "last", "desc"),
    ("lowest-newest", "last", "asc"),
    ("times", "count", "desc"),
    ("weekly", "sum", "desc"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 2), st.sampled_from([1, 3, 4, 10])), min_size=3, max_size=25
)


def add_board(container: Container, slug: str, scoring: str = "sum", order: str = "desc", ends: str = "NULL") -> int:
    """Add a board whose first season has the whole past, and ends at the SQL expression `ends`. Return its id."""
    board = container.database.rows(
        "INSERT INTO boards (slug, name, scoring, sort_order) VALUES (:slug, :slug, :scoring, :sort) RETURNING id",
        slug=slug,
        scoring=scoring,
        sort=order,
    )[0].id
    container.database.rows(
        f"""INSERT INTO seasons (board_id, number, over_past, starts_at, ends_at)
            VALUES (:board, 1, true, now() - interval '1 day', {ends}) RETURNING id""",
        board=board,
    )
    return int(board)


def feed(container: Container, boards: list[int]) -> None:
    """Let every action type feed these boards after `main`."""
    container.database.rows("UPDATE action_types SET more_boards = :boards RETURNING id", boards=boards)


def redeem(
    container: Container, player: UUID, result: int, metadata: str | None = None, season: Season | None = None
) -> list[StandingChange]:
    """Redeem an action; `season` is the one that its token promises, by default the open one."""
    season = season or container.standings.season(MAIN)
    promise = Promise(str(uuid4()), str(player), "tap", 1, 1, MAIN, season.id, season.number, 0, 1)
    redeemed = container.ledger.redeem(
        promise, request_id="r", key=None, fingerprint="f", result=result, metadata=metadata
    )
    assert redeemed is not None
    return list(redeemed.changes)


@dataclass
class ManyBoards(History):
    """Histories whose events feed a board of each kind, with results below and above 0."""

    def _redeem(self, player: UUID, points: int) -> None:
        events, hold = self.events(player), self.hold_of(player)
        for change in redeem(self.container, player, points - 4):
            kind = change.season.scoring, change.season.order
            before = fold_board(events, hold, *kind).own
            after = fold_board(self.events(player), hold, *kind).own
            assert after
            assert (change.previous, change.score) == (before and before.score, after.score), change


def _wrong(history: History, season: Season) -> list[Any]:
    """Return the standings in the database that differ from the fold."""
    wrong = []
    for player in history.players:
        fold = fold_board(history.events(player), history.hold_of(player), season.scoring, season.order)
        rows = history.container.database.rows(
            "SELECT * FROM standings WHERE season_id = :season AND player_id = :player", season=season.id, player=player
        )
        score, at, action = (rows[0].score, rows[0].achieved_at, rows[0].action_id) if rows else (0, None, None)
        public = fold.public
        due = (season.stored(public.score), public.achieved_at, public.run and public.run.action_id) if public else None
        entry = history.container.standing_store.standing(season, player, own=True)
        assert entry
        own = (entry.standing.score, entry.standing.achieved_at) if entry.standing.achieved_at else None
        own_due = (fold.own.score, fold.own.achieved_at) if fold.own else None
        if (score, at, action) != (due or (0, None, None)) or own != own_due:
            wrong.append((season, (score, at, action), due, own, own_due))
    return wrong


def _check_redis(history: History) -> None:
    """Assert that the sorted sets and the top lists are the fold, after all changes were delivered."""
    container = history.container

    def deliver(changes: list[BoardChange]) -> None:
        container.board_sync.sync(changes)

    container.outbox.drain(deliver)
    for season in container.catalog.open_seasons():
        folds = {
            player: fold_board(history.events(player), history.hold_of(player), season.scoring, season.order).public
            for player in history.players
        }
        scores = {player: score for player, score in folds.items() if score}
        top = container.standing_store.top(season, 100)
        ours = [(row.rank, row.user_id) for row in top if row.user_id in folds]
        places = [player for _, player in ranked(scores, season.order)]
        assert [player for _, player in ours] == places, season
        stored = container.rankings.scores_of(season, history.players)
        assert stored == [score and season.stored(score.score) for score in map(folds.get, history.players)], season
        assert container.board_sync.verify(season) == []


@pytest.fixture
def many_boards(container: Container) -> Container:
    """Return services with a board of each kind, fed by every action type after `main`."""
    feed(container, [add_board(container, *board) for board in BOARDS])
    return container


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_standings_of_each_scoring_are_the_fold_of_their_events(
    many_boards: Container, steps: list[tuple[str, int, int]]
) -> None:
    plain = _history(many_boards)
    history = ManyBoards(plain.container, plain.players, plain.cases)
    seasons = many_boards.catalog.open_seasons()
    assert len(seasons) == 1 + len(BOARDS)
    for step in steps:
        history.apply(*step)
        for season in seasons:
            assert _wrong(history, season) == [], step
    assert list(many_boards.corrections.find_unsound()) == []
    _check_redis(history)
    _check_previews(history)


def _check_previews(history: History) -> None:
    for player in history.players:
        preview = history.container.corrections.preview(Selection(player_id=player))
        for move in preview.rows:
            if move["player_id"] == player and move["events"]:
                (season,) = [row for row in history.container.catalog.open_seasons() if row.board == move["board"]]
                events, hold = history.events(player), history.hold_of(player)
                before = fold_board(events, hold, season.scoring, season.order).public
                assert move["score_before"] == (before.score if before else season.empty_score), move
                assert move["score_after"] == season.empty_score


@pytest.fixture
def player(many_boards: Container) -> UUID:
    """Return a new player."""
    return _history(many_boards).players[0]


def test_one_redemption_changes_every_board_and_says_what_counted(many_boards: Container, player: UUID) -> None:
    assert [change.previous for change in redeem(many_boards, player, 60)] == [None] * 7
    changes = {change.season.board: change for change in redeem(many_boards, player, 90)}
    assert list(changes) == [MAIN, *(slug for slug, _, _ in BOARDS)]
    scores = {board: (change.previous, change.score, change.is_counted) for board, change in changes.items()}
    assert scores == {
        MAIN: (60, 150, True),
        "fastest": (60, 60, False),
        "highest": (60, 90, True),
        "newest": (60, 90, True),
        "lowest-newest": (60, 90, True),
        "times": (1, 2, True),
        "weekly": (60, 150, True),
    }


@pytest.mark.parametrize("more", [(), BOARDS], ids=["alone", "of many"])
def test_a_result_of_zero_costs_nobody_the_place_in_a_tie(
    container: Container, more: list[tuple[str, str, str]]
) -> None:
    feed(container, [add_board(container, *board) for board in more])
    first, later = uuid4(), uuid4()
    for player, name in ((first, "first"), (later, "later")):
        container.players.add(player, name, name, "no password fits this", "player")
    for player, result in ((first, 5), (later, 5), (first, 0)):
        redeem(container, player, result)
    top = container.standing_store.top(container.standings.season(MAIN), 2)
    assert [(row.rank, row.user_id) for row in top] == [(1, first), (1, later)]


def test_a_row_shows_the_metadata_of_the_run_that_counts(many_boards: Container, player: UUID) -> None:
    redeem(many_boards, player, 60, '{"car":"red"}')
    redeem(many_boards, player, 90, '{"car":"blue"}')
    rows = {
        season.board: many_boards.standing_store.top(season, 1)[0].as_row()
        for season in many_boards.catalog.open_seasons()
    }
    assert {board: row.get("metadata", "none") for board, row in rows.items()} == {
        MAIN: "none",
        "fastest": {"car": "red"},
        "highest": {"car": "blue"},
        "newest": {"car": "blue"},
        "lowest-newest": {"car": "blue"},
        "times": "none",
        "weekly": "none",
    }
    assert rows["fastest"]["score"] == 60


def test_a_score_past_the_limit_on_one_board_changes_none(many_boards: Container, player: UUID) -> None:
    redeem(many_boards, player, MAX_SCORE)
    before = many_boards.database.rows("SELECT * FROM standings ORDER BY season_id")
    with pytest.raises(ScoreAtLimit):
        redeem(many_boards, player, 1)
    assert many_boards.database.rows("SELECT * FROM standings ORDER BY season_id") == before
    redeem(many_boards, player, -MAX_SCORE)


def test_a_closed_board_takes_nothing_and_an_action_without_an_open_board_is_refused(container: Container) -> None:
    player = _history(container).players[0]
    feed(container, [add_board(container, "contest", ends="now() - interval '1 hour'")])
    assert [change.season.board for change in redeem(container, player, 5)] == [MAIN]
    container.database.rows("UPDATE seasons SET ends_at = now() RETURNING id")
    with pytest.raises(NoOpenBoard):
        redeem(container, player, 5)


def test_the_lowest_scores_of_all_have_their_ranks_in_redis(many_boards: Container) -> None:
    """The mark of a complete board is below every score."""
    history = _history(many_boards)
    for season in many_boards.catalog.open_seasons():
        many_boards.board_sync.rebuild(season)
    for player, result in zip(history.players, (-MAX_SCORE, -MAX_SCORE, MAX_SCORE), strict=True):
        redeem(many_boards, player, result)
    _check_redis(history)
    for season in many_boards.catalog.open_seasons():
        standings = [many_boards.standings.standing(player, season.board) for player in history.players]
        expected = {"fastest": [1, 1, 3], "lowest-newest": [1, 1, 3], "times": [1, 1, 1]}
        assert [standing.rank for standing in standings] == expected.get(season.board, [2, 2, 1]), season


def test_events_are_public_and_whole(many_boards: Container, player: UUID) -> None:
    redeem(many_boards, player, -3)
    (event,) = many_boards.database.rows("SELECT * FROM score_events")
    assert (event.points, event.previous_score, event.score) == (-3, None, -3)
    assert [entry[1:] for entry in event.standings] == [[None, -3]] * 5 + [[None, 1], [None, -3]]
    assert isinstance(ScoreEvent(event.id, event.kind, event.action_id, event.points, event.created_at), ScoreEvent)
