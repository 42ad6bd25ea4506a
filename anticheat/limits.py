"""Absolute limits: amounts of play that no single person reaches, whatever others do. Needs numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from anticheat.features import FEATURES, root_of
from anticheat.plays import Vector


@dataclass(frozen=True, slots=True)
class Limit:
    """A feature, the value from which on it is a case by itself, and that in words."""

    feature: str
    value: float
    words: str


LIMITS = (
    Limit("hours", root_of(18.0), "more than 18 hours of play in a day"),
    Limit("awake", root_of(48.0), "no break of four hours in two days"),
)
_INDEX = {feature.name: index for index, feature in enumerate(FEATURES)}


def broken_limits(values: Vector) -> tuple[str, ...]:
    """Return the limits that these values of FEATURES reach, in words."""
    return tuple(
        limit.words
        for limit in LIMITS
        if not math.isnan(values[_INDEX[limit.feature]]) and values[_INDEX[limit.feature]] >= limit.value
    )
