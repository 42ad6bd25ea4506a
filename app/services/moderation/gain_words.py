"""The words of a case that was opened because of a player's gain."""

from __future__ import annotations

from dataclasses import dataclass

from anticheat.gain import GainAssessment, GainLimits
from app.domain.quantities import quantity


@dataclass(frozen=True, slots=True)
class GainFinding:
    """The rule (`gain` or `podium`), the observation and the expectation."""

    rule: str
    seen: str
    expected: str


def describe_gain(points: int, place: int | None, limits: GainLimits, assessment: GainAssessment) -> GainFinding:
    """Return for a moderator, in words, the points of 24 hours, the limit and its source, the place."""
    seen = f"{quantity(points, 'point')} in 24 hours"
    if place is not None:
        seen += f", now in place {place}"
    if assessment.unusual:
        seen += f"; {'; '.join(assessment.unusual)}"
    is_high = points > limits.high
    limit = limits.ceiling if points > limits.ceiling else limits.high
    expected = f"at most {limit:,.0f}, where {limits.usual:,.0f} are the 99th percentile, by {limits.source}"
    return GainFinding("gain" if is_high else "podium", seen, expected)
