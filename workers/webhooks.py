"""The tasks of webhooks: deliveries are written from the messages of the relay, and sent on a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from workers.app import app
from workers.task import RETRY, PeriodicTask
from workers.tasks import board_change

log = structlog.get_logger("fairboard.tasks")

_SENDING_SECONDS = 300.0


@app.task(name="webhooks.note_scores", **RETRY)  # type: ignore[untyped-decorator]
def note_scores(boards: Sequence[Mapping[str, Any]], request_ids: Sequence[str] = ()) -> None:
    """Write the deliveries of results that counted on these boards, and of first places that changed hands.

    `request_ids` are those of all boards, for the log.
    """
    events = app.container.webhook_fan_out.note_scores([board_change(**facts) for facts in boards])
    if events:
        log.info("webhooks_noted", events=events)


@app.task(name="webhooks.note_season", **RETRY)  # type: ignore[untyped-decorator]
def note_season(season_id: int) -> None:
    """Write the deliveries of the end of a season, with its final list."""
    if app.container.webhook_fan_out.note_season(season_id):
        log.info("webhooks_noted", events=1, season_id=season_id)


@app.task(name="webhooks.send", base=PeriodicTask)  # type: ignore[untyped-decorator]
def send() -> None:
    """Send the deliveries that are due, unless another process does so now."""
    outcomes = app.container.webhook_sender.send(_SENDING_SECONDS)
    if outcomes:
        log.info("webhooks_sent", **outcomes)
