"""What is right and wrong with the broker, its queues, the workers and beat."""

from __future__ import annotations

from app.services.operations.checks import Check, Facts
from app.stores.operations.beat_lock import BeatState

_LATE_SECONDS = 60  # beat's most frequent tick is due every ten


def broker(place: str, found: Facts, *, production: bool) -> list[Check]:
    """The broker, the workers and the dead letters, by what workers.probe found."""
    if "error" in found:
        advice = "Start it, or set BROKER_URL. Redemptions wait in the outbox meanwhile."
        return [
            Check("broker", "wrong", f"at {place} fails: {found['error']}", advice),
            Check("workers", "unknown", "needs the broker"),
        ]
    waiting = sum(queue["waiting"] for queue in found["queues"].values())
    says = f"{found['product']} {found['version']} at {place}" + (f", {waiting} messages wait" if waiting else "")
    if found["product"] == "Redis" and production:
        return [Check("broker", "note", says, "Use RabbitMQ in production."), workers(found)]
    return [Check("broker", "ok", says), workers(found), *_dead_letters(found["dead"])]


def workers(found: Facts) -> Check:
    """The Celery workers: alive, and somebody takes from each queue."""
    alive, counts = found["workers"], {name: queue["consumers"] for name, queue in found["queues"].items()}
    advice = (
        "Start one: 'celery -A workers.app worker'. If one runs, it hangs: start it again. Boards in Redis and on the "
        "screens stand still without it."
    )
    if not alive and not any(counts.values()):
        return Check("workers", "wrong", "none answers", advice)
    alone = [name for name, count in counts.items() if count == 0]
    if alone:
        says = f"{len(alive)} alive, but nobody takes from {' and '.join(alone)}"
        return Check("workers", "wrong", says, f"Start one: 'celery -A workers.app worker -Q {alone[0]}'.")
    if not alive:
        says = "every queue is taken from, but nobody answered a ping"
        return Check("workers", "note", says, "If it stays so, they hang: see their logs, and start them again.")
    return Check("workers", "ok", f"{len(alive)} alive: {', '.join(alive)}")


def _dead_letters(dead: int | None) -> list[Check]:
    if dead is None:
        return []
    if dead == 0:
        return [Check("dead letters", "ok", "none")]
    advice = "See what and why: 'flask --app wsgi queues peek'; then replay or purge them."
    return [Check("dead letters", "wrong", f"{dead} tasks were given up", advice)]


def late_relay(says: str, *, broker_answers: bool) -> Check:
    """A relay that listens, and leaves changes in the outbox."""
    if broker_answers:
        advice = "The broker answers, so the relay hangs or fails: see its log, and start it again."
    else:
        advice = "It waits for the broker: fix that first."
    return Check("relay", "wrong", says, advice)


def beat(state: BeatState, done_ago: int | None, *, broker_answers: bool = True) -> Check:
    """Beat, by its lock and its times; `done_ago` is how long ago a worker did the task that it sends most often."""
    if not state.held:
        advice = "Start it: 'celery -A workers.app beat'. Nothing is repaired, rolled up or pruned without it."
        return Check("beat", "wrong", "nobody has the turn to send", advice)
    if state.ago is None or state.ago > _LATE_SECONDS:
        says = "has the turn and has sent nothing" + ("" if state.ago is None else f" for {state.ago:.0f} s")
        advice = (
            "The broker answers, so beat hangs or fails: see its log, and start it again."
            if broker_answers
            else "It waits for the broker: fix that first."
        )
        return Check("beat", "wrong", says, advice)
    if done_ago is None or done_ago > _LATE_SECONDS:
        says = f"sent its last tick {state.ago:.0f} s ago, and no worker did what it sends"
        return Check("beat", "wrong", says, "See the log of the leaderboard's worker; restart it if it takes nothing.")
    return Check("beat", "ok", f"sent its last tick {state.ago:.0f} s ago")
