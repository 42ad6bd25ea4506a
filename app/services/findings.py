"""What is right and wrong with one part, by what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from app.stores.probes import PostgresState, RedisState

_OLDEST_REDIS = (6, 2)  # ZMSCORE

State = Literal["ok", "note", "wrong", "unknown"]
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One part. `note` works but is worth knowing; `unknown` couldn't be looked at because another part is down."""

    part: str
    state: State
    says: str
    advice: str = ""

    def as_row(self) -> Facts:
        """As JSON has it."""
        return {"part": self.part, "state": self.state, "says": self.says, "advice": self.advice or None}


def replica(part: str, place: str, state: PostgresState) -> Finding:
    """A read replica."""
    says = f"{state.version} at {place}"
    if not state.standby:
        return Finding(part, "wrong", f"{says} is no standby", "It would answer with its own data: name a replica.")
    return Finding(part, "ok", f"{says}, {state.replay_lag_bytes} bytes behind what it has received")


def redis_node(state: RedisState, place: str) -> Finding:
    """One node of Redis."""
    says = f"{state.version} at {place}, {state.policy}, append-only {'on' if state.append_only else 'off'}"
    wrongs = (
        (_numbers(state.version) < _OLDEST_REDIS, "Fairboard needs Redis 6.2 or newer."),
        (state.role != "master", "This is a replica, which takes no writes: name the master in REDIS_URL."),
        (state.policy.startswith("allkeys"), "Set maxmemory-policy to noeviction: it throws away boards and tokens."),
        (bool(state.write_errors), f"Its disk fails ({', '.join(state.write_errors)}): see its log."),
        ((state.memory_used or 0) > 0.9, "Its memory is over 90% full: raise maxmemory."),
    )
    for wrong, advice in wrongs:
        if wrong:
            return Finding("redis", "wrong", says, advice)
    if not state.append_only:
        advice = "A restart may lose open actions (boards come back): set appendonly yes to keep them."
        return Finding("redis", "note", says, advice)
    return Finding("redis", "ok", says)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def workers(found: Facts) -> Finding:
    """The Celery workers, by what workers.probe found."""
    alive = found["workers"]
    consuming = len(alive) if found["consumers"] is None else found["consumers"]
    if alive and consuming:
        return Finding("workers", "ok", f"{len(alive)} alive: {', '.join(alive)}")
    advice = "Start one: 'celery -A workers.app worker'. Boards in Redis and on the screens stand still without it."
    if alive:
        return Finding("workers", "wrong", f"{len(alive)} alive, but nobody takes from the queue", "Restart them.")
    if found["consumers"]:
        return Finding("workers", "note", f"{consuming} take from the queue, none answered a ping")
    return Finding("workers", "wrong", "none answers", advice)
