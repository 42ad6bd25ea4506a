"""Pages, places and look-ups of every kind of board, and of its segments, agree with the pure fold of the events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.domain.scoring import BoardFold, Hold, Score, ScoreEvent, fold_board
from app.errors import NotFound
from app.services.boards.outbox import BoardChange
from app.services.boards.player_pages import BoardStanding
from app.stores.boards.reconcile_progress import ReconcileProgress, ReconcileProgressStore
from app.stores.boards.season_marks import mark_seasons
from app.stores.boards.seasons import SeasonStore
from app.stores.moderation.quarantine import QuarantineStore
from tests.integration.boards.test_counting import History
from tests.integration.boards.test_scorings import BOARDS, add_board, feed, redeem
from tests.parts.kinds import ON_BOTH

RESULTS = (-2, 0, 1, 1, 3)
SEGMENTS = (None, Segment("country", "JP"), Segment("country", "BR"), Segment("country", "XX"))

Row = tuple[int | None, UUID, int, datetime | None, object]
"""Rank, player, score, time and metadata of a standing."""


@dataclass
class World(History):
    """Players with ties, scores below 0, voided and held events, and suspensions, on boards of every kind."""

    seasons: list[Season] = field(default_factory=list)

    def season_list(self) -> list[Season]:
        """Return the seasons, which are open at first."""
        return self.seasons

    def close(self) -> None:
        """End and close all seasons, with a mark at every third place."""
        self.container.database.rows(
            """
            UPDATE seasons n SET ends_at = clock_timestamp(), closed_at = clock_timestamp(), players = (
                SELECT count(*) FROM standings s WHERE s.season_id = n.id AND s.listed AND s.achieved_at IS NOT NULL
            ) RETURNING id
            """
        )
        with self.container.database.transaction() as connection:
            mark_seasons(connection, [season.id for season in self.seasons], every=3)
        self.container.redis.flushdb()

    def events(self, player: UUID) -> list[ScoreEvent]:
        rows = self.container.database.rows(
            """SELECT id, kind, action_id, points, created_at, held_under, metadata FROM score_events
               WHERE player_id = :player""",
            player=player,
        )
        return [ScoreEvent(*row) for row in rows]

    def folds(self, season: Season) -> dict[UUID, BoardFold]:
        """Return the folds of the players that are not suspended."""
        rows = self.container.database.rows("SELECT id FROM players WHERE status = 'active'")
        active = {row.id for row in rows}
        return {
            player: fold_board(self.events(player), self.hold_of(player), season.scoring, season.order)
            for player in self.players
            if player in active
        }

    def members(self, segment: Segment | None) -> set[UUID]:
        if segment is None:
            return set(self.players)
        return {
            player for player in self.players if self.container.attributes.of(player).get(segment.name) == segment.value
        }

    def deliver(self) -> None:
        """Refresh the boards as a worker does."""

        def publish(changes: list[BoardChange]) -> None:
            for change in changes:
                self.container.board_sync.sync_players(change.season_id, change.players, change.events)

        while self.container.outbox.drain(publish):
            pass


@dataclass
class Truth:
    """A board, or a segment of it, by the fold: the public scores of its players, in order."""

    season: Season
    scores: dict[UUID, Score]

    def place(self, player: UUID, score: Score) -> tuple[int, datetime, UUID]:
        return -self.season.stored(score.score), score.achieved_at, player

    @property
    def rows(self) -> list[Row]:
        ordered = sorted(self.scores, key=lambda player: self.place(player, self.scores[player]))
        return [self.row(player, self.scores[player]) for player in ordered]

    def row(self, player: UUID, score: Score) -> Row:
        return self.rank(score.score, player), player, score.score, score.achieved_at, score.run and score.run.metadata

    def rank(self, score: int, player: UUID | None = None) -> int:
        stored = self.season.stored
        return 1 + sum(stored(rival.score) > stored(score) for name, rival in self.scores.items() if name != player)

    def sides(self, player: UUID, score: Score, limit: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the players before and after a player with this score."""
        place = self.place(player, score)
        rows = [row for row in self.rows if row[1] != player]
        above = [row for row in rows if self.place(row[1], self.scores[row[1]]) < place]
        return above[max(0, len(above) - limit) :], rows[len(above) :][:limit]


def _row(standing: Standing) -> Row:
    return standing.rank, standing.user_id, standing.score, standing.achieved_at, standing.metadata


def _rows(standings: list[Standing]) -> list[Row]:
    return [_row(standing) for standing in standings]


@pytest.fixture
def world(container: Container) -> World:
    """Return a world of 24 players, whose boards are complete in Redis."""
    feed(container, [add_board(container, *board) for board in BOARDS])
    container.database.rows("UPDATE boards SET segments = '{country,platform}' RETURNING id")
    seasons, chance = container.catalog.open_seasons(), random.Random(7)
    world = World(container, [uuid4() for _ in range(24)], {}, seasons=seasons)
    for number, player in enumerate(world.players):
        container.players.add(player, f"p-{number}", f"p-{number}", "no password fits this", "player")
        if number % 3:
            _move(world, player, "JP" if number % 3 == 1 else "BR")
    for season in world.season_list():
        container.board_sync.rebuild(season)
    scorers = world.players[1:]
    for number in range(60):
        redeem(container, chance.choice(scorers), chance.choice(RESULTS), f'{{"number":{number}}}')
        if number == 30:
            suspended = _trouble(world)
            scorers = [player for player in scorers if player not in suspended]
    _move(world, world.players[4], "BR")
    _move(world, world.players[5], None)
    world.deliver()
    return world


def _move(world: World, player: UUID, country: str | None) -> None:
    world.container.attributes.change(player, {"country": country}, by="cli:tests", request_id="r")


def _trouble(world: World) -> list[UUID]:
    """Hold what four players score from now on, void the events of two, and suspend two; return these."""
    store = QuarantineStore(world.container.database)
    for player in world.players[6:10]:
        with world.container.database.transaction() as connection:
            case = world.container.suspicions.open_case(connection, str(player), half_life=1800.0, hold=False)
            store.hold(connection, player, Hold(case))
    for number in (12, 13):
        world.apply("void", number, 0)
    for player in world.players[10:12]:
        world.container.moderation.suspend(player, "r", by="cli:tests")
    return world.players[10:12]


@pytest.fixture(params=["complete", "lost", "closed"])
def redis_state(request: pytest.FixtureRequest, world: World) -> str:
    """Return whether the boards are complete in Redis, or Redis has lost all of them, or their seasons are closed."""
    if request.param == "lost":
        world.container.redis.flushdb()
    elif request.param == "closed":
        world.close()
    return str(request.param)


def _truths(world: World) -> Iterator[tuple[Season, Segment | None, Truth, dict[UUID, BoardFold]]]:
    for season in world.season_list():
        folds = world.folds(season)
        for segment in SEGMENTS:
            members = world.members(segment)
            scores = {player: fold.public for player, fold in folds.items() if fold.public and player in members}
            yield season, segment, Truth(season, scores), folds


def test_the_world_has_what_makes_reading_hard(world: World) -> None:
    for season, _, truth, folds in _truths(world):
        if truth.season.board == season.board and len(truth.scores) > 15:
            assert len({score.score for score in truth.scores.values()}) < len(truth.scores), "no tie"
            assert any(fold.own != fold.public for fold in folds.values()) or season.scoring == "best"
            assert season.scoring == "count" or min(score.score for score in truth.scores.values()) < 0


def test_pages_are_the_board(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in _truths(world):
        for limit in (1, 4, 100):
            rows: list[Row] = []
            page = world.container.board_pages.page(season, limit, None, segment)
            rows += _rows(page.standings)
            while page.last:
                page = world.container.board_pages.page(season, limit, page.last, segment)
                assert 1 <= len(page.standings) <= limit
                rows += _rows(page.standings)
                assert len(rows) <= len(truth.rows), "a page that goes back"
                assert page.total == len(truth.scores)
            assert rows == truth.rows, (season, segment, limit)


def test_around_a_place_is_the_board_on_both_sides(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in _truths(world):
        rows = truth.rows
        for number in range(1, len(rows) + 1):
            limit = (0, 2, 50)[number % 3]
            around = world.container.board_pages.around_place(season, number, limit, segment)
            assert around.rank == rows[number - 1][0]
            assert _rows(around.above) == rows[max(0, number - 1 - limit) : number - 1], (season, segment, number)
            assert _rows(around.below) == rows[number - 1 :][:limit], (season, segment, number)
        with pytest.raises(NotFound):
            world.container.board_pages.around_place(season, len(rows) + 1, 2, segment)


def test_around_a_score_is_where_it_would_rank(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in _truths(world):
        rows = truth.rows
        for score in range(-5, 9):
            rank = truth.rank(score)
            around = world.container.board_pages.around_score(season, score, 3, segment)
            assert around.rank == rank, (season, segment, score)
            assert _rows(around.above) == rows[max(0, rank - 4) : rank - 1], (season, segment, score)
            assert _rows(around.below) == rows[rank - 1 :][:3], (season, segment, score)


def test_around_a_player_leaves_the_player_out(world: World, redis_state: str) -> None:
    for season, segment, truth, _ in _truths(world):
        for player in world.players:
            around = world.container.board_pages.around_player(season, player, 3, segment)
            score = truth.scores.get(player)
            assert around.rank == (truth.rank(score.score) if score else None), (season, segment)
            assert (_rows(around.above), _rows(around.below)) == (
                truth.sides(player, score, 3) if score else ([], [])
            ), (season, segment)


def test_players_see_their_held_points_and_their_place_with_them(world: World, redis_state: str) -> None:
    for season, segment, truth, folds in _truths(world):
        members = world.members(segment)
        for player in world.players:
            own, above, below = world.container.board_pages.own(season, player, 3, segment)
            score = folds[player].own if player in folds else None
            if score is None or player not in members:
                assert (own.rank, above, below) == (None, [], [])
                continue
            assert _row(own) == truth.row(player, score), (season, segment)
            assert (_rows(above), _rows(below)) == truth.sides(player, score, 3), (season, segment)


def test_friends_are_in_order_with_places_among_themselves(world: World, redis_state: str) -> None:
    friends = [*world.players[::2], uuid4()]
    for season, segment, truth, _ in _truths(world):
        looked_up = world.container.board_pages.lookup(season, friends, segment)
        rows = [row for row in truth.rows if row[1] in friends]
        assert [_row(standing) for _, standing in looked_up] == rows
        among = Truth(season, {player: score for player, score in truth.scores.items() if player in friends})
        assert [place for place, _ in looked_up] == [row[0] for row in among.rows]


def test_a_player_is_seen_on_every_public_board(world: World, redis_state: str) -> None:
    truths = {season.board: truth for season, segment, truth, _ in _truths(world) if segment is None}
    world.container.database.rows("UPDATE boards SET public = false WHERE slug = 'newest' RETURNING id")
    for player in world.players:
        rows = world.container.player_pages.page(player).standings
        assert [row.season.board for row in rows] == [board for board in truths if board != "newest"]
        for row in rows:
            _check_standing(row, player, truths[row.season.board])


def _check_standing(row: BoardStanding, player: UUID, truth: Truth) -> None:
    score = truth.scores.get(player)
    assert row.total == len(truth.scores)
    if score is None:
        shown = row.standing.as_row()
        assert (shown["rank"], shown["score"], row.percentile) == (None, row.season.empty_score, None)
        return
    assert _row(row.standing) == truth.row(player, score)
    equal_or_lower = sum(rank >= (row.standing.rank or 0) for rank, *_ in truth.rows if rank is not None)
    assert row.percentile == 100 * equal_or_lower / len(truth.scores)


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
            truth = _truth(world, season, None)
            page = world.container.board_pages.page(season, 100)
            assert (_rows(page.standings), page.total) == (truth.rows, len(truth.rows)), season
            assert world.container.board_pages.around_place(season, 5, 0).rank == truth.rows[4][0]
        while seasons.count_players():
            pass
    marks = world.container.database.rows("SELECT FROM season_marks")
    assert marks == [], "those of before are gone; a small season needs none"


def test_a_page_neither_skips_nor_repeats_a_player_who_did_not_move(world: World) -> None:
    """Others overtake between two pages, leave the board, and join it."""
    moving = world.players[14:24]
    for season in world.season_list():
        for segment in SEGMENTS[:2]:
            before = {row[1] for row in _truth(world, season, segment).rows}
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


def _truth(world: World, season: Season, segment: Segment | None) -> Truth:
    return next(truth for name, part, truth, _ in _truths(world) if (name, part) == (season, segment))


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


@ON_BOTH
def test_a_move_to_another_segment_takes_all_points_along(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    japan, brazil = SEGMENTS[1:3]

    def place(segment: Segment | None) -> int | None:
        return world.container.board_pages.around_player(season, player, 0, segment).rank

    assert place(japan) is not None
    assert place(brazil) is None
    _move(world, player, "BR")
    world.deliver()
    assert (place(japan), place(brazil)) == (None, _truth(world, season, brazil).rank(_score(world, season, player)))
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]
    world.container.moderation.suspend(player, "r", by="cli:tests")
    world.deliver()
    assert _keys_with(world, season, player) == []


def _score(world: World, season: Season, player: UUID) -> int:
    public = world.folds(season)[player].public
    assert public
    return public.score


def _keys_with(world: World, season: Season, player: UUID) -> list[str]:
    """Return the ordered sets that have the player, without prefix and board."""
    redis = world.container.redis
    tag = f":{{{season.tag}}}"
    keys = [key for key in redis.keys("leaderboard:order:*") if tag in key]
    with_player = [key for key in keys if any(member.endswith(str(player)) for member in redis.zrange(key, 0, -1))]
    return sorted(key.replace("leaderboard:", "").replace(tag, "") for key in with_player)


def test_a_refresh_that_read_earlier_does_not_move_a_player_back(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    stale = world.container.standing_store.members(season, [player])
    _move(world, player, "BR")
    world.deliver()
    world.container.rankings.orders.arrange(season, stale)
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]


def test_the_proof_puts_back_a_player_whose_refresh_was_lost(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    _move(world, player, "BR")
    world.container.database.rows("DELETE FROM outbox RETURNING id")
    assert _keys_with(world, season, player) == ["order", "order:country:JP"]
    world.container.reconciler.reconcile(pause=0)
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]


def test_the_proof_puts_back_a_player_who_has_not_changed_lately(world: World) -> None:
    season, player, redis = world.season_list()[0], world.players[15], world.container.redis
    assert _keys_with(world, season, player) == ["order"]
    world.container.rankings.orders.remove(season, [str(player)])
    (newest,) = world.container.database.rows("SELECT max(id) AS id FROM score_events")
    progress = ReconcileProgress(run=world.container.bulk_rankings.run_id(season), event=newest.id)
    ReconcileProgressStore(redis).store(season, progress)
    world.container.reconciler.reconcile(pause=0)
    assert _keys_with(world, season, player) == ["order"]


def test_a_board_that_lost_its_entries_keeps_no_stranger_in_a_segment(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    world.container.redis.delete(f"leaderboard:arranged:{{{season.tag}}}")
    _move(world, player, "BR")
    world.container.board_sync.rebuild(season)
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]


@ON_BOTH
def test_nothing_of_a_season_that_was_cleared_stays_in_redis(world: World) -> None:
    season = world.season_list()[0]
    world.container.standings.top()
    world.container.reconciler.reconcile(pause=0)
    world.container.rankings.clear(season)
    keys = world.container.redis.keys(f"*{{{season.tag}}}*")
    assert [key for key in keys if world.container.redis.ttl(key) < 0] == []


def test_a_board_from_before_there_was_an_order_is_rebuilt(world: World) -> None:
    season = world.season_list()[0]
    world.container.redis.delete(*world.container.redis.keys("leaderboard:order:*"))
    world.container.redis.delete(*world.container.redis.keys("leaderboard:arranged:*"))
    assert season.board in world.container.board_sync.repair()
    truth = _truth(world, season, SEGMENTS[1])
    assert len(truth.rows) > 3
    assert _rows(world.container.board_pages.page(season, 100, None, SEGMENTS[1]).standings) == truth.rows
