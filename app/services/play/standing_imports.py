"""Standings of another leaderboard, as opening balances: a score event for each player, of an action type of their own.

Boards are projections of the ledger, so a balance is an event like all others: it is in every fold, and a void takes it
back. Its action id is made of the import's name, the board and the player, so that it counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import sqlalchemy as sa

from app.domain.action_types import SLUG_LENGTH
from app.domain.boards import ActionType, Season
from app.domain.times import rfc3339
from app.domain.transfer_lines import UNCHANGED, Outcome, StandingLine, balance_id, import_id, refused
from app.errors import BoardClosed, Conflict, InvalidRequest
from app.services.boards.board_changes import BoardChanges
from app.services.boards.board_plans import BoardPlans
from app.services.boards.plan_writer import Operator
from app.services.operations.import_runs import ImportRun
from app.services.play.imported_batches import UNKNOWN_TYPE, ImportedBatches
from app.stores.accounts.imported_players import ImportedPlayerStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.imported_events import ImportedEvent, ImportedEventStore, LockedPlayer, OpenSeason


@dataclass(frozen=True, slots=True)
class BalanceTarget:
    """Where the balances of an import go: the open season of a board, by an action type that feeds it alone.

    `type_id` is 0 in a dry run whose action type is not there yet.
    """

    id: UUID
    season: Season
    action_type: str
    type_id: int


class StandingImports:
    """Opening balances of the season that is open. Anti-cheat doesn't judge them, as scores that a key enters."""

    def __init__(
        self,
        catalog: CatalogStore,
        plans: BoardPlans,
        changes: BoardChanges,
        players: ImportedPlayerStore,
        store: ImportedEventStore,
        batches: ImportedBatches,
    ) -> None:
        self._catalog, self._plans, self._changes = catalog, plans, changes
        self._players, self._store, self._batches = players, store, batches

    def target(
        self, board: str, action_type: str | None, name: str, *, by: Operator, dry_run: bool = False
    ) -> BalanceTarget:
        """Return the target of the import `name`; without an action type that of the board is made unless it is there.

        Raises NotFound, BoardClosed, InvalidRequest, and Conflict while boards can't be changed.
        """
        config = self._plans.find(board)
        if config.scoring == "count":
            message = "counts results, which no single event can stand for: import its events"
            raise InvalidRequest.field("board", message)
        season = self._catalog.open_season(board)
        if season is None:
            raise BoardClosed(f"The board '{board}' has no open season.")
        slug = f"opening-{board}"[:SLUG_LENGTH].rstrip("-") if action_type is None else action_type
        existing = self._catalog.action_type(slug)
        if existing is None and action_type is None:
            values = {"name": "Opening balance", "result_kind": "trusted", "boards": [board]}
            plan = self._changes.plan_type(slug, values)
            if dry_run:
                return BalanceTarget(import_id(name), season, slug, UNKNOWN_TYPE)
            self._changes.carry_out(plan, rebuild=False, by=by)
            existing = self._catalog.action_type(slug)
        type_id = _checked(existing, board).id
        return BalanceTarget(import_id(name), season, slug, type_id)

    def take(self, target: BalanceTarget, lines: Sequence[StandingLine], run: ImportRun) -> list[Outcome]:
        """Write the balances of these lines, in their order. Raises Conflict if the season has ended meanwhile."""
        ids = self._players.ids({line.player for line in lines})
        outcomes: list[Outcome | None] = [None] * len(lines)
        due: list[tuple[int, UUID, StandingLine]] = []
        for place, line in enumerate(lines):
            player_id = ids.get(line.player)
            if player_id is None:
                outcomes[place] = refused(line.player.field, "is no player: import the players first")
            elif run.is_repeated(player_id.bytes):
                outcomes[place] = refused(line.player.field, "is in the file twice")
            else:
                due.append((place, player_id, line))
        for place, outcome in self._batches.write(due, partial(self._events, target), target.id, run).items():
            outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _events(
        self, target: BalanceTarget, connection: sa.Connection, due: Sequence[tuple[int, UUID, StandingLine]]
    ) -> dict[int, Outcome | ImportedEvent]:
        """Return the event of each line, or why there is none."""
        ids = [player_id for _, player_id, _ in due]
        players = self._store.lock_players(connection, ids)
        season = self._store.open_season(connection, target.season.board)
        if season is None or season.id != target.season.id:
            raise Conflict("The season has ended during the import. Run it again: it goes on in the next season.")
        ranked = self._store.ranked(connection, season.id, ids)
        actions = {player_id: balance_id(target.id, target.season.board, player_id) for player_id in ids}
        written = self._store.written(connection, list(actions.values()))
        result: dict[int, Outcome | ImportedEvent] = {}
        for place, player_id, line in due:
            action_id = actions[player_id]
            if event := written.get(action_id):
                result[place] = _present(event.result, line.score)
            elif problem := _problem(line, players.get(player_id), season, target, player_id in ranked):
                result[place] = problem
            else:
                at = _time(line, season, target, place, is_ranked=player_id in ranked)
                metadata = line.metadata
                result[place] = ImportedEvent(action_id, player_id, target.type_id, line.score, at, at, metadata)
        return result


def _checked(action_type: ActionType | None, board: str) -> ActionType:
    """Return the action type if opening balances may be of it. Raises InvalidRequest."""
    if action_type is None:
        message = "is no action type that can be played"
    elif action_type.result_kind != "trusted":
        message = f"is {action_type.result_kind}: players complete it, and only trusted types are for imports"
    elif action_type.boards != [board]:
        message = f"must feed '{board}' alone"
    else:
        return action_type
    raise InvalidRequest.field("action_type", message)


def _present(before: int, score: int) -> Outcome:
    if before == score:
        return UNCHANGED
    return refused("score", f"was imported as {before} before, under the same name: void that, and use another name")


def _problem(
    line: StandingLine, player: LockedPlayer | None, season: OpenSeason, target: BalanceTarget, is_ranked: bool
) -> Outcome | None:
    if player is None:
        return refused(line.player.field, "is no player: import the players first")
    if not player.is_active:
        return refused(line.player.field, "is suspended")
    if is_ranked and target.season.scoring == "last":
        return refused(line.player.field, "has a result on this board, which is newer and stays the last")
    if line.achieved_at and line.achieved_at > season.now:
        return refused("achieved_at", "is in the future")
    if line.achieved_at and season.starts_at and line.achieved_at < season.starts_at:
        began = rfc3339(season.starts_at)
        return refused("achieved_at", f"is before the open season {target.season.number}, which began at {began}")
    return None


def _time(line: StandingLine, season: OpenSeason, target: BalanceTarget, place: int, *, is_ranked: bool) -> datetime:
    """Return the time of a balance. A sum that had points before was reached by the import.

    Lines without a time are a microsecond apart, in the order of the file.
    """
    if line.achieved_at and (target.season.scoring == "best" or not is_ranked):
        return line.achieved_at
    return season.now + timedelta(microseconds=place)
