"""How much a player's play looks like cheating: only new evidence raises it, and only time lowers it."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from anticheat.rules import Signal

FORGIVEN_AFTER = 2
"""A kind of evidence that was cleared this often for a player counts a FORGIVEN_SHARE for that player."""
FORGIVEN_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The suspicion of a player: `value` points (0 or more) `at` a Unix time in seconds, `soft` of them soft."""

    value: float
    at: float
    soft: float = 0.0


def decayed(suspicion: Suspicion, now: float, half_life: float) -> float:
    """Return the points that are left at `now`: half after each `half_life` (seconds, above 0).

    A `now` before `suspicion.at` (a clock set back, another server's clock) leaves the value as it is: it never grows.
    """
    return float(max(0.0, suspicion.value) * _share_left(suspicion, now, half_life))


def raised(
    suspicion: Suspicion,
    signals: Iterable[Signal],
    at: float,
    *,
    half_life: float,
    soft_ceiling: float,
    hold: float,
    forgiven: Collection[str] = (),
) -> Suspicion:
    """Let the suspicion decay to `at`, and add the signals.

    Hard evidence adds without limit. Soft evidence raises the total to the ceiling at most, or to its share of it, and
    then not to `hold`; it never lowers it. `forgiven` rules add a fraction, up to that fraction of this.
    """
    value = decayed(suspicion, at, half_life)
    soft = suspicion.soft * _share_left(suspicion, at, half_life)
    amounts = []
    for signal in signals:
        weight = FORGIVEN_SHARE if signal.rule in forgiven else 1.0
        ceiling = math.inf if signal.is_hard else weight * _ceiling(signal.share, soft_ceiling, hold)
        amounts.append((signal.is_hard, ceiling, weight * signal.added))
    for is_hard, ceiling, added in sorted(amounts):  # soft before hard, and the lower ceiling first
        points = min(added, max(0.0, ceiling - value))
        value += points
        soft += 0.0 if is_hard else points
    return Suspicion(value, at, soft)


def _ceiling(share: float, soft_ceiling: float, hold: float) -> float:
    """Return the level up to which soft evidence counts; without a ceiling there is no share of it."""
    return soft_ceiling if share == 1 or math.isinf(soft_ceiling) else min(share * soft_ceiling, hold - 1)


def combined(before: Suspicion, since: Suspicion, *, half_life: float, soft_ceiling: float) -> Suspicion:
    """Return two suspicions of a player as one, at the time of the later; soft points up to the ceiling."""
    left = _share_left(before, since.at, half_life)
    hard = (before.value - before.soft) * left + since.value - since.soft
    soft_parts = (before.soft * left, since.soft)
    soft = min(sum(soft_parts), max(soft_ceiling - hard, *soft_parts))
    return Suspicion(hard + soft, since.at, soft)


def seconds_until(suspicion: Suspicion, level: float, half_life: float) -> float:
    """Return the seconds after `suspicion.at` at which it has decayed to the level (above 0); 0 if it is below now."""
    return half_life * math.log2(suspicion.value / level) if suspicion.value > level else 0.0


def _share_left(suspicion: Suspicion, now: float, half_life: float) -> float:
    return float(0.5 ** (max(0.0, now - suspicion.at) / half_life))
