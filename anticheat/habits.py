"""Measures of when and how long a player plays: each grows with the likeness to a schedule.

A measure of too few plays is NaN: it says nothing. Needs numpy.
"""

from __future__ import annotations

import math

import numpy as np

from anticheat.plays import PAUSE, Vector, plausible_growth

NIGHT = 4 * 3600.0
"""Seconds: a break this long may be a night."""
_HOUR, _DAY = 3600.0, 86_400.0
_NOTHING = math.nan
_LEAST_DAYS, _LEAST_SESSIONS = 3, 5
_SESSION_PAUSE = 1800.0
_QUIET_HOURS = 6


def stretches(at: Vector, gaps: Vector, pause: float = PAUSE) -> tuple[Vector, Vector]:
    """Return begin and length, in seconds, of each stretch of play without a pause."""
    if not len(at):
        return np.zeros(0), np.zeros(0)
    starts = np.flatnonzero(gaps > pause)
    starts = starts if len(starts) and starts[0] == 0 else np.concatenate(([0], starts))
    ends = np.concatenate((starts[1:], [len(at)])) - 1
    lengths: Vector = np.maximum(0.0, at[ends] - at[starts])
    return at[starts], lengths


def hours_awake(at: Vector, gaps: Vector) -> float:
    """Return the hours of the longest time without a break of four hours, wherever midnight lies."""
    _, lengths = stretches(at, gaps, NIGHT)
    return float(lengths.max()) / _HOUR if len(lengths) else _NOTHING


def sleeplessness(at: Vector) -> float:
    """Return the part of the play that falls into the six hours of the day with the least, 1 for a quarter of it."""
    days = np.unique(at // _DAY)
    if len(days) < _LEAST_DAYS:
        return _NOTHING
    # An hour counts once a day, however much was played in it.
    hours = np.unique(at // _HOUR).astype(np.int64) % 24
    if len(hours) < 12:
        return _NOTHING
    counts = np.bincount(hours, minlength=24)
    circle = np.concatenate((counts, counts[: _QUIET_HOURS - 1]))
    quiet = np.convolve(circle, np.ones(_QUIET_HOURS), mode="valid").min()
    return float(quiet) / len(hours) * 24 / _QUIET_HOURS


def punctuality(at: Vector, gaps: Vector) -> float:
    """Return how alike the times of day are at which play begins: minus the log2 of their spread in hours."""
    begins, lengths = stretches(at, gaps, _SESSION_PAUSE)
    begins = begins[lengths > 60]
    _, first = np.unique(begins // _DAY, return_index=True)
    if len(first) < _LEAST_DAYS:
        return _NOTHING
    angle = begins[first] % _DAY / _DAY * 2 * math.pi
    away = np.angle(np.exp(1j * angle) / np.exp(1j * np.angle(np.mean(np.exp(1j * angle)))))
    hours = float(np.sqrt(np.sum(away**2) / (len(away) - 1))) * 24 / (2 * math.pi)
    return -math.log2(_plausible_spread(hours, len(away), 1 / 60))


def sameness(at: Vector, gaps: Vector) -> float:
    """Return how alike the lengths of sessions are: minus the log2 of the spread of their logs."""
    _, lengths = stretches(at, gaps, _SESSION_PAUSE)
    lengths = lengths[lengths > 60]
    if len(lengths) < _LEAST_SESSIONS:
        return _NOTHING
    return -math.log2(_plausible_spread(float(np.std(np.log(lengths), ddof=1)), len(lengths), 0.01))


def daily_sameness(at: Vector) -> float:
    """Return how alike the days' numbers of plays are: minus the log2 of the spread of their logs."""
    _, counts = np.unique(at // _DAY, return_counts=True)
    if len(counts) < _LEAST_DAYS + 1:
        return _NOTHING
    counts = counts[1:] if len(counts) > _LEAST_DAYS + 1 else counts
    return -math.log2(_plausible_spread(float(np.std(np.log(counts), ddof=1)), len(counts), 0.01))


def _plausible_spread(spread: float, count: int, least: float) -> float:
    return max(spread, least) * math.sqrt(plausible_growth(count))
