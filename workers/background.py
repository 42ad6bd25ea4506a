"""The periodic tasks that read the ledger afterwards. A tick that fails or comes twice does no harm."""

from __future__ import annotations

from datetime import timedelta

import structlog

from app.domain.times import rfc3339
from app.errors import Conflict, Unavailable
from workers.app import app
from workers.task import PeriodicTask

log = structlog.get_logger("fairboard.tasks")

_CORRECTING_SECONDS = 8.0  # less than the time between two ticks
_REPLAYING_SECONDS = 4.0


@app.task(name="anticheat.review", base=PeriodicTask)  # type: ignore[untyped-decorator]
def review() -> None:
    """Judge the redemptions since the last review again."""
    summary = app.container.review.review_new()
    log.info("reviewed", players=len(summary.players), redemptions=summary.redemptions, cases=len(summary.cases))


@app.task(name="anticheat.watch_gain", base=PeriodicTask)  # type: ignore[untyped-decorator]
def watch_gain() -> None:
    """Let new holds reach back to their evidence, and assess players who gained unusually much."""
    try:
        reached_back = app.container.holds.reach_back()
    finally:
        summary = app.container.gain_watch.watch()
    if reached_back or summary.looks:
        log.info(
            "gain_watched",
            events=summary.events,
            looks=summary.looks,
            cases=len(summary.cases),
            holds=len(summary.holds),
            reached_back=len(reached_back),
        )


@app.task(name="anticheat.correct", base=PeriodicTask)  # type: ignore[untyped-decorator]
def correct() -> None:
    """Resume corrections that no process works on, or that wait for the last redemptions of their time."""
    for correction in app.container.corrections.resume_all(_CORRECTING_SECONDS):
        log.info(
            "correcting",
            correction_id=str(correction.id),
            kind=correction.kind,
            state=correction.state,
            events=correction.events,
        )


@app.task(name="boards.replay", base=PeriodicTask)  # type: ignore[untyped-decorator]
def replay() -> None:
    """Work on the replay of the ledger that a change of boards waits for, whoever began it."""
    try:
        unfinished = app.container.replays.resume(_REPLAYING_SECONDS)
    except Conflict as refusal:  # a score would be out of range: a person has to cancel it
        log.error("replay_waits", reason=refusal.message)
        return
    if unfinished is not None:
        log.info("replaying", replay_id=str(unfinished.id), state=unfinished.state, standings=unfinished.standings)


@app.task(name="anticheat.train", base=PeriodicTask)  # type: ignore[untyped-decorator]
def train() -> None:
    """Train a new model of how people play, and let it judge everyone of the last day. Needs the extra `model`."""
    try:
        model = app.container.model_training.train()
    except Unavailable as refusal:
        log.info("not_trained", reason=refusal.message)
        return
    log.info("trained", version=model["version"], state=model["state"], **model["numbers"])
    _judge(timedelta(days=1))


@app.task(name="anticheat.judge_by_model", base=PeriodicTask)  # type: ignore[untyped-decorator]
def judge_by_model() -> None:
    """Judge the players that were active lately by the active model; without any model, train the first one."""
    try:
        models = app.container.model_training.all()
    except Unavailable as refusal:
        log.warning("not_judged_by_model", reason=refusal.message)
        return
    if models:
        _judge(timedelta(hours=2))
    else:
        train.run()


def _judge(active: timedelta) -> None:
    try:
        judgement = app.container.model_training.judge(active=active)
    except (Conflict, Unavailable) as refusal:
        log.warning("not_judged_by_model", reason=refusal.message)
    else:
        if judgement is not None:
            log.info(
                "judged_by_model", version=judgement.version, players=judgement.players, cases=len(judgement.cases)
            )


@app.task(name="anticheat.link_accounts", base=PeriodicTask)  # type: ignore[untyped-decorator]
def link_accounts() -> None:
    """Look for accounts that belong together, and open cases for them."""
    try:
        result = app.container.account_links.run()
    except Unavailable as refusal:
        log.warning("accounts_not_linked", reason=refusal.message)
    else:
        log.info("accounts_linked", groups=len(result.groups), cases=len(result.cases))


@app.task(name="analytics.roll_up", base=PeriodicTask)  # type: ignore[untyped-decorator]
def roll_up() -> None:
    """Recompute the hours and days that aren't final."""
    final = app.container.analytics.roll_up()
    log.info("rolled_up", final_before={unit: rfc3339(before) for unit, before in final.items()})
