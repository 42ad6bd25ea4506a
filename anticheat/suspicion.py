"""How much a player's play looks like cheating: only new evidence raises it, and only time lowers it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The suspicion of a player: `value` points (0 or more) `at` a Unix time in seconds."""

    value: float
    at: float


def decayed(suspicion: Suspicion, now: float, half_life: float) -> float:
    """Return the points that are left at `now`: half after each `half_life` (seconds, above 0).

    A `now` before `suspicion.at` (a clock set back, another server's clock) leaves the value as it is: it never grows.
    """
    age = max(0.0, now - suspicion.at)
    return float(max(0.0, suspicion.value) * 0.5 ** (age / half_life))
