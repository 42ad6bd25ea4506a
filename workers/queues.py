"""The queues of the broker: one for each kind of task, and one for the dead letters of all."""

from __future__ import annotations

from typing import Any

import amqp
from kombu import Exchange, Queue

# Deliveries before a task that kills its worker each time is given up: one more than this.
DELIVERY_LIMIT = 5

WORK = Exchange("fairboard", type="topic", durable=True)
DEAD_EXCHANGE = Exchange("fairboard.dead", type="fanout", durable=True)
# Nobody consumes it: what is in it waits for a person (`flask queues`). No delivery limit: looking is a delivery too.
DEAD = Queue("dead", DEAD_EXCHANGE, durable=True, queue_arguments={"x-queue-type": "quorum"})


class WorkQueue(Queue):  # type: ignore[misc]
    """A queue that whoever declares it declares together with the place where its dead letters go.

    So that place is there before the first task can die, whichever process starts first. Redis as the broker has no
    dead letters: there it is a queue like any other.
    """

    def declare(self, nowait: bool = False, channel: Any = None) -> str:
        """Declare all of it on the broker; its name."""
        if isinstance(channel or self.channel, amqp.Channel):
            DEAD(channel or self.channel).declare()
        return str(super().declare(nowait, channel))


def _of_kind(kind: str) -> WorkQueue:
    return WorkQueue(
        kind,
        WORK,
        routing_key=f"{kind}.#",
        durable=True,
        queue_arguments={
            # It survives its node being killed, and counts deliveries.
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE.name,
            # A dead letter leaves its queue once the other has it, not before; that asks for reject-publish.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


# A kind has workers of its own: a flood of one keeps no other waiting.
KINDS = ("leaderboard", "analytics", "anticheat")
QUEUES = [_of_kind(kind) for kind in KINDS]

# The first part of a task's name -> its queue.
_KIND_OF = {**{kind: kind for kind in KINDS}, "maintenance": "leaderboard"}
ROUTES = {f"{first}.*": {"queue": kind, "routing_key": f"{kind}.{first}"} for first, kind in _KIND_OF.items()}


def kind_of(task: str) -> str | None:
    """The queue of the task with this name; None for a name that is none of ours."""
    return _KIND_OF.get(task.partition(".")[0])


def declare(connection: Any) -> None:
    """Declare everything, for those who look at the queues before anybody else has been there."""
    with connection.channel() as channel:
        for queue in QUEUES:
            queue(channel).declare()
