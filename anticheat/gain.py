"""Bounded gain: a player who gains unusually much in 24 hours, or enters the top places, is assessed at once.

The limits come from the honest accounts' days, and on small servers from a tireless person's. More than
`multiple` times the honest 99th percentile of a day is always a case, so no play that stays unnoticed earns more.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Literal, TypeAlias

GainOutcome: TypeAlias = Literal["nothing", "case", "hold"]


@dataclass(frozen=True, slots=True)
class GainParameters:
    """Every number of this module, with its reason."""

    # Above so many times the 99th percentile there is always a case (GAIN_MULTIPLE). No unnoticed play shall earn more
    # than 1.5 times the true percentile, and the one that the days give may be 1.15 times the true one.
    multiple: float = 1.3

    # Cheats that no one has noticed are among the accounts. A few per cent of them hardly move these two quantiles. The
    # tail beyond is drawn through them as of a lognormal distribution, and the lower of that and of the tail itself is
    # taken. Then accounts are left out whose usual day is above so many times the 99th percentile, and it is drawn
    # again. On the tuning kinds of bench/fairness it comes out as 0.9 to 1.0 of the true 99th percentile with up to 2%
    # of such cheats, and as 1.4 with 5%; through the 75th and the 90th it was 1.0 without cheats, 1.3 with 2%, and 1.9.
    tail_from: float = 0.50
    tail_to: float = 0.80
    trims: tuple[float, ...] = (1.5, 1.3)
    # With so many accounts the limits are their own. With fewer, the prior has the rest of the weight (in logarithms):
    # of 50 accounts, one cheat is a 50th.
    enough_accounts: int = 200
    # The prior: a tireless person presses every 3 s, or as the action type makes them wait, for so many hours a day.
    pace_seconds: float = 3.0
    keen_hours: float = 3.0
    keenest_hours: float = 6.0

    # A podium are the first ten, but at most a tenth of the players: to be third of eight is nothing.
    places: int = 10
    share_of_players: float = 0.1

    # Unusual is less than a case, and more than a busy day. A third of `flag` (10) is one narrow window of intervals or
    # three excess completions, within half an hour. 3 is the most that the learned model counts of a hand that is like
    # a machine's. Long hours explain a high gain, so they are no second reason for a hold: a person may play for a day
    # and a night, and the model opens a case for it.
    suspicion_share: float = 1 / 3
    hand: float = 3.0


GAIN_PARAMETERS = GainParameters()


@dataclass(frozen=True, slots=True)
class GainLimits:
    """Points in 24 hours: the honest 99th percentile, from where to look, and from where there is always a case.

    `accounts` honest accounts have given them the weight `own_share`, 0 to 1; the prior has the rest.
    """

    usual: float
    high: float
    ceiling: float
    accounts: int
    own_share: float

    @property
    def source(self) -> str:
        """Return in words where the limits come from."""
        if not self.own_share:
            return "what a tireless person could score, since there are no honest days yet"
        own = f"the days of {self.accounts:,} honest {'account' if self.accounts == 1 else 'accounts'}"
        if self.own_share >= 1:
            return own
        return f"{own} (weight {self.own_share:.0%}), and what a tireless person could score"


@dataclass(frozen=True, slots=True)
class GainEvidence:
    """All that is known of a player who is assessed.

    `suspicion`: without the model's, as it has decayed by now, where `flag` opens a case; `hand`: the learned model's
    evidence about the hand, 0 to 3, None without a model or with too few plays; `has_case`: a case is open for another
    reason than gain or the model.
    """

    suspicion: float
    flag: float
    has_case: bool = False
    hand: float | None = None


@dataclass(frozen=True, slots=True)
class GainAssessment:
    """The outcome; `unusual` says in words all that is unusual besides the gain, and is never empty for a hold."""

    outcome: GainOutcome
    unusual: tuple[str, ...] = ()


def tireless_points_per_hour(
    action_types: Iterable[tuple[float, float, float | None]], parameters: GainParameters = GAIN_PARAMETERS
) -> float:
    """Return the points that a tireless person could score in an hour of the best-paying action type.

    `action_types`: (points, min_seconds, expected_median_seconds) of each; 0 without any.
    """
    return max(
        (
            3600 * points / max(parameters.pace_seconds, min_seconds, median or 0.0)
            for points, min_seconds, median in action_types
        ),
        default=0.0,
    )


def gain_limits(
    accounts: Sequence[Sequence[float]],
    tireless_points: float,
    parameters: GainParameters = GAIN_PARAMETERS,
) -> GainLimits:
    """Return the limits. `accounts`: the points of each honest account's days of play; `tireless_points`: in an hour.

    Each account has the same weight, however many days it played. One whose usual day is above the 99th percentile sets
    no limit.
    """
    limits = _limits(accounts, tireless_points, parameters)
    for multiple in parameters.trims:
        usual_accounts = [days for days in accounts if days and median(days) <= multiple * limits.usual]
        limits = _limits(usual_accounts, tireless_points, parameters)
    return limits


def _limits(accounts: Sequence[Sequence[float]], tireless_points: float, parameters: GainParameters) -> GainLimits:
    days = sorted((points, 1 / len(account)) for account in accounts for points in account if points > 0)
    active_accounts = sum(any(points > 0 for points in account) for account in accounts)
    share = min(1.0, active_accounts / parameters.enough_accounts)
    prior = (parameters.keen_hours * tireless_points, parameters.keenest_hours * tireless_points)
    usual, keenest = (
        _blend(_tail(days, quantile, parameters), value, share)
        for quantile, value in zip((0.99, 0.999), prior, strict=True)
    )
    ceiling = parameters.multiple * usual
    return GainLimits(usual, min(max(usual, keenest), ceiling), ceiling, active_accounts, share)


def podium_places(players: int, parameters: GainParameters = GAIN_PARAMETERS) -> int:
    """Return how many places of a board with so many players are a podium; 0 on a small board."""
    return min(parameters.places, int(players * parameters.share_of_players))


def assess_gain(
    points: float,
    place: int | None,
    limits: GainLimits,
    evidence: GainEvidence,
    *,
    accepted: float = 0.0,
    parameters: GainParameters = GAIN_PARAMETERS,
) -> GainAssessment:
    """Return the consequence for a player with so many points in 24 hours, by all that is known.

    `place`: the place on a podium that the player has just entered, else None. `accepted`: as many points in 24 hours
    as a person has cleared for this player.
    """
    if points <= limits.high and place is None:
        return GainAssessment("nothing")
    unusual = tuple(_unusual(evidence, parameters))
    if unusual:
        return GainAssessment("hold", unusual)
    return GainAssessment("case" if points > max(limits.ceiling, accepted) else "nothing")


def points_to_next(points: float, limits: GainLimits, accepted: float = 0.0) -> float:
    """Return the further points at which a player with so many is to be assessed again without delay; at least 1."""
    levels = (limits.high, max(limits.ceiling, accepted))
    return max(1.0, next((level - points for level in levels if level >= points), limits.ceiling))


def _unusual(evidence: GainEvidence, parameters: GainParameters) -> Iterable[str]:
    if evidence.has_case:
        yield "a case is open"
    if evidence.suspicion >= parameters.suspicion_share * evidence.flag:
        yield f"suspicion is {evidence.suspicion:.0f}, where {evidence.flag:.0f} opens a case"
    if evidence.hand is not None and evidence.hand >= parameters.hand:
        yield "the learned model finds the hand as much like a machine's as it counts"


def _blend(own: float | None, prior: float, share: float) -> float:
    if own is None:
        return prior
    if prior <= 0:
        return own
    return math.exp(share * math.log(own) + (1 - share) * math.log(prior))


def _tail(days: Sequence[tuple[float, float]], quantile: float, parameters: GainParameters) -> float | None:
    """Return the quantile of the weighted days, or that of the lognormal tail if it is lower; None without days."""
    if not days:
        return None
    lower, upper = _quantile(days, parameters.tail_from), _quantile(days, parameters.tail_to)
    z_lower, z_upper, z = (NormalDist().inv_cdf(part) for part in (parameters.tail_from, parameters.tail_to, quantile))
    slope = math.log(upper / lower) / (z_upper - z_lower)
    return min(_quantile(days, quantile), upper * math.exp(slope * (z - z_upper)))


def _quantile(days: Sequence[tuple[float, float]], quantile: float) -> float:
    target = quantile * sum(weight for _, weight in days)
    total = 0.0
    for points, weight in days:
        total += weight
        if total >= target - 1e-9:
            return points
    return days[-1][0]
