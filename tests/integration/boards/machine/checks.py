"""The machine: after each step it compares the product with the model, one kind of reading after the other."""

from __future__ import annotations

from uuid import uuid4

from hypothesis.stateful import invariant

from app.domain.attributes import Segment
from app.domain.boards import Season
from app.domain.scoring import ONE_RUN
from tests.integration.boards.machine.changes import Changes
from tests.integration.boards.machine.model import PlayerModel, SeasonKey
from tests.integration.boards.page_world import Truth, check_standing, row_of, rows_of

_COUNTRIES = (None, Segment("country", "JP"), Segment("country", "BR"))
_LIMITS = (1, 2, 3, 50)


class Machine(Changes):
    """The rules of play, moderation and boards, with the comparisons."""

    def teardown(self) -> None:
        try:
            if self.flying is None:
                self._check_all()
        finally:
            self.flight.close()
            self.container.close()

    def _check_all(self) -> None:
        """Compare everything, after all work that waited was done."""
        self.deliver()
        self.check_standings()
        for key in sorted(self.model.periods):
            self.steps += 1
            self._check_reading(key)
        assert list(self.container.corrections.find_unsound()) == []
        for season in self.container.catalog.mirrored_seasons():
            if self.container.rankings.is_ready(season):
                assert self.container.board_sync.verify(season) == []

    @invariant()
    def check_standings(self) -> None:
        """Compare every standing of every season with the fold."""
        self.refresh_periods()
        ids = {period.id: key for key, period in self.model.periods.items()}
        rows = self.rows("SELECT * FROM standings WHERE season_id = ANY(:seasons)", seasons=list(ids))
        stored = {(ids[row.season_id], row.player_id): row for row in rows}
        for key in self.model.periods:
            season = self.model.season(key)
            for player in self.model.players:
                row = stored.get((key, player.id))
                actual = (0, 0, False, None, None)
                if row is not None:
                    actual = (row.score, row.held, row.has_held, row.achieved_at, row.action_id)
                    assert row.listed == (player.status == "active"), (key, player)
                assert actual == self._due(season, key, player), (key, player)

    def _due(self, season: Season, key: SeasonKey, player: PlayerModel) -> tuple[object, ...]:
        """Return the columns that a standing should have."""
        fold, is_one_run = self.model.fold(player, key), season.scoring in ONE_RUN
        public, own = fold.public, fold.own
        hold = player.hold
        events = [event for event in self.model.counting(player, key) if hold and hold.holds(event)]
        score = season.stored(public.score) if public else 0
        total = season.stored(own.score) if own else 0
        due_held = (total if events else 0) if is_one_run else total - score
        run = public.run.action_id if public and public.run else None
        return score, due_held, bool(events), public and public.achieved_at, run

    @invariant()
    def check_reads(self) -> None:
        """Compare one board after the other with the model: all readings, or those that do while work waits."""
        self.steps += 1
        keys = sorted(self.model.periods)
        key = keys[self.steps % len(keys)]
        if self.is_settled():
            self._check_redis(key)
            self._check_reading(key)
        else:
            self._check_list(key)

    def _check_list(self, key: SeasonKey) -> None:
        """Compare the whole board as the database alone gives it."""
        top = self.container.standing_store.top(self.model.season(key), 100)
        assert rows_of(top) == self.model.truth(key).rows, key

    def _check_redis(self, key: SeasonKey) -> None:
        """Compare the sorted sets of a season that Redis mirrors."""
        season, truth = self.model.season(key), self.model.truth(key)
        rankings = self.container.rankings
        if not rankings.is_ready(season):
            return
        members = dict(rankings.members(season))
        assert members == {str(player): season.stored(score.score) for player, score in truth.scores.items()}, key
        for segment in _COUNTRIES:
            if segment is None or "country" in self.container.board_views.view(key[0]).segments:
                span = rankings.orders.near(season, segment, 1, 0, 100)
                assert span
                places = [(place.player, place.achieved_at) for place in span.below]
                rows = self.model.truth(key, segment).rows
                assert places == [(row[1], row[3]) for row in rows], (key, segment)

    def _check_reading(self, key: SeasonKey) -> None:
        season = self.model.season(key)
        has_segments = "country" in self.container.board_views.view(key[0]).segments
        segment = _COUNTRIES[self.steps % 3] if has_segments else None
        truth, limit = self.model.truth(key, segment), _LIMITS[self.steps // 3 % 4]
        self._check_pages(season, segment, truth, limit)
        reading = (self._check_places, self._check_scores, self._check_players, self._check_lookup, self._check_top)
        reading[self.steps % 5](season, segment, truth, limit)

    def _check_pages(self, season: Season, segment: Segment | None, truth: Truth, limit: int) -> None:
        rows, after = [], None
        scope = (season.board, season.number, segment)
        while True:
            page = self.container.board_pages.page(season, limit, after, segment)
            rows += rows_of(page.standings)
            assert page.total == len(truth.scores), (season, segment)
            assert len(rows) <= page.total, (season, segment)
            if page.last is None:
                break
            cursor = self.container.cursors.write_place(scope, page.last)
            after = self.container.cursors.read_place(scope, cursor)
        assert rows == truth.rows, (season, segment, limit)

    def _check_places(self, season: Season, segment: Segment | None, truth: Truth, limit: int) -> None:
        rows = truth.rows
        for number in range(1, len(rows) + 1):
            around = self.container.board_pages.around_place(season, number, limit, segment)
            assert around.rank == rows[number - 1][0], (season, segment)
            assert rows_of(around.above) == rows[max(0, number - 1 - limit) : number - 1], (season, segment)
            assert rows_of(around.below) == rows[number - 1 :][:limit], (season, segment)

    def _check_scores(self, season: Season, segment: Segment | None, truth: Truth, limit: int) -> None:
        rows = truth.rows
        for score in {0, *(score.score for score in truth.scores.values())}:
            rank = truth.rank(score)
            around = self.container.board_pages.around_score(season, score, limit, segment)
            assert around.rank == rank, (season, segment)
            assert rows_of(around.above) == rows[max(0, rank - 1 - limit) : rank - 1], (season, segment)
            assert rows_of(around.below) == rows[rank - 1 :][:limit], (season, segment)

    def _check_players(self, season: Season, segment: Segment | None, truth: Truth, limit: int) -> None:
        for player in self.model.players:
            around = self.container.board_pages.around_player(season, player.id, limit, segment)
            score = truth.scores.get(player.id)
            sides = truth.sides(player.id, score, limit) if score else ([], [])
            assert around.rank == (truth.rank(score.score) if score else None), (season, segment)
            assert (rows_of(around.above), rows_of(around.below)) == sides, (season, segment)
            own, above, below = self.container.board_pages.own(season, player.id, limit, segment)
            score = self.model.fold(player, (season.board, season.number)).own
            is_in = segment is None or player.country == segment.value
            if score is None or player.status != "active" or not is_in:
                assert (own.rank, above, below) == (None, [], []), (season, segment)
                continue
            assert row_of(own) == truth.row(player.id, score), (season, segment)
            assert (rows_of(above), rows_of(below)) == truth.sides(player.id, score, limit), (season, segment)

    def _check_lookup(self, season: Season, segment: Segment | None, truth: Truth, limit: int) -> None:
        friends = [player.id for player in self.model.players[limit % 2 :]]
        rows = [row for row in truth.rows if row[1] in friends]
        looked_up = self.container.board_pages.lookup(season, [*friends, uuid4()], segment)
        assert [row_of(standing) for _, standing in looked_up] == rows, (season, segment)
        among = Truth(season, {player: score for player, score in truth.scores.items() if player in friends})
        assert [place for place, _ in looked_up] == [row[0] for row in among.rows], (season, segment)
        self._check_pages_of_players()

    def _check_pages_of_players(self) -> None:
        truths = {board: self.model.truth(self.present(board)) for board in self.model.board_ids}
        for player in self.model.players[:2]:
            page = self.container.player_pages.page(player.id)
            for row in page.standings:
                check_standing(row, player.id, truths[row.season.board])

    def _check_top(self, season: Season, segment: Segment | None, truth: Truth, limit: int) -> None:
        if (season.board, season.number) == self.present(season.board):
            self.clock.tick()
            rows = [standing.as_row() for standing in self.container.standing_store.top(season, 10)]
            assert self.container.standings.snapshot(season.board)["data"] == rows
            top = self.container.standings.top(season.board, limit)
            assert top.end.total == len(truth.scores) or segment, season
        for player in self.model.players:
            history = self.container.player_pages.history(player.id, season, 50)
            counting = self.model.public_events(player, (season.board, season.number))
            assert [(row.result, row.achieved_at) for row in history] == [
                (event.points, event.created_at) for event in reversed(counting)
            ], season
