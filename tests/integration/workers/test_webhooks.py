"""Webhooks through RabbitMQ and a worker: a message that comes twice, and a worker that is killed while it sends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from app.containers.container import Container
from tests.integration.boards.test_scorings import redeem
from tests.integration.players import add_player
from tests.integration.workers.conftest import OddWorker
from tests.parts.receiver import Receiver, started_receiver
from tests.parts.waiting import eventually
from workers.queues import SCORE_EVENT_TASKS


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with started_receiver() as receiver:
        yield receiver


def test_events_go_from_the_outbox_to_a_receiver_once_and_survive_a_killed_worker(
    container: Container, worker: OddWorker, celery: Celery, receiver: Receiver
) -> None:
    settings = container.settings.model_copy(update={"webhook_private_addresses": True})
    services = Container(settings)
    shown = services.webhooks.create(receiver.url, ["score.counted"], by="cli:tests", request_id="r")
    services.close()
    redeem(container, add_player(container, "Anna"), 5)
    assert "webhooks.note_scores" in SCORE_EVENT_TASKS

    def publish(changes: list) -> None:  # type: ignore[type-arg]
        for change in changes:
            facts = {"season_id": change.season_id, "players": [str(player) for player in change.players]}
            board = {**facts, "events": change.events, "request_ids": ["r"], "committed_at": change.committed_at}
            for _ in range(2):
                celery.send_task("webhooks.note_scores", kwargs={"boards": [board], "request_ids": ["r"]})

    container.outbox.drain(publish)
    receiver.answers.append(receiver.hang)
    worker.environment["WEBHOOK_PRIVATE_ADDRESSES"] = "on"
    worker.start()
    deliveries = container.webhook_deliveries
    eventually(lambda: len(deliveries.page(shown.webhook.id, limit=9)) == 1, within=30)
    celery.send_task("webhooks.send")
    eventually(lambda: len(receiver.calls) == 1, within=30)
    worker.kill()
    # The lease of the killed sender ends after a minute; then beat's next tick sends.
    container.database.rows("UPDATE webhook_deliveries SET leased_until = now() RETURNING id")
    worker.start()
    celery.send_task("webhooks.send")
    eventually(lambda: len(receiver.calls) == 2, within=30)
    eventually(lambda: [row.state for row in deliveries.page(shown.webhook.id, limit=9)] == ["delivered"], within=30)
    assert len({call.event(shown.secret)["data"]["action_id"] for call in receiver.calls}) == 1
