"""The learned model: how far an account's day and week are from those of other players, in the direction of machines.

`train` (anticheat/training.py) learns from accounts' plays, and `assess` judges one by its own plays, at any moment:

    model = train(accounts, until)              # accounts: Sequence[Plays], see Plays.of
    assessment = assess(model, plays, until)    # None for too few plays
    assessment.is_case, assessment.score, assessment.threshold, assessment.findings, assessment.limits, model.basis

A stored model is plain numbers, so it can't run code. Needs numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from anticheat.features import FEATURES, GROUPS, LIFE, Feature, Profile, Reference
from anticheat.limits import broken_limits
from anticheat.plays import Plays, Vector

FALSE_CASES = 1.0
"""The number of false cases in 1,000 player-weeks for which the threshold is set by default."""

MOST_BY_HAND = 3.0
"""The most evidence about a hand: a steady, quick hand alone is that of a skilled person or a device."""

_USUAL = 1.5  # times the usual difference from the median: less is no evidence
_MARGIN = 1.05  # their tail is a little longer than a normal distribution's
_NORMAL = (0.2533, 1.2816)  # the standard normal distribution's
_STANDS_OUT = 2.0
_MEMBERS = [[index for index, feature in enumerate(FEATURES) if feature.group == group] for group in GROUPS]
_IS_LIFE = np.array([group in LIFE for group in GROUPS])


@dataclass(frozen=True)
class Model:
    """The usual play: each feature's median, its usual difference upwards, and how the scores of accounts spread.

    `weights` are those of GROUPS. `body` has the scores that 60% and 90% of the player-weeks stay below; the threshold
    follows from them, for `false_cases` of 1,000 player-weeks. `accounts`: how many it learned from. `own_share`: how
    much of it comes from them, and not from the model shipped with Fairboard. `numbers` are measurements.
    """

    reference: Reference
    middle: Vector
    scale: Vector
    weights: Vector
    body: tuple[float, float]
    accounts: int
    own_share: float = 1.0
    false_cases: float = FALSE_CASES
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """Return the score that is a case: the body's, continued as a normal distribution, and a margin.

        The highest scores themselves don't count, since they may be those of unnoticed cheats.
        """
        (low, high), (first, second) = self.body, _NORMAL
        steps = (NormalDist().inv_cdf(1 - self.false_cases / 1000) - first) / (second - first)
        return _MARGIN * (low + (high - low) * steps)

    @property
    def basis(self) -> str:
        """Return the model by which a player is judged, in words."""
        if self.own_share == 1:
            return f"the model learned from {self.accounts:,} players"
        share = f", to {1 - self.own_share:.0%}" if self.own_share else ""
        have = "player has" if self.accounts == 1 else "players have"
        return (
            f"the model shipped with Fairboard{share}, since only {self.accounts:,} {have} played enough to learn from"
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A feature in which an account stands out: its value and the usual one in words, and the usual differences."""

    feature: Feature
    value: str
    usual: str
    difference: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The judgement of one account. `findings` are the features that stand out, the strangest first.

    `hand` is the part of the score that is about its hand. `limits` are the absolute limits that it broke, in words:
    each is a case by itself. `evidence` is that of each group of features, from which verdicts of people let the model
    learn, and `values` are those of FEATURES.
    """

    score: float
    hand: float
    threshold: float
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]
    evidence: Vector
    values: Vector

    @property
    def is_case(self) -> bool:
        """Return whether a person should look at this account."""
        return self.score >= self.threshold or bool(self.limits)


def assess(model: Model, plays: Plays, until: float) -> Assessment | None:
    """Return the judgement of one account by its plays in the week before `until`; `None` for too few plays."""
    values = Profile(plays, model.reference).vector(until)
    return None if values is None else assess_values(model, values)


def assess_values(model: Model, values: Vector) -> Assessment:
    """Return the judgement of one vector."""
    (life,), (hand,) = _life_and_hand(model, values[None, :])
    differences = differences_of(model, values[None, :])[0]
    order = [int(index) for index in np.argsort(-differences, kind="stable")]
    chosen = [index for index in order if differences[index] >= _STANDS_OUT] or order[:1]
    findings = [_finding(model, values, index, float(differences[index])) for index in _once_each(chosen)]
    return Assessment(
        float(life + hand),
        float(hand),
        model.threshold,
        tuple(findings[:4]),
        broken_limits(values),
        evidence_of(differences[None, :])[0],
        values,
    )


def _once_each(indices: Sequence[int]) -> list[int]:
    """Return the first of each feature's two windows."""
    names = [FEATURES[index].name.removesuffix(" in a week") for index in indices]
    return [index for position, index in enumerate(indices) if names.index(names[position]) == position]


def _finding(model: Model, values: Vector, index: int, difference: float) -> Finding:
    feature = FEATURES[index]
    return Finding(feature, feature.say(float(values[index])), feature.say(float(model.middle[index])), difference)


def differences_of(model: Model, vectors: Vector) -> Vector:
    """Return how many usual differences each value is above the median; 0 where it, or the model, says nothing."""
    differences: Vector = np.nan_to_num((vectors - model.middle) / model.scale, nan=0.0)
    return differences


def evidence_of(differences: Vector) -> Vector:
    """Return the evidence of each group of features: its strongest feature, less the usual part."""
    groups = np.stack([differences[:, members].max(axis=1) for members in _MEMBERS], axis=1)
    evidence: Vector = np.maximum(groups - _USUAL, 0.0)
    return evidence


def scores_of(model: Model, vectors: Vector) -> Vector:
    """Return the scores: evidence about a life, and up to a limit about a hand."""
    life, hand = _life_and_hand(model, vectors)
    return life + hand


def _life_and_hand(model: Model, vectors: Vector) -> tuple[Vector, Vector]:
    """Return both kinds of evidence; several groups add as squares do."""
    evidence = model.weights * evidence_of(differences_of(model, vectors))
    life, hand = (np.sqrt((evidence[:, part] ** 2).sum(axis=1)) for part in (_IS_LIFE, ~_IS_LIFE))
    return life, np.minimum(hand, MOST_BY_HAND)
