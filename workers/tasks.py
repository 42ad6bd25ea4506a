"""The tasks: ids in, one service call. Each may run twice, late, or after another that came later."""

from __future__ import annotations

import time
from uuid import UUID

import structlog

from app import metrics
from workers.app import app
from workers.task import RETRY, PeriodicTask

log = structlog.get_logger("fairboard.tasks")

_SHOWN = 5  # differences in a log line


@app.task(name="leaderboard.refresh", **RETRY)  # type: ignore[untyped-decorator]
def refresh(
    season_id: int,
    players: list[str],
    events: list[int],
    request_ids: list[str],
    committed_at: float | None = None,
) -> None:
    """Bring these players' standings to Redis, and the newest board to every subscriber."""
    ids = [UUID(player) for player in players]
    version = app.containers.container.refresh.changed(season_id, ids, events, request_ids, committed_at)
    log.info("board_refreshed", season_id=season_id, version=version, events=len(events))


@app.task(name="leaderboard.repair", base=PeriodicTask)  # type: ignore[untyped-decorator]
def repair() -> None:
    """Tell Redis again what it may have missed, and rebuild what it has lost."""
    app.containers.container.moderation.restate()
    rebuilt = app.containers.container.refresh.repair()
    if rebuilt:
        log.info("boards_rebuilt", boards=rebuilt)


@app.task(name="leaderboard.prove", base=PeriodicTask)  # type: ignore[untyped-decorator]
def prove() -> None:
    """Put right what redemptions left behind while somebody decided; compare Redis with the database, and put that
    right which no event will bring any more."""
    strays = app.containers.container.status_repair.sweep()
    if strays:
        log.warning("strays_put_right", players=len(strays))
    for proved in app.containers.container.proof.prove():
        found = proved.differing
        metrics.proofs.labels("differed" if found else "clean").inc()
        metrics.mended.inc(found)
        if found:
            shown = proved.differences[:_SHOWN]
            log.warning(
                "board_mended",
                board=proved.board,
                differences=found,
                first=shown,
                compared=proved.standings,
                rebuilt=proved.rebuilt,
            )
        else:
            log.info("board_proved", board=proved.board, compared=proved.standings)


@app.task(name="maintenance.prune", base=PeriodicTask)  # type: ignore[untyped-decorator]
def prune() -> None:
    """Forget keys after their 24 hours, and logins that can't be used any more; look at the end of the audit log."""
    app.containers.container.audit.look()
    keys, logins = app.containers.container.ledger.prune_keys(), app.containers.container.logins.prune(time.time())
    if keys or logins:
        log.info("pruned", idempotency_keys=keys, logins=logins)
