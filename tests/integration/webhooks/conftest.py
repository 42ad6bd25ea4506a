"""Services that may call receivers on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.webhook_events import EVENT_TYPES
from app.services.boards.outbox import BoardChange
from app.services.operations.webhooks import ShownSecret
from tests.parts.receiver import Receiver, started_receiver


class Hooks:
    """The product's side: it makes webhooks, and does what the relay, the workers and beat would do."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.changes: list[BoardChange] = []

    def create(self, url: str, events: Sequence[str] = EVENT_TYPES, boards: Sequence[str] = ()) -> ShownSecret:
        return self.container.webhooks.create(url, events, boards, by="cli:tests", request_id="r")

    def note(self) -> None:
        """Write the deliveries of all that waits in the outbox."""

        def publish(changes: list[BoardChange]) -> None:
            self.changes = changes
            self.container.webhook_fan_out.note_scores(changes)
            for change in changes:
                if change.has_ended:
                    self.container.webhook_fan_out.note_season(change.season_id)

        while self.container.outbox.drain(publish):
            pass

    def send(self) -> dict[str, int]:
        """Write the deliveries, and send those that are due."""
        self.note()
        return dict(self.container.webhook_sender.send(10))

    def hasten(self) -> None:
        """Let the pauses of all that waits be over."""
        self.container.database.rows(
            "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE state = 'waiting' RETURNING id"
        )

    def states(self, webhook_id: UUID) -> list[str]:
        """Return the states of a webhook's deliveries, the oldest first."""
        page = self.container.webhooks.deliveries(webhook_id, limit=100)
        return [delivery.state for delivery in reversed(page.deliveries)]


@pytest.fixture
def hooks(container: Container) -> Iterator[Hooks]:
    settings = container.settings.model_copy(update={"webhook_private_addresses": True})
    services = Container(settings)
    yield Hooks(services)
    services.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with started_receiver() as receiver:
        yield receiver


@pytest.fixture
def other_receiver() -> Iterator[Receiver]:
    with started_receiver() as receiver:
        yield receiver
