"""Links between the accounts of a simulated population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.fairness.population import Player


def links(players: Sequence[Player]) -> Mapping[str, tuple[float, float]]:
    """Return, by name, the time of the first link that makes a case, and the highest level: none are looked for yet."""
    return {}
