"""Checks of single parts, by the state that each part reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.domain.action_types import lacks_minimum
from app.domain.boards import ActionType
from app.domain.calibration import Rhythm
from app.domain.quantities import quantity
from app.domain.times import rfc3339
from app.domain.webhooks import Webhook, origin_of
from app.services.accounts.provider_keys import BROKEN as UNREADABLE
from app.services.accounts.provider_keys import ProviderKeys
from app.services.accounts.sign_ins import RecentSignIns
from app.services.moderation.audit_anchors import AuditCheck
from app.stores.boards.replays import Replay
from app.stores.operations.ledger_months import Partition
from app.stores.operations.probes import ClusterState, RedisState
from app.stores.operations.webhook_deliveries import DeliveryBacklog
from app.stores.postgres.replica import FOREIGN_REPLICA, NO_STANDBY, OTHER_TIMELINE
from app.stores.postgres.replicas import ReplicaStatus

MOST_COUNTED = 10_000
"""Of the events that lie in no month, at most so many are counted."""

_MONTH = timedelta(days=31)
_OLDEST_REDIS = (6, 2)  # ZMSCORE
_SLOTS = 16_384
_SKEW_SECONDS = 1.0
_LATE_SECONDS = 900  # the work is due once a minute
_LATE_SENDING_SECONDS = 60.0

CheckState = Literal["ok", "note", "wrong", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result for a part. `note`: it works, with advice; `unknown`: not checked, since another part is down."""

    part: str
    state: CheckState
    message: str
    advice: str = ""

    def as_row(self) -> dict[str, str | None]:
        """Return the check as JSON has it."""
        return {"part": self.part, "state": self.state, "says": self.message, "advice": self.advice or None}


def ledger(partitions: Sequence[Partition], rest: int, now: datetime) -> Check:
    """Check that events have a partition for their month, now and next month; `rest` of them have none."""
    doubtful = [partition.name for partition in partitions if not partition.is_unique]
    if doubtful:
        says = f"{', '.join(doubtful)} {'lacks' if len(doubtful) == 1 else 'lack'} its unique indexes"
        advice = "An action may score twice there: create the unique indexes of action_id and voids_id again."
        return Check("ledger", "wrong", says, advice)
    end = max((partition.ends_at for partition in partitions if partition.ends_at), default=now)
    if end < now + _MONTH:
        advice = "See why 'maintenance.prune' adds none: it needs a worker, beat, and a role that owns the tables."
        return Check("ledger", "wrong", f"has months to {_last_month(end)} only", advice)
    if rest:
        amount = quantity(rest, "event") if rest < MOST_COUNTED else f"{MOST_COUNTED:,} events or more"
        advice = "They count as all others do, but no month has them. Check that the clock of Redis is right."
        return Check("ledger", "note", f"months to {_last_month(end)}; {amount} in score_events_rest", advice)
    return Check("ledger", "ok", f"months to {_last_month(end)}, {quantity(len(partitions), 'partition')}")


def _last_month(end: datetime) -> str:
    return f"{end - timedelta(days=1):%Y-%m}"


def postgres_obstacle(message: str, obstacle: str) -> Check:
    """Report a primary that answers, but can't be played on."""
    advice = "See its log."
    if "read-only" in obstacle:
        advice = "Name the primary in DATABASE_URL, or set default_transaction_read_only = off for it."
    elif "encoding" in obstacle:
        advice = "Create the database with ENCODING 'UTF8', and restore into that."
    elif "lacks" in obstacle:
        advice = "Run 'flask --app wsgi db upgrade'; name another schema in DATABASE_URL's options."
    elif "denies" in obstacle:
        advice = "Grant the role of DATABASE_URL its rights on all tables."
    return Check("postgresql", "wrong", f"{message} {obstacle}", advice)


def identity_provider(keys: ProviderKeys) -> Check:
    """Report whether this machine can read the identity provider's keys now."""
    try:
        usable_keys = keys.examine().values()
    except UNREADABLE as error:
        advice = "Nobody with a token of a new key gets in. Fix IDENTITY_JWKS, or the provider."
        return Check("identity provider", "wrong", f"the keys at {keys.source_name} can't be read: {error}", advice)
    algorithms = ", ".join(sorted({key.algorithm for key in usable_keys}))
    return Check("identity provider", "ok", f"{quantity(len(usable_keys), 'key')} ({algorithms}) at {keys.source_name}")


def unfinished_replay(replay: Replay) -> Check:
    """Report a replay of the ledger that has not come to its end: the workers work on it."""
    says = f"{replay.state} since {rfc3339(replay.made_at)}, {quantity(replay.standings, 'standing')} filled"
    advice = "Boards can't be changed meanwhile. The workers go on with it; 'flask boards replay --cancel' drops it."
    return Check("replay", "note", says, advice)


_REPLICA_ADVICE = {
    NO_STANDBY: "It would answer with its own data: name a replica of the primary.",
    FOREIGN_REPLICA: "Name a replica of the primary in DATABASE_URL.",
    OTHER_TIMELINE: "Rebuild it from the primary.",
}


def replica(part: str, status: ReplicaStatus, most_seconds: float) -> Check:
    """Check a read replica; `most_seconds` is the largest age for analytics."""
    if not status.up:
        advice = _REPLICA_ADVICE.get(status.fault or "", "Start it, or take it out of DATABASE_REPLICA_URLS.")
        return Check(part, "wrong", f"at {status.name}: {status.fault}", advice)
    if status.lag_bytes is None:
        return Check(part, "unknown", f"at {status.name}: only the primary can tell how far behind it is")
    if status.lag_bytes == 0:
        return Check(part, "ok", f"at {status.name}, has caught up with the primary")
    seconds = "an unknown time" if status.lag_seconds is None else f"{status.lag_seconds:.1f} s"
    says = f"at {status.name}, {quantity(status.lag_bytes, 'byte')} and {seconds} behind"
    if status.lag_seconds is not None and status.lag_seconds <= most_seconds:
        return Check(part, "ok", says)
    return Check(part, "wrong", says, "Reads go to the primary meanwhile: see the replica's log and its network.")


def redis_cluster(state: ClusterState) -> Check:
    """Check the Redis Cluster as a whole; its masters have checks of their own."""
    says = f"{quantity(len(state.replicas), 'master')} for {state.slots} of {_SLOTS} slots"
    if state.failing:
        says += f", gone: {', '.join(state.failing)}"
    unreplicated_masters = [name for name, replicas in state.replicas.items() if not replicas]
    if not state.well or state.slots < _SLOTS:
        advice = "Players in slots that no node serves get 503: start the nodes that are gone."
        return Check("redis cluster", "wrong", says, advice)
    if state.failing:
        return Check("redis cluster", "wrong", says, "Start them: the next loss may not be covered.")
    if unreplicated_masters:
        says += f", without a replica: {', '.join(unreplicated_masters)}"
        return Check("redis cluster", "note", says, "Give each master a replica, or its data can be lost.")
    return Check("redis cluster", "ok", f"{says}, each with a replica")


def audit_log(check: AuditCheck, path: str | None) -> Check:
    """Check the end of the audit log against the heads that are remembered in the file at `path`, if there is one."""
    if check.flaw:
        advice = (
            "It was rewritten, or the database is an older one: see 'flask audit verify'. After a restore or failover: "
            "flask audit accept --reason …"
        )
        return Check("audit log", "wrong", check.flaw.says, advice)
    says = quantity(check.head.id, "row")
    if path is None:
        advice = (
            "Set AUDIT_ANCHORS to a file that the database's owner can't reach: it shows whether rows were cut off."
        )
        return Check("audit log", "note", f"{says}; their head is recorded only in logs and metrics", advice)
    if check.first:
        advice = "If the file is not new, find its old content: it showed whether rows were cut off."
        return Check("audit log", "note", f"{says}, but {path} had no head of them", advice)
    return Check("audit log", "ok", f"{says}, and {path} has the same head")


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A clock that is `skew` seconds ahead of this machine's, give or take `doubt`: half the time of the answer."""

    skew: float
    doubt: float


def clocks(readings: Mapping[str, ClockReading]) -> Check:
    """Check the clocks of the servers, by name."""
    says = ", ".join(f"{name} {reading.skew:+.3f} s" for name, reading in readings.items()) + " from this machine"
    if any(abs(reading.skew) - reading.doubt > _SKEW_SECONDS for reading in readings.values()):
        advice = "Let NTP set the clocks of all machines: the times of play are judged by them."
        return Check("clocks", "wrong", says, advice)
    if any(reading.doubt > _SKEW_SECONDS for reading in readings.values()):
        return Check("clocks", "note", f"{says}, by slow answers", "Run this again when the servers have less to do.")
    return Check("clocks", "ok", says)


def background(part: str, age: float | None) -> Check:
    """Check work that this kind of worker does once a minute; `age` is the seconds since it was done, or None."""
    if age is not None and age <= _LATE_SECONDS:
        return Check(f"{part} work", "ok", f"up to {age:.0f} s ago")
    says = "not done yet, by the database's clock" if age is None else f"{quantity(round(age / 60), 'minute')} late"
    advice = f"Check that the queue '{part}' has a worker and that beat runs; then see the worker's log."
    return Check(f"{part} work", "wrong", says, advice)


def clients(sign_ins: RecentSignIns) -> Check:
    """Check whether limits that count by address can tell clients apart."""
    verb = "has" if sign_ins.players == 1 else "have"
    addresses = quantity(sign_ins.addresses, "address", "addresses")
    says = f"{quantity(sign_ins.players, 'player')} {verb} signed in from other machines lately, from {addresses}"
    if not sign_ins.seem_to_be_one:
        return Check("clients", "ok", says)
    says = f"{says}, the last {sign_ins.last_address}: they seem to be one machine"
    advice = (
        "If that is a proxy of yours, all its clients share one limit: name it in nginx's site/trusted-proxies.conf, "
        "or without nginx count it in TRUSTED_PROXIES."
    )
    return Check("clients", "note", says, advice)


def action_types(types: Iterable[ActionType]) -> Iterator[Check]:
    """Check the action types on which anti-cheat can't measure haste."""
    slugs = [action_type.slug for action_type in types if lacks_minimum(asdict(action_type))]
    if slugs:
        says = f"{', '.join(slugs)}: an expected median, and no minimum, so no completion is ever too fast"
        advice = "Set the time that no honest client can beat: flask actions change SLUG --min-seconds N."
        yield Check("action types", "note", says, advice)


def rhythms(types: Iterable[ActionType], rhythm_of: Mapping[str, Rhythm]) -> Iterator[Check]:
    """Check for action types on which the rhythm rule would blame players for their clients."""
    slugs = [
        action_type.slug
        for action_type in types
        if action_type.cadence == "player"
        and action_type.slug in rhythm_of
        and rhythm_of[action_type.slug].is_of_clients
    ]
    if slugs:
        says = (
            f"{', '.join(slugs)}: most players of the last hour are as even as clockwork, so their clients set the pace"
        )
        advice = "If that is so: flask actions change SLUG --cadence client. See flask anticheat calibrate SLUG."
        yield Check("action types", "note", says, advice)


def redis_node(state: RedisState, place: str) -> Check:
    """Check one node of Redis."""
    says = f"{state.version} at {place}, {state.policy}, append-only {'on' if state.append_only else 'off'}"
    faults = (
        (_version_numbers(state.version) < _OLDEST_REDIS, "Fairboard needs Redis 6.2 or newer."),
        (state.role != "master", "This is a replica, which takes no writes: name the master in REDIS_URL."),
        (
            state.policy.startswith("allkeys"),
            "Set maxmemory-policy to noeviction, so that no board or token is lost.",
        ),
        (bool(state.write_errors), f"Its disk fails ({', '.join(state.write_errors)}): see its log."),
        ((state.memory_used or 0) > 0.9, "Its memory is over 90% full: raise maxmemory."),
    )
    for is_wrong, advice in faults:
        if is_wrong:
            return Check("redis", "wrong", says, advice)
    if not state.append_only:
        advice = "A restart may lose open actions (boards come back): set appendonly yes to keep them."
        return Check("redis", "note", says, advice)
    return Check("redis", "ok", says)


def webhooks_found(webhooks: Sequence[Webhook], backlog: DeliveryBacklog) -> Check:
    """Check the webhooks that get events: whether their receivers take them, and whether a worker sends them."""
    says = f"{quantity(len(webhooks), 'webhook')}, {backlog.waiting} waiting"
    if backlog.oldest_seconds > _LATE_SENDING_SECONDS and not any(webhook.failing_since for webhook in webhooks):
        says += f", the oldest due {backlog.oldest_seconds:.0f} s ago"
        return Check("webhooks", "wrong", says, "Start a worker of the queue webhooks, and beat.")
    for webhook in webhooks:
        if webhook.failing_since:
            says += f"; {origin_of(webhook.url)} fails since {rfc3339(webhook.failing_since)}"
            return Check("webhooks", "note", says, f"See: flask webhooks deliveries {webhook.id}.")
    return Check("webhooks", "ok", says)


def _version_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
