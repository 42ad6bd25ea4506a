"""The texts that Redis has of limits, completions and suspicions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from anticheat.history import Completion
from anticheat.rules import ActionTypeLimits
from anticheat.suspicion import Suspicion

_ENTRY = re.compile(r"[^|]+\|(?P<type>[^|]+)\|(?P<issued>[0-9]+)")
_TIME = re.compile(r"[0-9]{1,14}")


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
    """Return the limits; the server before this version stores no `nature`. Raises ValueError for another program's."""
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


def read_entry(entry: str, at: str | float) -> Completion | None:
    """Return a completion of the history: claim.lua's member and score. None for a member of another program."""
    match = _ENTRY.fullmatch(entry)
    return Completion(match["type"], int(match["issued"]) / 1000, float(at) / 1000) if match else None


def read_suspicion(text: str) -> Suspicion | None:
    """Return a stored suspicion; None for none, or a text of another program."""
    try:
        value, at = map(float, text.split("|"))
    except ValueError:
        return None
    return Suspicion(value, at) if isfinite(value) and isfinite(at) else None


def is_action(fields: Mapping[str, str]) -> bool:
    """Return whether these are the fields of an action, rather than none, or those of another program."""
    return (
        {"state", "type"} <= fields.keys()
        and fields.get("points", "").isdecimal()
        and all(_TIME.fullmatch(fields.get(name, "")) for name in ("issued", "expires"))
    )
