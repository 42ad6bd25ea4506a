"""The tasks: ids in, one service call. Each may run twice, late, or after one that was sent later."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from app import metrics
from app.services.boards.outbox import BoardChange
from workers.app import app
from workers.task import RETRY, PeriodicTask

log = structlog.get_logger("fairboard.tasks")

_MAX_LOGGED = 5  # differences in a log line, at most


@app.task(name="leaderboard.refresh", **RETRY)  # type: ignore[untyped-decorator]
def refresh(boards: Sequence[Mapping[str, Any]] | None = None, request_ids: Sequence[str] = (), **board: Any) -> None:
    """Write the standings of these boards' players to Redis, and send the newest boards to every subscriber.

    `request_ids` are those of all boards, for the log. A relay of the version before sends the facts of one board in
    place of `boards`.
    """
    changes = [board_change(**facts) for facts in boards or [{**board, "request_ids": request_ids}]]
    versions = app.container.board_sync.sync(changes)
    log.info("board_refreshed", versions=versions, events=sum(len(change.events) for change in changes))


def board_change(
    season_id: int,
    players: list[str],
    events: list[int],
    request_ids: list[str],
    committed_at: float | None = None,
) -> BoardChange:
    """Return the change of a board that the relay has sent."""
    return BoardChange(season_id, "", committed_at, [UUID(player) for player in players], events, request_ids)


@app.task(name="leaderboard.end_season", **RETRY)  # type: ignore[untyped-decorator]
def end_season(season_id: int) -> None:
    """Send the board's next season to every subscriber, and drop the closed one from Redis."""
    version = app.container.board_sync.end_season(season_id)
    log.info("season_ended", season_id=season_id, version=version)


@app.task(name="leaderboard.turn_seasons", base=PeriodicTask)  # type: ignore[untyped-decorator]
def turn_seasons() -> None:
    """Write the seasons that come next, and close those that have ended."""
    turn = app.container.seasons.turn()
    if turn.planned or turn.closed:
        log.info("seasons_turned", planned=turn.planned, closed=turn.closed)


@app.task(name="leaderboard.repair", base=PeriodicTask)  # type: ignore[untyped-decorator]
def repair() -> None:
    """Send Redis the changes of players and keys that it may have missed, and rebuild the boards that it has lost."""
    app.container.moderation.resend_changes()
    app.container.api_keys.resend_changes()
    rebuilt = app.container.board_sync.repair()
    if rebuilt:
        log.info("boards_rebuilt", boards=rebuilt)


@app.task(name="leaderboard.prove", base=PeriodicTask)  # type: ignore[untyped-decorator]
def prove() -> None:
    """Correct players whose redemption overlapped a decision; then compare Redis with the database.

    Differences that no later event will correct are corrected too.
    """
    strays = app.container.status_repair.sweep()
    if strays:
        log.warning("strays_corrected", players=len(strays))
    for proof in app.container.reconciler.reconcile():
        count = proof.differing
        metrics.proofs.labels("differed" if count else "clean").inc()
        metrics.mended.inc(count)
        if count:
            first_differences = proof.differences[:_MAX_LOGGED]
            log.warning(
                "board_corrected",
                board=proof.board,
                differences=count,
                first=first_differences,
                compared=proof.standings,
                rebuilt=proof.was_rebuilt,
            )
        else:
            log.info("board_proved", board=proof.board, compared=proof.standings)


@app.task(name="maintenance.prune", base=PeriodicTask)  # type: ignore[untyped-decorator]
def prune() -> None:
    """Delete keys after their 24 hours, unusable logins, old sightings and deliveries.

    Check the audit log's end first, and add months to the ledger last.
    """
    app.container.audit.check()
    keys = app.container.first_answers.prune_keys() + app.container.key_answers.prune()
    logins = app.container.logins.prune(time.time())
    sightings = app.container.sightings.prune()
    deliveries = app.container.webhook_deliveries.prune()
    if keys or logins or sightings or deliveries:
        log.info("pruned", idempotency_keys=keys, logins=logins, sightings=sightings, deliveries=deliveries)
    if months := app.container.ledger_months.add_missing():
        log.info("ledger_months_added", months=months)
    app.container.ledger_months.analyze()
