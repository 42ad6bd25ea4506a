"""Checks of the broker, its queues, the workers and beat."""

from __future__ import annotations

from app.domain.quantities import quantity
from app.services.operations.broker_questions import Facts
from app.services.operations.checks import Check
from app.stores.operations.beat_lock import BeatState

_LATE_SECONDS = 60  # beat's most frequent task is due every ten seconds


def broker(place: str, answer: Facts, *, production: bool) -> list[Check]:
    """Check the broker, the workers and the dead letters, by the answer of `BrokerQuestions.probe`."""
    if "error" in answer:
        advice = "Start it, or set BROKER_URL. Redemptions wait in the outbox meanwhile."
        return [
            Check("broker", "wrong", f"at {place} fails: {answer['error']}", advice),
            Check("workers", "unknown", "needs the broker"),
        ]
    waiting_count = sum(queue["waiting"] for queue in answer["queues"].values())
    says = f"{answer['product']} {answer['version']} at {place}" + (
        f", {quantity(waiting_count, 'message')} waiting" if waiting_count else ""
    )
    if answer["product"] == "Redis" and production:
        return [Check("broker", "note", says, "Use RabbitMQ in production."), workers(answer)]
    return [Check("broker", "ok", says), workers(answer), *_dead_letters(answer["dead"])]


def workers(answer: Facts) -> Check:
    """Check that the Celery workers are alive, and that each queue has a consumer."""
    worker_names, counts = answer["workers"], {name: queue["consumers"] for name, queue in answer["queues"].items()}
    advice = (
        "Start one: 'celery -A workers.app worker'. If one runs, it hangs: restart it. Boards in Redis and on "
        "screens do not change without it."
    )
    if not worker_names and not any(counts.values()):
        return Check("workers", "wrong", "no worker answers", advice)
    unconsumed_queues = [name for name, count in counts.items() if count == 0]
    if unconsumed_queues:
        says = f"{len(worker_names)} alive, but no consumer for {' and '.join(unconsumed_queues)}"
        return Check("workers", "wrong", says, f"Start one: 'celery -A workers.app worker -Q {unconsumed_queues[0]}'.")
    if not worker_names:
        says = "every queue has a consumer, but no worker answered a ping"
        return Check("workers", "note", says, "If this persists, the workers hang: see their logs, and restart them.")
    return Check("workers", "ok", f"{len(worker_names)} alive: {', '.join(worker_names)}")


def _dead_letters(count: int | None) -> list[Check]:
    if count is None:
        return []
    if count == 0:
        return [Check("dead letters", "ok", "none")]
    advice = "List them with 'flask --app wsgi queues peek'; then replay or purge them."
    return [Check("dead letters", "wrong", f"{quantity(count, 'task')} given up", advice)]


def still_relay(says: str) -> Check:
    """Report relays of which none looks for changes, which each of them does once a second."""
    return Check("relay", "wrong", f"{says}, but none looks for changes", "It hangs or is stopped: restart it.")


def late_relay(says: str, *, broker_answers: bool) -> Check:
    """Report a relay that listens, but leaves changes in the outbox."""
    if broker_answers:
        advice = "The broker answers, so the relay hangs or fails: see its log, and restart it."
    else:
        advice = "It waits for the broker: fix that first."
    return Check("relay", "wrong", says, advice)


def beat(state: BeatState, task_age: int | None, *, broker_answers: bool = True) -> Check:
    """Check beat by its lock and its times; `task_age` is the seconds since a worker did beat's most frequent task."""
    if not state.is_held:
        advice = "Start it: 'celery -A workers.app beat'. Nothing is repaired, rolled up or pruned without it."
        return Check("beat", "wrong", "no beat process holds the lock", advice)
    if state.last_sent_ago is None or state.last_sent_ago > _LATE_SECONDS:
        says = "holds the lock and has sent nothing" + (
            "" if state.last_sent_ago is None else f" for {state.last_sent_ago:.0f} s"
        )
        advice = (
            "The broker answers, so beat hangs or fails: see its log, and restart it."
            if broker_answers
            else "It waits for the broker: fix that first."
        )
        return Check("beat", "wrong", says, advice)
    if task_age is None or task_age > state.last_sent_ago + _LATE_SECONDS:
        says = f"sent its last tick {state.last_sent_ago:.0f} s ago, and no worker has run its tasks"
        return Check("beat", "wrong", says, "See the log of the leaderboard worker; restart it if it takes no tasks.")
    return Check("beat", "ok", f"sent its last tick {state.last_sent_ago:.0f} s ago")
