"""The texts that Redis has of limits, completions and suspicions."""

from __future__ import annotations

from dataclasses import replace

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion


def write_limits(limits: ActionTypeLimits) -> str:
    """Return the numbers of the limits as text."""
    return "|".join(
        "" if part is None else repr(part) for part in (limits.min_seconds, limits.burst, limits.per_minute)
    )


def write_nature(limits: ActionTypeLimits) -> str:
    """Return the other limits as text."""
    hand = "" if limits.steadiest_hand is None else repr(limits.steadiest_hand)
    nature = f"{hand}|{limits.min_is_fact:d}|{limits.cadence}|{limits.parallel}"
    bounds = limits.max_per_second, limits.slack_seconds
    if bounds == (None, None):
        return nature
    return "|".join([nature, *("" if bound is None else repr(bound) for bound in bounds)])


def read_limits(text: str, nature: str) -> ActionTypeLimits:
    """Return the limits; the server before this version stores no `nature`."""
    seconds, burst, per_minute = text.split("|")
    limits = ActionTypeLimits(float(seconds), int(burst) if burst else None, int(per_minute) if per_minute else None)
    if not nature:
        return limits
    hand, is_fact, cadence, parallel, *bounds = nature.split("|")
    rate, slack = bounds or ("", "")
    return replace(
        limits,
        steadiest_hand=float(hand) if hand else None,
        min_is_fact=is_fact == "1",
        cadence="client" if cadence == "client" else "player",
        parallel=int(parallel),
        max_per_second=float(rate) if rate else None,
        slack_seconds=float(slack) if slack else None,
    )


def read_entry(entry: str, at: str | float) -> Completion:
    """Return a completion of the history: claim.lua's member and score."""
    _, action_type, issued = entry.split("|")
    return Completion(action_type, int(issued) / 1000, float(at) / 1000)


def read_suspicion(text: str) -> Suspicion:
    """Return a stored suspicion."""
    value, at = text.split("|")
    return Suspicion(float(value), float(at))
