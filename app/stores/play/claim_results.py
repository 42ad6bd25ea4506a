"""What Redis answers to the issue of an action, and to a claim on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion


@dataclass(frozen=True, slots=True)
class Issue:
    """The times of a new action.

    `outcome` is issued, unknown (issued, but Redis has lost the player's past) or too_many.
    """

    outcome: str
    issued_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that was taken at `at_ms`, on an action that was issued at `issued_ms`.

    `is_unmeasurable`: that was by another clock, or before this one was set back. `history` is newest first;
    `suspicion` is None if Redis has lost the player's past.
    """

    at_ms: int
    issued_ms: int
    is_unmeasurable: bool
    limits: ActionTypeLimits
    history: Sequence[Completion]
    suspicion: Suspicion | None


@dataclass(frozen=True, slots=True)
class Consumed:
    """The action is consumed; `replays` counts how often its token was presented since, with the time `at_ms`."""

    at_ms: int
    replays: int


@dataclass(frozen=True, slots=True)
class Forged:
    """The token, presented at `at_ms`, does not promise what was issued."""

    at_ms: int


class Unclaimed(Enum):
    """The other reasons for which no claim was taken, as claim.lua names them."""

    REUSED = "reused"
    """The Idempotency-Key belongs to another action, token, result or metadata."""
    MISSING = "missing"
    """Redis does not know the action, or it has expired or is invalid."""
    IN_FLIGHT = "in_flight"
    """Another redemption holds the claim."""


Claim: TypeAlias = Claimed | Consumed | Forged | Unclaimed
