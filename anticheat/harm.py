"""The expected harm of leaving a case undecided: so that a person with ten minutes looks at the right three.

There are two kinds of harm, and every case may do either. If it is cheating, points that count for nothing stand above
honest players. If it is not, an honest player waits for points or for the account. `certainty` weighs the two.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HarmParameters:
    """Every number of this module. The unit of harm is the points of a usual great day, the honest 99th percentile."""

    # The probability of cheating that evidence of each kind alone gives. Together the doubts multiply.
    hard: float = 0.9
    soft_at_most: float = 0.5  # at `reject`; less for less suspicion
    by_source: tuple[tuple[str, float], ...] = (("model", 0.5), ("linked", 0.4), ("gain", 0.2))
    # A person has cleared this player before: the same habit is likely.
    cleared_share: float = 0.5

    # The first place is worth ten great days, the tenth one.
    place: float = 10.0
    # What is held, or of a suspended player, is off the board: it does little harm there.
    off_board_share: float = 0.2

    # An honest player who waits: for a day of held points one, for a day of suspension three, of a week at most. An
    # appeal is one more at once, since someone says so.
    held_day: float = 1.0
    suspended_day: float = 3.0
    most_days: float = 7.0
    appeal: float = 1.0


HARM_PARAMETERS = HarmParameters()


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """The facts of an open case.

    `points`: scored since its start; `usual_points`: the honest 99th percentile of a day, None if it is not known;
    `place`: the one that all points give, None if it is far down; `suspicion`: the highest, where `reject` refuses;
    `sources`: of the evidence besides the rules (model, linked, gain); `cleared_before`: how many earlier cases were
    cleared; `days`: since it was opened.
    """

    points: float
    usual_points: float | None
    place: int | None
    suspicion: float
    reject: float
    is_hard: bool
    sources: Collection[str]
    cleared_before: int
    is_held: bool
    is_suspended: bool
    has_appeal: bool
    days: float


@dataclass(frozen=True, slots=True)
class Harm:
    """The expected harm and its parts, in great days: by points and place if it is cheating, by waiting if it is not.

    `score` = `certainty` × (`points` + `place`) + (1 − `certainty`) × `waiting`.
    """

    score: float
    certainty: float
    points: float
    place: float
    waiting: float


def expected_harm(facts: CaseFacts, parameters: HarmParameters = HARM_PARAMETERS) -> Harm:
    """Return the expected harm of leaving this case undecided."""
    certainty = round(_certainty(facts, parameters), 3)
    shown = parameters.off_board_share if facts.is_held or facts.is_suspended else 1.0
    points = round(shown * max(0.0, facts.points) / facts.usual_points, 3) if facts.usual_points else 0.0
    place = round(shown * parameters.place / facts.place, 3) if facts.place else 0.0
    waiting = round(_waiting(facts, parameters), 3)
    score = certainty * (points + place) + (1 - certainty) * waiting
    return Harm(round(score, 3), certainty, points, place, waiting)


def _certainty(facts: CaseFacts, parameters: HarmParameters) -> float:
    doubt = 1 - parameters.soft_at_most * min(1.0, max(0.0, facts.suspicion) / facts.reject)
    if facts.is_hard:
        doubt *= 1 - parameters.hard
    for source, probability in parameters.by_source:
        if source in facts.sources:
            doubt *= 1 - probability
    return float((1 - doubt) * parameters.cleared_share**facts.cleared_before)


def _waiting(facts: CaseFacts, parameters: HarmParameters) -> float:
    days = min(parameters.most_days, max(0.0, facts.days))
    a_day = parameters.suspended_day if facts.is_suspended else parameters.held_day if facts.is_held else 0.0
    return days * a_day + (parameters.appeal if facts.has_appeal else 0.0)
