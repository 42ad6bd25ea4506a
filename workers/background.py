"""The tasks that read the ledger afterwards. A tick that failed is harmless, as is one that came twice."""

from __future__ import annotations

import structlog

from app.domain.times import rfc3339
from app.errors import Conflict, Unavailable
from workers.app import app
from workers.task import PeriodicTask

log = structlog.get_logger("fairboard.tasks")

_CORRECTING_SECONDS = 8.0  # less than from one tick to the next


@app.task(name="anticheat.review", base=PeriodicTask)  # type: ignore[untyped-decorator]
def review() -> None:
    """Judge again what was redeemed since the last time."""
    done = app.containers.container.review.go_on()
    log.info("reviewed", players=len(done.players), redemptions=done.redemptions, cases=len(done.cases))


@app.task(name="anticheat.correct", base=PeriodicTask)  # type: ignore[untyped-decorator]
def correct() -> None:
    """Go on with corrections that nobody works on, or that wait for the last redemptions of their time."""
    for each in app.containers.container.corrections.go_on(_CORRECTING_SECONDS):
        log.info("correcting", correction_id=str(each.id), kind=each.kind, state=each.state, events=each.events)


@app.task(name="anticheat.train", base=PeriodicTask)  # type: ignore[untyped-decorator]
def train() -> None:
    """Learn anew how people play. Without enough to learn from, or the library, everything stays as it is."""
    try:
        model = app.containers.container.learning.train()
    except (Conflict, Unavailable) as refusal:
        log.info("not_trained", reason=refusal.message)
    else:
        log.info("trained", version=model["version"], state=model["state"], **model["numbers"])


@app.task(name="anticheat.judge_by_model", base=PeriodicTask)  # type: ignore[untyped-decorator]
def judge_by_model() -> None:
    """Show the last day to the active model."""
    try:
        judged = app.containers.container.learning.judge()
    except (Conflict, Unavailable) as refusal:
        log.warning("not_judged_by_model", reason=refusal.message)
    else:
        if judged is not None:
            log.info("judged_by_model", version=judged.version, players=judged.players, cases=len(judged.cases))


@app.task(name="analytics.roll_up", base=PeriodicTask)  # type: ignore[untyped-decorator]
def roll_up() -> None:
    """Recompute the hours and days that aren't final."""
    final = app.containers.container.analytics.roll_up()
    log.info("rolled_up", final_before={unit: rfc3339(before) for unit, before in final.items()})
