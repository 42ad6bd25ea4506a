"""Actions in Redis: issued, claimed and consumed, with the past of each player that anti-cheat judges by.

All keys of a player carry the hash tag {player id}, so that one script may access them on a cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from math import inf
from uuid import UUID

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion
from app.domain.action_token import Promise
from app.stores.accounts.gates import Admission, Gate, read_admission
from app.stores.play.claim_results import Claim, Claimed, Consumed, Forged, Issue, Unclaimed
from app.stores.play.claim_texts import (
    is_action,
    read_entry,
    read_limits,
    read_suspicion,
    write_limits,
    write_nature,
)
from app.stores.postgres.past_times import CLOCKS_DIFFER
from app.stores.redis.client import Call, Client, Scripts
from app.stores.redis.clock_steps import ClockSteps
from app.stores.redis.connection import RedisValue, Reply

_AFTER_EXPIRY = 3600  # seconds that an expired action can still be looked up
_REMEMBERED_SECONDS = 86_400
_STATES = ("active", "consumed", "invalid")
_MARK = "*"  # a member of every history: lost only with it; newer than all entries, so that trimming keeps it


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


class ActionClaimStore:
    """The actions of players, their claims and pasts. Times are whole milliseconds since 1970.

    Actions are issued and completed by the clock of the Redis that holds the player's keys, whichever server answers.
    A `clock` that is passed in replaces it; `steps` notices that it was set back.
    """

    def __init__(
        self,
        client: Client,
        scripts: Scripts,
        *,
        lease_ms: int,
        consumed_seconds: int,
        clock: Callable[[], float] | None = None,
        steps: ClockSteps | None = None,
    ) -> None:
        self._client, self._scripts, self._clock, self._steps = client, scripts, clock, steps or ClockSteps()
        self._lease_ms, self._consumed_seconds = lease_ms, consumed_seconds

    def _now(self) -> RedisValue:
        return "" if self._clock is None else round(self._clock() * 1000)

    def issue(self, promise: Promise, digest: str, limits: ActionTypeLimits, *, most: int) -> Issue:
        """Store a new action with the digest of its token. It lives as long as the promise says, from now on."""
        life = promise.expires_ms - promise.issued_ms
        fields: dict[str, RedisValue] = {
            "state": "active",
            "type": promise.action_type,
            "points": promise.points,
            "limits": write_limits(limits),
            "nature": write_nature(limits),
            "promise": digest,
        }
        if promise.result_kind != "fixed":
            fields["kind"] = promise.result_kind
        if node := self._node(promise.player_id):
            fields["node"] = node
        ttl = life // 1000 + 1 + _AFTER_EXPIRY
        arguments: list[RedisValue] = [promise.action_id, self._now(), life, most, ttl]
        player = promise.player_id
        keys = [_action_key(player, promise.action_id), _active_key(player), _suspicion_key(player)]
        sent = self._steps.since_boot()
        outcome, issued, expires = self._scripts.run(
            "issue", keys, arguments + [part for pair in fields.items() for part in pair]
        )
        self._note_clock(player, int(issued), sent)
        return Issue(outcome, int(issued), int(expires))

    def claim(self, player: str, action: str, digest: str, *, key: str | None, fingerprint: str) -> Claim:
        """Claim the action for one redemption, and return the claim with the player's recent past, in one round trip.

        `digest` is that of the token, which must be the one that was issued; empty for a token without a promise.
        """
        call = self._claim_call(player, action, digest, key, fingerprint)
        sent = self._steps.since_boot()
        return self._read_claim(player, sent, self._scripts.run(*call))

    def admit_and_claim(
        self, gate: Gate, player: str, action: str, digest: str, *, key: str | None, fingerprint: str
    ) -> Claim | Admission:
        """Do the same for a request that passes its gate, which counts it, in the same round trip.

        For one that does not pass as far as Redis knows, return its count and copies: no claim was taken or looked for.
        """
        call = gate.before(self._claim_call(player, action, digest, key, fingerprint))
        sent = self._steps.since_boot()
        answer = self._scripts.run(*call)
        return read_admission(answer) or self._read_claim(player, sent, answer)

    def _claim_call(self, player: str, action: str, digest: str, key: str | None, fingerprint: str) -> Call:
        keys = [
            _action_key(player, action),
            _idempotency_key(player, key or ""),
            _history_key(player),
            _suspicion_key(player),
        ]
        arguments: list[RedisValue] = [
            self._now(),
            self._lease_ms,
            digest,
            fingerprint if key else "",
            f"{action}|",
            HISTORY_LENGTH,
        ]
        return "claim", keys, arguments

    def _read_claim(self, player: str, sent: float, answer: Reply) -> Claim:
        word, *rest = answer
        if word == "consumed":
            return Consumed(int(rest[0]), int(rest[1]))
        if word == "forged":
            return Forged(int(rest[0]))
        if word != "claimed":
            return Unclaimed(word)
        try:
            return self._claimed(player, sent, *rest)
        except ValueError:  # a text of another program
            return Unclaimed.MISSING

    def _claimed(
        self,
        player: str,
        sent: float,
        now: str,
        issued: str,
        node: str,
        limits: str,
        nature: str,
        suspicion: str,
        *past: str,
    ) -> Claimed:
        self._note_clock(player, int(now), sent)
        entries = [read_entry(past[i], past[i + 1]) for i in range(0, len(past), 2)]
        known_suspicion = read_suspicion(suspicion)
        if known_suspicion and known_suspicion.at > int(now) / 1000 + CLOCKS_DIFFER:
            known_suspicion = None  # from before the clock was set back: the database has the one that decays
        if suspicion and known_suspicion is None:
            self._client.delete(_suspicion_key(player))  # `remember` only fills a gap
        return Claimed(
            int(now),
            int(issued),
            self._is_unmeasurable(player, node, int(issued)),
            read_limits(limits, nature),
            [entry for entry in entries if entry],
            known_suspicion,
        )

    def _node(self, player: str) -> str:
        return self._scripts.node_of(_history_key(player))

    def _is_unmeasurable(self, player: str, issued_by: str, issued_ms: int) -> bool:
        """Return whether the time at which an action was issued may be that of another clock."""
        node = self._node(player)
        return issued_by not in ("", node) or self._steps.was_set_back_since(node, issued_ms)

    def _note_clock(self, player: str, now_ms: int, sent: float) -> None:
        if self._clock is None:
            self._steps.note(self._node(player), now_ms, sent)

    def withdraw(self, promise: Promise) -> None:
        """Delete an action whose token was sent to no client."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.delete(_action_key(promise.player_id, promise.action_id))
        pipeline.zrem(_active_key(promise.player_id), promise.action_id)
        pipeline.execute()

    def release(self, promise: Promise, *, key: str | None) -> None:
        """Release a claim, and remove it from the history: nothing was scored, so later actions aren't judged by it.

        The `key` of the request is unbound: it may be used for a request that is put right.
        """
        pipeline = self._client.pipeline(transaction=False)
        if key:
            pipeline.delete(_idempotency_key(promise.player_id, key))
        pipeline.hdel(_action_key(promise.player_id, promise.action_id), "claimed")
        entry = f"{promise.action_id}|{promise.action_type}|{promise.issued_ms}"  # the format of claim.lua
        pipeline.zrem(_history_key(promise.player_id), entry)
        pipeline.execute()

    def settle_call(self, player_id: str, action_id: str, state: str) -> Call:
        """Return the script call that ends an action as `consumed` or `invalid`."""
        keys = [_action_key(player_id, action_id), _active_key(player_id)]
        return "settle", keys, [action_id, state, self._consumed_seconds]

    def state(self, player_id: str, action_id: str) -> dict[str, str] | None:
        """Return the action's fields with `state`, and the times in ms; None for an action that Redis doesn't know."""
        now, *parts = self._scripts.run("action", [_action_key(player_id, action_id)], [self._now()])
        fields: dict[str, str] = dict(zip(parts[::2], parts[1::2], strict=True))
        if not is_action(fields):
            return None
        if fields["state"] not in _STATES:
            fields["state"] = "invalid"  # another program has written it
        if fields["state"] == "active" and int(fields["expires"]) <= now:
            fields["state"] = "expired"
        return fields

    def remember(
        self,
        player_id: str,
        past: Sequence[tuple[str, Completion]],
        suspicion: Suspicion,
        cleared_at: float,
    ) -> None:
        """Store the ledger's records of a player whose past Redis had lost; `past` is (action id, completion).

        What Redis still has of the time up to `cleared_at` (Unix seconds) is dropped.
        """
        self._scripts.drop_foreign([_history_key(player_id), _suspicion_key(player_id)], ["zset", "string"])
        pipeline = self._client.pipeline(transaction=False)
        entries: dict[str, float] = {
            f"{action}|{completion.action_type}|{round(completion.issued_at * 1000)}": round(
                completion.completed_at * 1000
            )
            for action, completion in past
        }
        pipeline.zremrangebyscore(_history_key(player_id), "-inf", round(cleared_at * 1000))
        pipeline.zadd(_history_key(player_id), {**entries, _MARK: inf}, nx=True)
        pipeline.expire(_history_key(player_id), _REMEMBERED_SECONDS)
        pipeline.set(_suspicion_key(player_id), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS, nx=True)
        pipeline.execute()

    def forget_past(self, player_id: UUID, suspicion: Suspicion) -> None:
        """Store the suspicion and drop the history: the next action reads the ledger's part that still counts."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.delete(_history_key(str(player_id)))
        pipeline.set(_suspicion_key(str(player_id)), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS)
        pipeline.execute()

    def forget_suspicion(self, players: Sequence[UUID]) -> None:
        """Delete the suspicion of these players, which may be wrong: their next action reads it from the database."""
        pipeline = self._client.pipeline(transaction=False)
        for player in players:
            pipeline.delete(_suspicion_key(str(player)))
        pipeline.execute()

    def open_actions(self, player_id: str) -> list[dict[str, object]]:
        """Return the player's active actions, with `action_id`, `action_type` and the times in ms."""
        action_ids: list[str] = self._client.zrange(_active_key(player_id), 0, -1)
        states = [(action_id, self.state(player_id, action_id)) for action_id in action_ids]
        return [
            {"action_id": action_id, "action_type": fields["type"], "issued_ms": int(fields["issued"])}
            for action_id, fields in states
            if fields and fields["state"] == "active"
        ]

    def forget_player(self, player_id: UUID) -> None:
        """Delete the active actions of a player and the past that they are judged by."""
        player = str(player_id)
        for action_id in self._client.zrange(_active_key(player), 0, -1):
            self._client.delete(_action_key(player, action_id))
        for key in (_active_key(player), _history_key(player), _suspicion_key(player)):
            self._client.delete(key)

    def put_suspicion(self, player_id: UUID | str, suspicion: Suspicion) -> None:
        """Store the player's suspicion as the database has it."""
        self._client.set(_suspicion_key(str(player_id)), f"{suspicion.value}|{suspicion.at}", ex=_REMEMBERED_SECONDS)
