"""The queues of the broker: one for each kind of task, and one for the dead letters of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import amqp
from kombu import Connection, Exchange, Queue

if TYPE_CHECKING:
    from kombu.transport.virtual import Channel

# A task that kills its worker each time is given up after one delivery more than this.
DELIVERY_LIMIT = 5

WORK = Exchange("fairboard", type="topic", durable=True)
DEAD_EXCHANGE = Exchange("fairboard.dead", type="fanout", durable=True)
# It has no consumer: its letters wait for a person (`flask queues`). No delivery limit: each look is a delivery too.
DEAD = Queue("dead", DEAD_EXCHANGE, durable=True, queue_arguments={"x-queue-type": "quorum"})


class WorkQueue(Queue):  # type: ignore[misc]
    """A queue that is always declared together with the queue for its dead letters.

    So the dead-letter queue exists before the first task can die, regardless of the order in which processes start.
    Redis as the broker has no dead letters: there it is a queue like any other.
    """

    def declare(self, nowait: bool = False, channel: amqp.Channel | Channel | None = None) -> str:
        """Declare the queue and its dead-letter queue on the broker; return its name."""
        if isinstance(channel or self.channel, amqp.Channel):
            DEAD(channel or self.channel).declare()
        return str(super().declare(nowait, channel))


def _work_queue(kind: str) -> WorkQueue:
    return WorkQueue(
        kind,
        WORK,
        routing_key=f"{kind}.#",
        durable=True,
        queue_arguments={
            # The queue survives a killed node, and counts deliveries.
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE.name,
            # A letter leaves its queue once the dead-letter queue has it, not before; this requires reject-publish.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


# Each kind has workers of its own: a flood of one kind delays no other.
KINDS = ("leaderboard", "analytics", "anticheat", "webhooks")
QUEUES = [_work_queue(kind) for kind in KINDS]

# The tasks that get each batch of score events from the relay, with the arguments of `workers.tasks.refresh`. The rows
# of the outbox stay until the broker has confirmed the batch for all of them, so each may get a batch twice.
SCORE_EVENT_TASKS = ("leaderboard.refresh", "webhooks.note_scores")
# The tasks that get the end of each season (season.ended), with the season's id.
SEASON_TASKS = ("leaderboard.end_season", "webhooks.note_season")

# The queue by the first part of a task's name. A replay of the ledger takes long, and delays no refresh and no watch.
_KIND_OF = {**{kind: kind for kind in KINDS}, "maintenance": "leaderboard", "boards": "analytics"}
ROUTES = {f"{prefix}.*": {"queue": kind, "routing_key": f"{kind}.{prefix}"} for prefix, kind in _KIND_OF.items()}


def queue_of(task: str) -> str | None:
    """Return the queue of the task with this name; `None` for a name that is none of ours."""
    return _KIND_OF.get(task.partition(".")[0])


def declare(connection: Connection) -> None:
    """Declare all queues, for a process that looks at them before any other has declared them."""
    with connection.channel() as channel:
        for queue in QUEUES:
            queue(channel).declare()
