"""Pages, places and look-ups of every kind of board, and of its segments, agree with the pure fold of the events."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from app.domain.boards import Season
from app.domain.scoring import fold_board
from app.errors import NotFound
from app.stores.boards.seasons import SeasonStore
from tests.integration.boards.page_world import (
    RESULTS,
    SEGMENTS,
    Row,
    Truth,
    World,
    check_standing,
    database,
    original,
    redis_state,
    row_of,
    rows_of,
    truth_of,
    truths,
    world,
)
from tests.integration.boards.test_scorings import redeem

__all__ = ["database", "original", "redis_state", "world"]  # fixtures


def test_the_world_has_what_makes_reading_hard(world: World) -> None:
    for season in world.season_list():
        assert world.container.board_sync.verify(season) == [], "a board that is not complete in Redis"
    for season, _, truth, folds in truths(world):
        if truth.season.board == season.board and len(truth.scores) > 15:
            assert len({score.score for score in truth.scores.values()}) < len(truth.scores), "no tie"
            assert any(fold.own != fold.public for fold in folds.values()) or season.scoring == "best"
            assert season.scoring == "count" or min(score.score for score in truth.scores.values()) < 0


def test_pages_are_the_board(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in truths(world):
        for limit in (1, 4, 100):
            rows: list[Row] = []
            page = world.container.board_pages.page(season, limit, None, segment)
            rows += rows_of(page.standings)
            while page.last:
                page = world.container.board_pages.page(season, limit, page.last, segment)
                assert 1 <= len(page.standings) <= limit
                rows += rows_of(page.standings)
                assert len(rows) <= len(truth.rows), "a page that goes back"
                assert page.total == len(truth.scores)
            assert rows == truth.rows, (season, segment, limit)


def test_around_a_place_is_the_board_on_both_sides(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in truths(world):
        rows = truth.rows
        for number in range(1, len(rows) + 1):
            limit = (0, 2, 50)[number % 3]
            around = world.container.board_pages.around_place(season, number, limit, segment)
            assert around.rank == rows[number - 1][0]
            assert rows_of(around.above) == rows[max(0, number - 1 - limit) : number - 1], (season, segment, number)
            assert rows_of(around.below) == rows[number - 1 :][:limit], (season, segment, number)
        with pytest.raises(NotFound):
            world.container.board_pages.around_place(season, len(rows) + 1, 2, segment)


def test_around_a_score_is_where_it_would_rank(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in truths(world):
        rows = truth.rows
        for score in range(-5, 9):
            rank = truth.rank(score)
            around = world.container.board_pages.around_score(season, score, 3, segment)
            assert around.rank == rank, (season, segment, score)
            assert rows_of(around.above) == rows[max(0, rank - 4) : rank - 1], (season, segment, score)
            assert rows_of(around.below) == rows[rank - 1 :][:3], (season, segment, score)


def test_around_a_player_leaves_the_player_out(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in truths(world):
        for player in world.players:
            around = world.container.board_pages.around_player(season, player, 3, segment)
            score = truth.scores.get(player)
            assert around.rank == (truth.rank(score.score) if score else None), (season, segment)
            assert (rows_of(around.above), rows_of(around.below)) == (
                truth.sides(player, score, 3) if score else ([], [])
            ), (season, segment)


def test_players_see_their_held_points_and_their_place_with_them(world: World, redis_state: str) -> None:
    for season, segment, truth, folds in truths(world):
        members = world.members(segment)
        for player in world.players:
            own, above, below = world.container.board_pages.own(season, player, 3, segment)
            score = folds[player].own if player in folds else None
            if score is None or player not in members:
                assert (own.rank, above, below) == (None, [], [])
                continue
            assert row_of(own) == truth.row(player, score), (season, segment)
            assert (rows_of(above), rows_of(below)) == truth.sides(player, score, 3), (season, segment)


def test_friends_are_in_order_with_places_among_themselves(world: World, redis_state: str) -> None:
    friends = [*world.players[::2], uuid4()]
    for season, segment, truth, _ in truths(world):
        looked_up = world.container.board_pages.lookup(season, friends, segment)
        rows = [row for row in truth.rows if row[1] in friends]
        assert [row_of(standing) for _, standing in looked_up] == rows
        among = Truth(season, {player: score for player, score in truth.scores.items() if player in friends})
        assert [place for place, _ in looked_up] == [row[0] for row in among.rows]


def test_a_player_is_seen_on_every_public_board(world: World, redis_state: str) -> None:
    boards = {season.board: truth for season, segment, truth, _ in truths(world) if segment is None}
    world.container.database.rows("UPDATE boards SET public = false WHERE slug = 'newest' RETURNING id")
    for player in world.players:
        rows = world.container.player_pages.page(player).standings
        assert [row.season.board for row in rows] == [board for board in boards if board != "newest"]
        for row in rows:
            check_standing(row, player, boards[row.season.board])


def test_a_history_is_the_fold_after_each_event(world: World) -> None:
    for season in world.season_list():
        for player in world.players:
            history: list[tuple[int, int, datetime, object]] = []
            rows = world.container.player_pages.history(player, season, 2)
            while rows:
                history += [(row.score, row.result, row.achieved_at, row.metadata) for row in rows]
                rows = world.container.player_pages.history(player, season, 2, rows[-1].id)
            assert history == _history(world, season, player), (season, player)


def _history(world: World, season: Season, player: UUID) -> list[tuple[int, int, datetime, object]]:
    """Return score, result, time and metadata of the public events that count, the newest first."""
    events, hold = sorted(world.events(player), key=lambda event: event.id), world.hold_of(player)
    voided = {event.action_id for event in events if event.kind == "void"}
    counting = [
        event for event in events if event.action_id not in voided and not (hold is not None and hold.holds(event))
    ]
    rows: list[tuple[int, int, datetime, object]] = []
    for number, event in enumerate(counting, 1):
        public = fold_board(counting[:number], None, season.scoring, season.order).public
        assert public
        rows.append((public.score, event.points, event.created_at, event.metadata))
    return rows[::-1]


def test_marks_do_not_count_after_a_correction_until_they_are_written_anew(world: World) -> None:
    world.close()
    world.apply("void", 20, 0)
    seasons = SeasonStore(world.container.database)
    for _ in range(2):
        for season in world.season_list():
            truth = truth_of(world, season, None)
            page = world.container.board_pages.page(season, 100)
            assert (rows_of(page.standings), page.total) == (truth.rows, len(truth.rows)), season
            assert world.container.board_pages.around_place(season, 5, 0).rank == truth.rows[4][0]
        assert all(seasons.count_players(season_id) for season_id in seasons.uncounted())
    marks = world.container.database.rows("SELECT FROM season_marks")
    assert marks == [], "those of before are gone; a small season needs none"


def test_a_page_neither_skips_nor_repeats_a_player_who_did_not_move(world: World) -> None:
    """Others overtake between two pages, leave the board, and join it."""
    moving = world.players[14:24]
    for season in world.season_list():
        for segment in SEGMENTS[:2]:
            before = {row[1] for row in truth_of(world, season, segment).rows}
            page = world.container.board_pages.page(season, 3, None, segment)
            seen = [row.user_id for row in page.standings]
            for number, player in enumerate(moving):
                if page.last is None:
                    break
                redeem(world.container, player, RESULTS[number % 5])
                world.deliver()
                page = world.container.board_pages.page(season, 3, page.last, segment)
                seen += [row.user_id for row in page.standings]
            still = [player for player in seen if player not in moving]
            assert len(still) == len(set(still))
            assert before - set(moving) <= set(seen), (season, segment)


def test_equal_scores_at_the_same_moment_are_in_the_order_of_ids(world: World) -> None:
    season = world.season_list()[0]
    world.container.database.rows("UPDATE standings SET score = 5, achieved_at = now(), held = 0 RETURNING season_id")
    world.container.board_sync.rebuild(season)
    for segment in SEGMENTS[:2]:
        for limit in (1, 7):
            page = world.container.board_pages.page(season, limit, None, segment)
            players = [row.user_id for row in page.standings]
            while page.last:
                page = world.container.board_pages.page(season, limit, page.last, segment)
                players += [row.user_id for row in page.standings]
            assert len(players) > 5
            assert all(first < second for first, second in pairwise(players))
            middle = world.container.board_pages.around_place(season, 4, 2, segment)
            assert [row.user_id for row in [*middle.above, *middle.below]] == players[1:5]
