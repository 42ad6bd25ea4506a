"""95% intervals for what a simulation can only sample."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy import stats


def of_share(hits: int, total: int) -> tuple[float, float]:
    """Return Wilson's interval for a share, which stays correct for small numbers: none of 60 is not zero."""
    low, high = stats.binomtest(hits, total).proportion_ci(0.95, method="wilson")
    return float(low), float(high)


def of_mean(rates: Sequence[float]) -> tuple[float, float]:
    """Return Student's interval for the mean of rates, within 0 and 1; the mean twice for a single rate."""
    mean = statistics.fmean(rates)
    if len(rates) < 2:
        return mean, mean
    margin = float(stats.t.ppf(0.975, len(rates) - 1)) * statistics.stdev(rates) / math.sqrt(len(rates))
    return max(0.0, mean - margin), min(1.0, mean + margin)
