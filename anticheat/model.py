"""The learned model: how far an account's day and week are from those of other players, in the direction of machines.

`train` learns from accounts' plays, and `assess` judges one account by its own plays, at any moment:

    model = train(accounts, until)              # accounts: Sequence[Plays], see Plays.of
    assessment = assess(model, plays, until)    # None for too few plays
    assessment.is_case, assessment.score, assessment.threshold, assessment.findings, assessment.limits, model.basis

It is told of no cheats, and some among the accounts do no harm: each account counts once, by medians and quantiles that
a twentieth of the accounts cannot move far. A stored model is plain numbers, so it can't run code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from anticheat.features import DAY, FEATURES, GROUPS, LIFE, WEEK, Feature, Profile, Reference, reference_of
from anticheat.limits import broken_limits
from anticheat.plays import Plays, Vector
from anticheat.weights import equal_weights, refitted_weights

FALSE_CASES = 1.0
"""The number of false cases in 1,000 player-weeks for which the threshold is set by default."""
LEAST_ACCOUNTS, ENOUGH_ACCOUNTS = 30, 200
"""Up to the first number of accounts, the shipped model judges alone; from the second on, not at all."""

_USUAL = 1.5  # times the usual difference from the median: less is no evidence
_MOST_BY_HAND = 3.0  # a steady, quick hand alone is that of a skilled person or a device
_BODY = (0.6, 0.9)  # these quantiles tell how scores spread; unnoticed cheats are above them
_NORMAL = (0.2533, 1.2816)  # the standard normal distribution's
_MARGIN = 1.1  # their tail is a little longer than a normal distribution's
_TRIMS = 3  # times that accounts above the threshold are left out, and the others learned from again
_MOMENTS = DAY / 4  # training looks at each account so often
_STANDS_OUT = 2.0
_MEMBERS = [[index for index, feature in enumerate(FEATURES) if feature.group == group] for group in GROUPS]
_IS_LIFE = np.array([group in LIFE for group in GROUPS])

Moments = Sequence[tuple[float, Vector]]
"""An account's vectors, each with its moment."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's decision on a case: the account's plays, when the case was opened, and whether it was confirmed."""

    plays: Plays
    opened_at: float
    is_confirmed: bool


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
        steps = (_normal_quantile(1 - self.false_cases / 1000) - first) / (second - first)
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

    `limits` are the absolute limits that it broke, in words: each is a case by itself. `evidence` is that of each group
    of features, from which verdicts of people let the model learn, and `values` are those of FEATURES.
    """

    score: float
    threshold: float
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]
    evidence: Vector
    values: Vector

    @property
    def is_case(self) -> bool:
        """Return whether a person should look at this account."""
        return self.score >= self.threshold or bool(self.limits)


def train(
    accounts: Sequence[Plays],
    until: float,
    *,
    days: int = 14,
    false_cases: float = FALSE_CASES,
    verdicts: Sequence[Verdict] = (),
    prior: Model | None = None,
) -> Model:
    """Return a model of how these accounts played in the `days` before `until`; the same give the same model.

    Leave out accounts that are known to cheat. `verdicts` are people's decisions on earlier cases. With few accounts
    the `prior` stands in, usually `shipped_model()`; without one, the accounts must do. Raises ValueError without any.
    """
    reference = reference_of(accounts)
    vectors = [moments for plays in accounts if (moments := moments_of(plays, reference, until, days))]
    decided = [
        (values, verdict.is_confirmed)
        for verdict in verdicts
        if (values := Profile(verdict.plays, reference).vector(verdict.opened_at)) is not None
    ]
    return learn(reference, vectors, until, false_cases=false_cases, decided=decided, prior=prior)


def moments_of(plays: Plays, reference: Reference, until: float, days: int) -> Moments:
    """Return the account's vectors for the moments of training, each after some play."""
    profile, at = Profile(plays, reference), plays.completed_at
    steps = np.unique(np.floor((until - at[(at >= until - days * DAY) & (at < until)]) / _MOMENTS))
    moments = [until - float(step) * _MOMENTS for step in steps[::-1]]
    return [(moment, vector) for moment in moments if (vector := profile.vector(moment)) is not None]


def learn(
    reference: Reference,
    accounts: Sequence[Moments],
    until: float,
    *,
    false_cases: float = FALSE_CASES,
    decided: Sequence[tuple[Vector, bool]] = (),
    prior: Model | None = None,
) -> Model:
    """Return the model of these accounts' vectors, of `moments_of`; `decided` are those of cases, true if confirmed."""
    own_share = (len(accounts) - LEAST_ACCOUNTS) / (ENOUGH_ACCOUNTS - LEAST_ACCOUNTS)
    own_share = min(1.0, max(0.0, own_share)) if prior else 1.0
    model = _without_outliers(reference, accounts, until, false_cases) if own_share else prior
    if model is None or not (prior or accounts):
        raise ValueError("no account has played enough to learn from")
    if prior and 0 < own_share < 1:
        model = _blended(model, prior, own_share)
    if decided and own_share == 1:
        evidence = _evidence(_differences(model, np.array([values for values, _ in decided])))
        weights = refitted_weights(evidence, [is_confirmed for _, is_confirmed in decided])
        model = _with_body(replace(model, weights=weights), accounts, until)
    model = replace(model, reference=reference, accounts=len(accounts), own_share=own_share, false_cases=false_cases)
    return replace(model, numbers=_measured(model, accounts, until))


def _without_outliers(
    reference: Reference, accounts: Sequence[Moments], until: float, false_cases: float
) -> Model | None:
    """Return the model of the accounts that it doesn't find strange itself."""
    model, learned_accounts = None, accounts
    for _ in range(_TRIMS if accounts else 0):
        model = _learned(reference, learned_accounts, until, false_cases)
        learned_accounts = [
            moments for moments in accounts if max(_weekly_peaks(model, moments, until)) < model.threshold
        ] or accounts
    return model


def _measured(model: Model, accounts: Sequence[Moments], until: float) -> dict[str, float]:
    """Measure how strange the model finds the weeks that it learned from."""
    peaks = np.array([peak for moments in accounts for peak in _weekly_peaks(model, moments, until)] or [0.0])
    strange = round(float(np.mean(peaks >= model.threshold)), 4)
    return {
        "weeks": len(peaks) if accounts else 0,
        "threshold": round(model.threshold, 2),
        "expected": model.false_cases,
        "strange": strange,
        "highest": round(float(peaks.max()), 2),
        "own_share": round(model.own_share, 2),
    }


def _learned(reference: Reference, accounts: Sequence[Moments], until: float, false_cases: float) -> Model:
    usual = np.array([_middle(np.array([vector for _, vector in moments])) for moments in accounts])
    middle = _middle(usual)
    least = np.array([feature.least_difference for feature in FEATURES])
    high, higher = (_quantile(usual, share) - middle for share in (0.8, 0.9))
    scale = np.fmax(np.fmax(high, higher / 1.6), least)
    model = Model(reference, middle, scale, equal_weights(), (0.0, 1.0), len(accounts), 1.0, false_cases)
    return _with_body(model, accounts, until)


def _with_body(model: Model, accounts: Sequence[Moments], until: float) -> Model:
    peaks = [peak for moments in accounts for peak in _weekly_peaks(model, moments, until)]
    low, high = np.quantile(peaks, _BODY)
    return replace(model, body=(float(low), float(max(high, low + 0.5))))


def _blended(own: Model, prior: Model, share: float) -> Model:
    """Return a model between both. The prior says nothing about features that differ from game to game."""
    known = np.isfinite(prior.scale)
    middle = np.where(known, share * own.middle + (1 - share) * prior.middle, own.middle)
    scale = np.where(known, share * own.scale + (1 - share) * prior.scale, math.inf)
    low, high = (share * mine + (1 - share) * shipped for mine, shipped in zip(own.body, prior.body, strict=True))
    return replace(own, middle=middle, scale=scale, body=(low, high))


def assess(model: Model, plays: Plays, until: float) -> Assessment | None:
    """Return the judgement of one account by its plays in the week before `until`; `None` for too few plays."""
    values = Profile(plays, model.reference).vector(until)
    return None if values is None else assess_values(model, values)


def assess_values(model: Model, values: Vector) -> Assessment:
    """Return the judgement of one vector."""
    (score,) = _scores(model, values[None, :])
    differences = _differences(model, values[None, :])[0]
    order = [int(index) for index in np.argsort(-differences, kind="stable")]
    chosen = [index for index in order if differences[index] >= _STANDS_OUT] or order[:1]
    findings = [_finding(model, values, index, float(differences[index])) for index in _once_each(chosen)]
    return Assessment(
        float(score),
        model.threshold,
        tuple(findings[:4]),
        broken_limits(values),
        _evidence(differences[None, :])[0],
        values,
    )


def _once_each(indices: Sequence[int]) -> list[int]:
    """Return the first of each feature's two windows."""
    names = [FEATURES[index].name.removesuffix(" in a week") for index in indices]
    return [index for position, index in enumerate(indices) if names.index(names[position]) == position]


def _finding(model: Model, values: Vector, index: int, difference: float) -> Finding:
    feature = FEATURES[index]
    return Finding(feature, feature.say(float(values[index])), feature.say(float(model.middle[index])), difference)


def _differences(model: Model, vectors: Vector) -> Vector:
    """Return how many usual differences each value is above the median; 0 where it, or the model, says nothing."""
    differences: Vector = np.nan_to_num((vectors - model.middle) / model.scale, nan=0.0)
    return differences


def _evidence(differences: Vector) -> Vector:
    """Return the evidence of each group of features: its strongest feature, less the usual part."""
    groups = np.stack([differences[:, members].max(axis=1) for members in _MEMBERS], axis=1)
    evidence: Vector = np.maximum(groups - _USUAL, 0.0)
    return evidence


def _scores(model: Model, vectors: Vector) -> Vector:
    """Return the scores: evidence about a life, and up to a limit about a hand; several groups add as squares do."""
    evidence = model.weights * _evidence(_differences(model, vectors))
    life, hand = (np.sqrt((evidence[:, part] ** 2).sum(axis=1)) for part in (_IS_LIFE, ~_IS_LIFE))
    scores: Vector = life + np.minimum(hand, _MOST_BY_HAND)
    return scores


def _weekly_peaks(model: Model, moments: Moments, until: float) -> list[float]:
    """Return the highest score of each week in which the account has one."""
    scores = _scores(model, np.array([vector for _, vector in moments]))
    peaks: dict[int, float] = {}
    for (moment, _), score in zip(moments, scores, strict=True):
        week = int((until - moment) // WEEK)
        peaks[week] = max(peaks.get(week, 0.0), float(score))
    return list(peaks.values())


def _middle(rows: Vector) -> Vector:
    return _quantile(rows, 0.5)


def _quantile(rows: Vector, share: float) -> Vector:
    """Return each column's quantile without its NaN; NaN for a column that has nothing else."""
    ordered, last = np.sort(rows, axis=0), np.maximum(np.sum(~np.isnan(rows), axis=0) - 1, 0)  # NaN are sorted last
    at = share * last
    below, columns = np.floor(at).astype(np.int64), np.arange(rows.shape[1])
    low, high = ordered[below, columns], ordered[np.minimum(below + 1, last), columns]
    quantiles: Vector = low + (at - below) * (high - low)
    return quantiles


def _normal_quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)
