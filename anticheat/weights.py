"""The weights of the groups of features, learned from people's decisions on cases. Needs numpy and scipy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anticheat.features import GROUPS
from anticheat.plays import Vector

ENOUGH_VERDICTS = 20
"""Of each kind, confirmed and cleared: with fewer, all groups weigh the same."""
_FIRMNESS = 2.0  # how many decisions it takes to move a weight: higher keeps them nearer to 1
_LARGEST = 3.0


def equal_weights() -> Vector:
    """Return the weights before there are enough decisions."""
    return np.ones(len(GROUPS))


def refitted_weights(evidence: Vector, is_confirmed: Sequence[bool]) -> Vector:
    """Return the weights, 0 to 3, that tell confirmed from cleared cases best, near 1 where these say little.

    `evidence` has a row for each decided case. It is a logistic regression; with fewer than ENOUGH_VERDICTS of either
    kind all weights are 1.
    """
    confirmed = np.array(is_confirmed, dtype=np.float64)
    if min(confirmed.sum(), len(confirmed) - confirmed.sum()) < ENOUGH_VERDICTS:
        return equal_weights()
    from scipy.optimize import minimize  # slow to import

    def loss(parameters: Vector) -> float:
        weights, bias = parameters[:-1], parameters[-1]
        margin = (2 * confirmed - 1) * (evidence @ weights - bias)
        return float(np.logaddexp(0, -margin).sum() + _FIRMNESS * ((weights - 1) ** 2).sum())

    start = np.append(equal_weights(), float(np.median(evidence.sum(axis=1))))
    bounds = [(0.0, _LARGEST)] * len(GROUPS) + [(None, None)]
    fitted: Vector = np.round(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x[:-1], 3)
    return fitted
