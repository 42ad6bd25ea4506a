"""Actions in Redis: issued, claimed and consumed, with the past of each player that anti-cheat judges by.

All keys of a player carry the hash tag {player id}, so that one script may access them on a cluster.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, isfinite
from typing import TypeAlias
from uuid import UUID

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from app.domain.action_token import Promise
from app.stores.redis.client import Call, Client, Scripts
from app.stores.redis.connection import RedisValue
from app.stores.unavailability import WrongType

_AFTER_EXPIRY = 3600  # seconds that an expired action can still be looked up
_REMEMBERED_SECONDS = 86_400
_ENTRY = re.compile(r"[^|]+\|(?P<type>[^|]+)\|(?P<issued>[0-9]+)")
_TIME = re.compile(r"[0-9]{1,14}")
_MARK = "*"  # a member of every history: lost only with it; newer than all entries, so that trimming keeps it


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that was taken. `history` is newest first; `suspicion` is None if Redis has lost the player's past."""

    limits: ActionTypeLimits
    history: Sequence[Completion]
    suspicion: Suspicion | None


@dataclass(frozen=True, slots=True)
class Consumed:
    """The action is consumed; `replays` counts how often its token was presented since."""

    replays: int


class Unclaimed(Enum):
    """The other reasons for which no claim was taken, as claim.lua names them."""

    REUSED = "reused"
    """The Idempotency-Key belongs to another action or token."""
    MISSING = "missing"
    """Redis does not know the action, or it has expired or is invalid."""
    FORGED = "forged"
    """The token does not promise what was issued."""
    IN_FLIGHT = "in_flight"
    """Another redemption holds the claim."""


Claim: TypeAlias = Claimed | Consumed | Unclaimed


def _action_key(player_id: str, action_id: str) -> str:
    return f"action:{{{player_id}}}:{action_id}"


def _active_key(player_id: str) -> str:
    return f"active:{{{player_id}}}"


def _history_key(player_id: str) -> str:
    return f"history:{{{player_id}}}"


def _suspicion_key(player_id: str) -> str:
    return f"suspicion:{{{player_id}}}"


def _idempotency_key(player_id: str, key: str) -> str:
    return f"idempotency:{{{player_id}}}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


def _write_limits(limits: ActionTypeLimits) -> str:
    return "|".join(
        "" if part is None else repr(part) for part in (limits.min_seconds, limits.burst, limits.per_minute)
    )


def _read_limits(text: str) -> ActionTypeLimits:
    """Return the limits. Raises ValueError for a text of another program."""
    seconds, burst, per_minute = text.split("|")
    return ActionTypeLimits(float(seconds), int(burst) if burst else None, int(per_minute) if per_minute else None)


def _is_action(fields: Mapping[str, str]) -> bool:
    """Return whether these are the fields of an action, rather than none, or those of another program."""
    return (
        {"state", "type"} <= fields.keys()
        and fields.get("points", "").isdecimal()
        and all(_TIME.fullmatch(fields.get(name, "")) for name in ("issued", "expires"))
    )


def _read_entry(entry: str, at: str | float) -> Completion | None:
    """Return a completion; None for a member of another program."""
    match = _ENTRY.fullmatch(entry)
    return Completion(match["type"], int(match["issued"]) / 1000, float(at) / 1000) if match else None


def _read_suspicion(text: str) -> Suspicion | None:
    """Return the suspicion; None for none, or a text of another program."""
    try:
        value, at = map(float, text.split("|"))
    except ValueError:
        return None
    return Suspicion(value, at) if isfinite(value) and isfinite(at) else None


class ActionClaimStore:
    """The actions of players, their claims and pasts. Times are whole milliseconds since 1970."""

    def __init__(self, client: Client, scripts: Scripts, *, lease_ms: int, consumed_seconds: int) -> None:
        self._client, self._scripts = client, scripts
        self._lease_ms, self._consumed_seconds = lease_ms, consumed_seconds

    def issue(self, promise: Promise, digest: str, limits: ActionTypeLimits, *, most: int) -> str:
        """Store a new action with the digest of its token.

        Return issued, unknown (issued, but Redis has lost the player's past) or too_many.
        """
        fields: dict[str, RedisValue] = {
            "state": "active",
            "type": promise.action_type,
            "points": promise.points,
            "issued": promise.issued_ms,
            "expires": promise.expires_ms,
            "limits": _write_limits(limits),
            "promise": digest,
        }
        ttl = (promise.expires_ms - promise.issued_ms) // 1000 + 1 + _AFTER_EXPIRY
        arguments: list[RedisValue] = [promise.action_id, promise.issued_ms, promise.expires_ms, most, ttl]
        player = promise.player_id
        keys = [_action_key(player, promise.action_id), _active_key(player), _suspicion_key(player)]
        return str(self._scripts.run("issue", keys, arguments + [part for pair in fields.items() for part in pair]))

    def claim(self, player: str, action: str, digest: str, *, now_ms: int, key: str | None, fingerprint: str) -> Claim:
        """Claim the action for one redemption, and return the claim with the player's recent past, in one round trip.

        `digest` is that of the token, which must be the one that was issued; empty for a token without a promise.
        """
        keys = [
            _action_key(player, action),
            _idempotency_key(player, key or ""),
            _history_key(player),
            _suspicion_key(player),
        ]
        arguments: list[RedisValue] = [
            now_ms,
            self._lease_ms,
            digest,
            fingerprint if key else "",
            f"{action}|",
            HISTORY_LENGTH,
        ]
        word, *rest = self._scripts.run("claim", keys, arguments)
        if word == "consumed":
            return Consumed(int(rest[0]))
        if word != "claimed":
            return Unclaimed(word)
        limits, suspicion, *past = rest
        entries = [_read_entry(past[i], past[i + 1]) for i in range(0, len(past), 2)]
        known_suspicion = _read_suspicion(suspicion)
        if suspicion and known_suspicion is None:
            self._client.delete(_suspicion_key(player))  # `remember` only fills a gap
        try:
            return Claimed(_read_limits(limits), [entry for entry in entries if entry], known_suspicion)
        except ValueError:
            return Unclaimed.MISSING

    def withdraw(self, promise: Promise) -> None:
        """Delete an action whose token was sent to no client."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.delete(_action_key(promise.player_id, promise.action_id))
        pipeline.zrem(_active_key(promise.player_id), promise.action_id)
        pipeline.execute()

    def release(self, promise: Promise) -> None:
        """Release a claim, and remove it from the history: nothing was scored, so later actions aren't judged by it."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hdel(_action_key(promise.player_id, promise.action_id), "claimed")
        entry = f"{promise.action_id}|{promise.action_type}|{promise.issued_ms}"  # the format of claim.lua
        pipeline.zrem(_history_key(promise.player_id), entry)
        pipeline.execute()

    def settle_call(self, player_id: str, action_id: str, state: str) -> Call:
        """Return the script call that ends an action as `consumed` or `invalid`."""
        keys = [_action_key(player_id, action_id), _active_key(player_id)]
        return "settle", keys, [action_id, state, self._consumed_seconds]

    def state(self, player_id: str, action_id: str, now_ms: int) -> dict[str, str] | None:
        """Return the action's fields with `state`, and the times in ms; None for an action that Redis doesn't know."""
        try:
            fields: dict[str, str] = self._client.hgetall(_action_key(player_id, action_id))
        except WrongType:
            return None
        if not _is_action(fields):
            return None
        if fields["state"] == "active" and int(fields["expires"]) <= now_ms:
            fields["state"] = "expired"
        return fields

    def remember(self, player_id: str, past: Sequence[tuple[str, Completion]], suspicion: Suspicion) -> None:
        """Store the ledger's records of a player whose past Redis had lost; `past` is (action id, completion)."""
        self._scripts.drop_foreign([_history_key(player_id), _suspicion_key(player_id)], ["zset", "string"])
        pipeline = self._client.pipeline(transaction=False)
        entries: dict[str, float] = {
            f"{action}|{completion.action_type}|{round(completion.issued_at * 1000)}": round(
                completion.completed_at * 1000
            )
            for action, completion in past
        }
        pipeline.zadd(_history_key(player_id), {**entries, _MARK: inf}, nx=True)
        pipeline.expire(_history_key(player_id), _REMEMBERED_SECONDS)
        pipeline.set(_suspicion_key(player_id), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS, nx=True)
        pipeline.execute()

    def forget_suspicion(self, players: Sequence[UUID]) -> None:
        """Delete the suspicion of these players, which may be wrong: their next action reads it from the database."""
        pipeline = self._client.pipeline(transaction=False)
        for player in players:
            pipeline.delete(_suspicion_key(str(player)))
        pipeline.execute()

    def put_suspicion(self, player_id: UUID | str, suspicion: Suspicion) -> None:
        """Store the player's suspicion as the database has it."""
        self._client.set(_suspicion_key(str(player_id)), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS)
