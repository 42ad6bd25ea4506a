"""Learn a model from accounts' weeks, from people's decisions, and on small servers from the shipped model.

It is told of no cheats, and some among the accounts do no harm: each account counts once, by medians and quantiles that
a twentieth of the accounts cannot move far. Needs numpy, and scipy for decisions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from anticheat.features import DAY, FEATURES, WEEK, Profile, Reference, reference_of
from anticheat.model import FALSE_CASES, Model, differences_of, evidence_of, scores_of
from anticheat.plays import Plays, Vector
from anticheat.weights import equal_weights, refitted_weights

LEAST_ACCOUNTS, ENOUGH_ACCOUNTS = 30, 200
"""Up to the first number of accounts, the shipped model judges alone; from the second on, not at all."""

_BODY = (0.6, 0.9)  # these quantiles tell how scores spread; unnoticed cheats are above them
_TRIMS = 3  # times that accounts above the threshold are left out, and the others learned from again
_MOMENTS = DAY / 4  # training looks at each account so often

Moments = Sequence[tuple[float, Vector]]
"""An account's vectors, each with its moment."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's decision on a case: the account's plays, when the case was opened, and whether it was confirmed."""

    plays: Plays
    opened_at: float
    is_confirmed: bool


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
        evidence = evidence_of(differences_of(model, np.array([values for values, _ in decided])))
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


def _weekly_peaks(model: Model, moments: Moments, until: float) -> list[float]:
    """Return the highest score of each week in which the account has one."""
    scores = scores_of(model, np.array([vector for _, vector in moments]))
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
