"""Replays of the ledger: a plan that changes past scores is prepared beside the present, then takes its place."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from app.domain.actors import SYSTEM
from app.domain.board_plans import Catalog, Plan, config_after, plan_from_json
from app.domain.boards import MAX_SCORE, Season
from app.errors import Conflict, NotFound, Unavailable
from app.services.boards.board_plans import BoardPlans
from app.services.boards.board_sync import BoardSync
from app.services.boards.plan_writer import Operator, PlanWriter
from app.services.boards.replay_seasons import ReplaySeasons
from app.stores.boards.board_store import BoardStore
from app.stores.boards.filled_seasons import FilledSeasonStore
from app.stores.boards.rankings import RankingStore
from app.stores.boards.replay_previews import PREVIEW_SECONDS, Mover, movers
from app.stores.boards.replays import Replay, ReplayStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import Database
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.replays")

_BATCH = 500  # players per transaction
_MOST_LOCKED = 2000  # players to fold while the standings are locked: a tenth of a second
_DELETED = 5000
_BATCH_SECONDS = 60
_POLL_SECONDS = 0.05
_PAUSE_SECONDS = 0.5
_KNOWN_SECONDS = 2.0  # longer than a process keeps the open season of a board in memory
_FIRST_PLAYER = UUID(int=0)

Progress = Callable[[int], None]
_RETRIED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The players that a replay would move, the best places first, and how many it would move in all."""

    moves: Sequence[Mover]
    moving: int


class Replays:
    """Fills the seasons of a plan from the ledger, in batches, while play goes on; then carries the plan out at once.

    Until then nothing of the plan is visible. A replay that was stopped, anywhere, is continued by `work`.
    """

    def __init__(
        self,
        database: Database,
        plans: BoardPlans,
        boards: BoardStore,
        types: CatalogStore,
        store: ReplayStore,
        filled: FilledSeasonStore,
        writer: PlanWriter,
        rankings: RankingStore,
        board_sync: BoardSync,
        *,
        batch: int = _BATCH,
        known_seconds: float = _KNOWN_SECONDS,
    ) -> None:
        self._db, self._plans, self._boards, self._types = database, plans, boards, types
        self._store, self._filled, self._writer = store, filled, writer
        self._rankings, self._board_sync = rankings, board_sync
        self._seasons = ReplaySeasons(plans, boards, store, filled)
        self.batch, self.known_seconds = batch, known_seconds

    def unfinished(self) -> Replay | None:
        """Return the replay that is unfinished, None without one."""
        return self._store.unfinished()

    def outlook(self, plan: Plan, limit: int, *, seconds: int = PREVIEW_SECONDS) -> Outlook:
        """Return the players that the plan would move. The seasons to fill exist until the end of the transaction.

        Raises Conflict while a replay is unfinished, and Unavailable where that takes longer than `seconds`.
        """
        self._plans.refuse_while_replaying()
        try:
            with self._db.transaction() as connection:
                trial = connection.begin_nested()
                replay_id = self._store.add(connection, "{}", SYSTEM, "")
                self._seasons.add(connection, replay_id, plan)
                moves, moving = movers(connection, replay_id, limit, seconds)
                trial.rollback()
        except OperationalError as error:
            if isinstance(error.orig, psycopg.errors.QueryCanceled):
                raise Unavailable(f"The comparison with the ledger takes longer than {seconds} s.") from error
            raise
        return Outlook(moves, moving)

    def work(
        self, replay_id: UUID, on_progress: Progress = lambda standings: None, *, seconds: float = math.inf
    ) -> Replay:
        """Work on a replay until it is done, or for `seconds`; return it as it is then.

        Any number of processes may work on one. Raises Conflict where a score is out of range.
        """
        deadline = time.monotonic() + seconds
        while True:
            replay = self._find(replay_id)
            on_progress(replay.standings)
            if replay.state in ("done", "cancelled") or time.monotonic() >= deadline:
                return replay
            if replay.state == "switched":
                self._finish(replay)
            elif replay.covered_id is None:
                self._begin(replay)
            elif not replay.is_walked:
                self._walk(replay)
            elif self._catch_up(replay) <= _MOST_LOCKED and not self._switch(replay):
                time.sleep(_PAUSE_SECONDS)

    def page(self, limit: int) -> list[Replay]:
        """Return the newest replays first."""
        return self._store.page(limit)

    def get(self, replay_id: UUID) -> Replay:
        """Return a replay. Raises NotFound."""
        return self._find(replay_id)

    def resume(self, seconds: float) -> Replay | None:
        """Work on the unfinished replay for `seconds`, and return it; delete the remains of cancelled ones.

        Raises Conflict as `work` does.
        """
        for cancelled in self._store.cancelled_in_part():
            self._drop(cancelled)
        replay = self.unfinished()
        return None if replay is None else self.work(replay.id, seconds=seconds)

    def cancel(self, replay_id: UUID | None = None, *, by: Operator) -> Replay:
        """Cancel the unfinished replay, which has this id if one is given: nothing has changed.

        `resume` deletes what it has filled. Raises NotFound, and Conflict for one that has ended, or has switched.
        """
        replay = self.unfinished()
        if replay_id is not None and (replay is None or replay.id != replay_id):
            raise Conflict(f"The replay has ended already: it is {self._find(replay_id).state}.")
        if replay is None:
            raise NotFound("No replay is unfinished.")
        with self._db.transaction() as connection:
            replay = self._store.lock(connection, replay.id) or replay
            if replay.state != "running":
                raise Conflict("The boards have changed already; only old standings are left to delete.")
            self._store.finish(connection, replay.id, "cancelled")
            self._writer.note(connection, "boards.replay_cancelled", f"replay:{replay.id}", {}, by)
        return self._find(replay.id)

    def _find(self, replay_id: UUID) -> Replay:
        replay = self._store.get(replay_id)
        if replay is None:
            raise NotFound("There is no such replay.")
        return replay

    def _begin(self, replay: Replay) -> None:
        """Add the seasons, and wait until every event so far is visible."""
        event_id = self._settle()
        with self._db.transaction() as connection:
            current = self._lock(connection, replay)
            if current is not None and current.covered_id is None:  # another process may have begun it meanwhile
                self._seasons.add(connection, replay.id, plan_from_json(replay.plan))
                self._store.cover(connection, replay.id, event_id)

    def _settle(self) -> int:
        """Wait until no transaction can add an event before the newest one; return its id."""
        with self._db.transaction() as connection:
            mark = self._store.mark(connection)
        while not self._store.is_settled(mark):
            time.sleep(_POLL_SECONDS)
        return mark.event_id

    def _walk(self, replay: Replay) -> None:
        with self._db.transaction() as connection:
            current = self._lock(connection, replay)
            if current is None:
                return
            players = self._store.next_players(connection, current.player_id, self.batch)
            standings = self._fold(connection, replay.id, players)
            self._store.advance(connection, replay.id, players[-1] if players else None, standings)

    def _catch_up(self, replay: Replay) -> int:
        """Fold the players of the events since the last time; return how many, or 0 if another process did it."""
        until, after, count = self._settle(), _FIRST_PLAYER, 0
        assert replay.covered_id is not None
        while True:
            with self._db.transaction() as connection:
                current = self._lock(connection, replay)
                if current is None or current.covered_id != replay.covered_id:
                    return 0
                players = self._store.players_since(connection, replay.covered_id, until, after, self.batch)
                self._store.lock_players(connection, players)
                self._fold(connection, replay.id, players)
                if not players:
                    self._store.cover(connection, replay.id, until)
                    self._seasons.add(connection, replay.id, plan_from_json(replay.plan))
                    return count
            after, count = players[-1], count + len(players)

    def _switch(self, replay: Replay) -> bool:
        """Carry the plan out with the filled seasons; return False if other work held the standings, or is to do."""
        plan = plan_from_json(replay.plan)
        catalog = self._plans.catalog()
        try:
            with self._db.transaction() as connection:
                self._boards.lock(connection)
                current = self._lock(connection, replay)
                if current is None:
                    return True
                self._store.lock_standings(connection)
                if self._seasons.add(connection, replay.id, plan) or not self._fold_newest(connection, current):
                    return True
                self._replace(connection, replay, plan, catalog)
                self._hide_ranks(self._open_seasons(plan))
        except OperationalError as error:
            if isinstance(error.orig, _RETRIED):
                return False
            raise
        log.info("boards_replayed", replay_id=str(replay.id), boards=sorted(plan.feeds))
        return True

    def _fold_newest(self, connection: sa.Connection, replay: Replay) -> bool:
        """Fold the players of the newest events; return False if there are too many for a locked table."""
        assert replay.covered_id is not None
        players = self._store.players_since(connection, replay.covered_id, None, _FIRST_PLAYER, 2 * _MOST_LOCKED)
        if len(players) == 2 * _MOST_LOCKED:
            return False
        self._fold(connection, replay.id, players)
        return True

    def _replace(self, connection: sa.Connection, replay: Replay, plan: Plan, catalog: Catalog) -> None:
        by = Operator(replay.made_by, replay.request_id)
        filled = self._filled.all(connection, replay.id)
        new_boards = {season.board for season in filled if season.board not in catalog.boards}
        open_seasons = {slug: self._boards.open_season(connection, slug) for slug in catalog.boards}
        ids = self._writer.write(connection, plan, catalog, by, sorted(new_boards))
        for season in filled:
            present = open_seasons.get(season.board)
            if season.board in new_boards or (present is not None and present.id == season.season_id):
                self._filled.take_place(connection, replay.id, season, ids.get(season.board))
        for step in plan.boards:
            if step.slug in new_boards:
                last = [season for season in filled if season.board == step.slug][-1]
                self._writer.add_following(connection, ids[step.slug], config_after(catalog, step), last.window)
        self._store.finish(connection, replay.id, "switched")
        self._writer.note(connection, "boards.replayed", f"replay:{replay.id}", {"boards": sorted(plan.feeds)}, by)

    def _fold(self, connection: sa.Connection, replay_id: UUID, players: Sequence[UUID]) -> int:
        if not players:
            return 0
        try:
            return self._filled.fold(connection, replay_id, players)
        except IntegrityError as error:
            raise Conflict(f"A score would be past {MAX_SCORE}, the highest there is. Cancel the replay.") from error

    def _finish(self, replay: Replay) -> None:
        """Show the new boards in Redis and to subscribers, then delete the standings that were replaced.

        A process may have the season of before in memory for a moment, and cache a list of it: lists are announced
        again after that moment.
        """
        seasons = self._open_seasons(plan_from_json(replay.plan))
        switched_at = time.monotonic()
        self._hide_ranks(seasons)
        for season in seasons:
            self._board_sync.rebuild(season)
            self._board_sync.announce(season)
        time.sleep(max(0.0, switched_at + self.known_seconds - time.monotonic()))
        for season in seasons:
            self._board_sync.announce(season)
        self._drop(replay)
        with self._db.transaction() as connection:
            self._store.finish(connection, replay.id, "done")

    def _drop(self, replay: Replay) -> None:
        deleted = _DELETED
        while deleted == _DELETED:
            with self._db.transaction() as connection:
                connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_BATCH_SECONDS}s'"))
                deleted = self._filled.drop_standings(connection, replay.id, _DELETED)
        with self._db.transaction() as connection:
            self._filled.drop_seasons(connection, replay.id)

    def _open_seasons(self, plan: Plan) -> list[Season]:
        seasons = [self._types.open_season(slug) for slug in plan.feeds]
        return [season for season in seasons if season is not None]

    def _hide_ranks(self, seasons: Sequence[Season]) -> None:
        """Let ranks be counted in the database until the boards in Redis are rebuilt."""
        try:
            for season in seasons:
                self._rankings.mark_incomplete(season)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error))

    def _lock(self, connection: sa.Connection, replay: Replay) -> Replay | None:
        """Lock the replay, and return it if it still has to be worked on."""
        connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_BATCH_SECONDS}s'"))
        current = self._store.lock(connection, replay.id)
        return current if current is not None and current.state == "running" else None
