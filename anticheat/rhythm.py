"""Measures of the time between a person's actions: each grows with the likeness to a generator of numbers.

A measure of too few plays is NaN: it says nothing. Needs numpy.
"""

from __future__ import annotations

import math

import numpy as np

from anticheat.plays import PAUSE, Codes, HandPlays, Vector, plausible_growth

LEAST_INTERVALS = 40
_GRAIN = 0.04  # seconds: intervals that differ by less count as the same
_RUN_LENGTH = 8  # this many intervals in a row that repeat earlier ones are no accident, even of a steady hand
_BLOCK = 24  # intervals: people drift from one such block to the next
_FEWEST_BLOCKS = 5
_LEAST_SPREAD = 0.004  # seconds
_SHORTEST_LAG = 60  # intervals: nearer ones are alike since people drift
_NOTHING = math.nan


def steadiness(seconds: Vector) -> float:
    """Return how little the middle half of these times differs: minus the log2 of the difference in seconds."""
    if len(seconds) < LEAST_INTERVALS:
        return _NOTHING
    low, high = np.quantile(seconds, [0.25, 0.75])
    return -math.log2(max(float(high - low), _LEAST_SPREAD))


def hesitation(delays: Vector) -> float:
    """Return the log10 of the actions to one that took a second longer than usual, and double: people look away."""
    if len(delays) < LEAST_INTERVALS:
        return _NOTHING
    usual = float(np.median(delays))
    return math.log10((1 + len(delays)) / (1 + int(np.sum(delays > max(usual + 1, 2 * usual)))))


def symmetry(residuals: Vector) -> float:
    """Return how little longer the long delays are than the short ones are short, as -1 to 1 of the log of delays."""
    if len(residuals) < 2 * LEAST_INTERVALS:
        return _NOTHING
    low, middle, high = np.quantile(residuals, [0.05, 0.5, 0.95])
    return -float((high + low - 2 * middle) / max(float(high - low), 1e-6))


def forgetfulness(residuals: Vector, at_pause: Codes) -> float:
    """Return how little blocks of delays differ: minus the log2 of their variance over that of a generator.

    A generator without memory comes near 0, people with moods below -1, a machine that catches up above 0. Of few
    blocks it is the lowest value that is plausible.
    """
    parts = [part[: len(part) // _BLOCK * _BLOCK].reshape(-1, _BLOCK) for part in np.split(residuals, at_pause)]
    blocks = np.concatenate(parts)
    if len(blocks) < _FEWEST_BLOCKS:
        return _NOTHING
    spread = float(np.var(blocks))
    ratio = _BLOCK * float(np.var(blocks.mean(axis=1), ddof=1)) / spread if spread > 1e-9 else 0.0
    return -math.log2(max(ratio, 0.125) * plausible_growth(len(blocks)))


def residuals_of(plays: HandPlays) -> Vector:
    """Return the log of each delay over the usual one of its action type, limited to those that are no pause."""
    logs = np.log(np.minimum(plays.delay, PAUSE))
    result = np.zeros_like(logs)
    for code in range(len(plays.type_names)):
        chosen = plays.type_code == code
        if chosen.any():
            result[chosen] = logs[chosen] - np.median(logs[chosen])
    return np.clip(result, -2.0, 2.0)


def repeats(plays: HandPlays) -> float:
    """Return the share of runs of intervals that repeat an earlier run of the player's own."""
    runs = _runs(plays.gap)
    return 1 - len(np.unique(runs)) / len(runs) if len(runs) >= LEAST_INTERVALS else _NOTHING


def _runs(gaps: Vector) -> Codes:
    """Return each run of _RUN_LENGTH intervals in a row, rounded, as one number."""
    ticks = np.round(np.minimum(gaps, 2 * PAUSE) / _GRAIN).astype(np.int64)
    if len(ticks) < _RUN_LENGTH:
        return np.zeros(0, dtype=np.int64)
    rows = np.lib.stride_tricks.sliding_window_view(ticks, _RUN_LENGTH)
    rows = rows[(rows < PAUSE / _GRAIN).all(axis=1)]
    numbers = np.zeros(len(rows), dtype=np.int64)
    for column in range(_RUN_LENGTH):
        numbers = numbers * 60_013 + rows[:, column]
    return numbers


def echo(residuals: Vector) -> float:
    """Return how much the delays resemble those some time before.

    It is the highest correlation at any long lag, as the log2 of its standard errors.
    """
    count = len(residuals)
    if count < 3 * _SHORTEST_LAG:
        return _NOTHING
    window = np.ones(21) / 21
    ours = residuals - np.convolve(residuals, window, mode="same")  # moods are alike at any lag
    spread = float(np.var(ours))
    if spread < 1e-9:
        return _NOTHING
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(ours, size)
    lags = np.arange(_SHORTEST_LAG, count - _SHORTEST_LAG)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)[lags] / spread
    return math.log2(max(1.0, float(np.max(correlation / np.sqrt(count - lags)))))
