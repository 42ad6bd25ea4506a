"""Action tokens in Redis: issued, claimed, consumed; with them what anti-cheat remembers of a player.

All keys of a player carry the hash tag {player id}, so that one script may touch them on a cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any
from uuid import UUID

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from app.domain.action_token import Promise
from app.stores.redis.client import Call, Client, Scripts

_AFTER_EXPIRY = 3600  # how long an expired action can still be asked for
_REMEMBERED_SECONDS = 86_400
_MARK = "*"  # in a history: it is not lost, however empty; newer than everything, so that it stays


@dataclass(frozen=True, slots=True)
class Claim:
    """What `claim` answered. `limits`, `history` and `suspicion` are there when `word` is "claimed".

    `word`: claimed, reused, missing, forged, consumed or in_flight. `history` is newest first. `suspicion` is None
    when Redis has forgotten the player's past. `replays`: how often a consumed one was presented since.
    """

    word: str
    limits: ActionTypeLimits = field(default_factory=lambda: ActionTypeLimits(min_seconds=0))
    history: Sequence[Completion] = ()
    suspicion: Suspicion | None = None
    replays: int = 0


def _action(player_id: str, action_id: str) -> str:
    return f"action:{{{player_id}}}:{action_id}"


def _active(player_id: str) -> str:
    return f"active:{{{player_id}}}"


def _history(player_id: str) -> str:
    return f"history:{{{player_id}}}"


def _suspicion(player_id: str) -> str:
    return f"suspicion:{{{player_id}}}"


def _idempotency(player_id: str, key: str) -> str:
    return f"idempotency:{{{player_id}}}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


def _write_limits(limits: ActionTypeLimits) -> str:
    return "|".join(
        "" if part is None else repr(part) for part in (limits.min_seconds, limits.burst, limits.per_minute)
    )


def _read_limits(text: str) -> ActionTypeLimits:
    seconds, burst, per_minute = text.split("|")
    return ActionTypeLimits(float(seconds), int(burst) if burst else None, int(per_minute) if per_minute else None)


def _read_entry(entry: str, at: str | float) -> Completion:
    _, action_type, issued = entry.split("|")
    return Completion(action_type, int(issued) / 1000, float(at) / 1000)


def _read_suspicion(text: str) -> Suspicion:
    value, at = text.split("|")
    return Suspicion(float(value), float(at))


class ActionClaimStore:
    """Times are whole milliseconds since 1970."""

    def __init__(self, client: Client, scripts: Scripts, *, lease_ms: int, consumed_seconds: int) -> None:
        self._client, self._scripts = client, scripts
        self._lease_ms, self._consumed_seconds = lease_ms, consumed_seconds

    def issue(self, promise: Promise, limits: ActionTypeLimits, *, most: int) -> str:
        """Keep a new action: issued, unknown (issued, but Redis has forgotten the player's past), or too_many."""
        fields = {
            "state": "active",
            "type": promise.action_type,
            "points": promise.points,
            "issued": promise.issued_ms,
            "expires": promise.expires_ms,
            "limits": _write_limits(limits),
            "promise": promise.digest,
        }
        keep = (promise.expires_ms - promise.issued_ms) // 1000 + 1 + _AFTER_EXPIRY
        head = [promise.action_id, promise.issued_ms, promise.expires_ms, most, keep]
        player = promise.player_id
        keys = [_action(player, promise.action_id), _active(player), _suspicion(player)]
        return str(self._scripts.run("issue", keys, head + [part for pair in fields.items() for part in pair]))

    def claim(
        self, player: str, action: str, promise: Promise | None, *, now_ms: int, key: str | None, fingerprint: str
    ) -> Claim:
        """Claim the action for one redemption, and read the player's recent past, in one round trip.

        `promise` is what a verified token says, None for a bad signature. It must be what was issued.
        """
        keys = [
            _action(player, action),
            _idempotency(player, key or ""),
            _history(player),
            _suspicion(player),
        ]
        args = [
            now_ms,
            self._lease_ms,
            promise.digest if promise else "",
            fingerprint if key else "",
            f"{action}|",
            HISTORY_LENGTH,
        ]
        word, *rest = self._scripts.run("claim", keys, args)
        if word != "claimed":
            return Claim(word, replays=int(rest[0]) if rest else 0)
        limits, suspicion, *past = rest
        return Claim(
            word,
            _read_limits(limits),
            [_read_entry(past[i], past[i + 1]) for i in range(0, len(past), 2)],
            _read_suspicion(suspicion) if suspicion else None,
        )

    def withdraw(self, promise: Promise) -> None:
        """Forget an action that nobody was told of."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.delete(_action(promise.player_id, promise.action_id))
        pipeline.zrem(_active(promise.player_id), promise.action_id)
        pipeline.execute()

    def release(self, promise: Promise) -> None:
        """Give a claim back: nothing was scored, so nothing was completed that later ones are judged by."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hdel(_action(promise.player_id, promise.action_id), "claimed")
        entry = f"{promise.action_id}|{promise.action_type}|{promise.issued_ms}"  # as claim.lua writes it
        pipeline.zrem(_history(promise.player_id), entry)
        pipeline.execute()

    def settle_call(self, player_id: str, action_id: str, state: str) -> Call:
        """The script call that ends an action as `consumed` or `invalid`."""
        keys = [_action(player_id, action_id), _active(player_id)]
        return "settle", keys, [action_id, state, self._consumed_seconds]

    def state(self, player_id: str, action_id: str, now_ms: int) -> dict[str, Any] | None:
        """The action's fields with `state`, and the times in ms; None for one that Redis doesn't know."""
        found = self._client.hgetall(_action(player_id, action_id))
        if not found:
            return None
        if found["state"] == "active" and int(found["expires"]) <= now_ms:
            found["state"] = "expired"
        return dict(found)

    def remember(self, player_id: str, past: Sequence[tuple[str, Completion]], suspicion: Suspicion) -> None:
        """Fill in what the ledger knows of a player whom Redis had forgotten; `past` is (action id, completion)."""
        pipeline = self._client.pipeline(transaction=False)
        entries: dict[str, float] = {
            f"{action}|{one.action_type}|{round(one.issued_at * 1000)}": round(one.completed_at * 1000)
            for action, one in past
        }
        pipeline.zadd(_history(player_id), {**entries, _MARK: inf}, nx=True)
        pipeline.expire(_history(player_id), _REMEMBERED_SECONDS)
        pipeline.set(_suspicion(player_id), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS, nx=True)
        pipeline.execute()

    def forget_suspicion(self, players: Sequence[UUID]) -> None:
        """What is remembered of these players may be wrong: the database is asked at their next action."""
        pipeline = self._client.pipeline(transaction=False)
        for player in players:
            pipeline.delete(_suspicion(str(player)))
        pipeline.execute()

    def put_suspicion(self, player_id: UUID | str, suspicion: Suspicion) -> None:
        """Remember the player's suspicion as the database has it."""
        self._client.set(_suspicion(str(player_id)), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS)
