"""The answers about webhooks and their deliveries."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.domain.webhook_events import EventType
from app.domain.webhooks import DeliveryState
from app.http.answers.base import Answered


class WebhookRow(Answered):
    """A subscription without its secret; no `boards`: all of them."""

    id: UUID
    url: str
    events: list[EventType]
    boards: list[str]
    enabled: bool
    created_at: datetime
    created_by: str
    previous_until: datetime | None
    failing_since: datetime | None


class ShownWebhook(WebhookRow):
    """A subscription with its secret, which is shown this once."""

    secret: str


class DeliveryAttempt(Answered):
    """A call of a receiver that took `ms` milliseconds; `status` is null without an answer."""

    at: datetime
    ms: int
    status: int | None
    error: str | None
    answer: str


class DeliveryRow(Answered):
    """An event on its way to a receiver, with its body."""

    id: UUID
    event_id: UUID
    type: str
    payload: dict[str, object]
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    attempts: list[DeliveryAttempt]


class SentTest(Answered):
    """A test event that is on its way."""

    event_id: UUID


class Replayed(Answered):
    """How many failed deliveries are due now."""

    replayed: int
