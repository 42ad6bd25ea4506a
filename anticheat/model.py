"""An outlier model of how people play: it finds days that are unlike all others, and names the features.

It learns from all players, cheats included, without being told which are cheats. A day's score is its mean distance to
the NEIGHBOURS days of others that are most like it. A stored model is plain numbers, so it can't run code.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anticheat.features import FEATURES, Feature, Vector

NEIGHBOURS, MOST_POINTS = 50, 5_000
THRESHOLD = 5.5
"""From this score on, a day is a case for a person. Chosen by the simulator, on seeds and kinds outside its report."""

LEAST_WINDOWS = 1_000
"""With fewer days to learn from, a player who plays much would be an outlier."""

_STANDS_OUT = 3.0  # times the usual distance between the middle and the upper quarter
_LOWEST = -1.0  # a day that is less like a machine's than most is not strange for that


class DamagedModel(ValueError):
    """A stored model that can't be read, or isn't the one that was trained."""


@dataclass(frozen=True, slots=True)
class Model:
    """The days that others are compared with, and each feature's middle and usual distance from it."""

    points: Vector
    middle: Vector
    scale: Vector


def train(windows: Sequence[Vector], seed: int) -> Model:
    """Return a model; the same windows in the same order and the same seed give the same. ValueError for too few."""
    if len(windows) < LEAST_WINDOWS:
        raise ValueError(f"{len(windows)} days of play are too few to learn from: {LEAST_WINDOWS} are needed")
    matrix = np.vstack(windows)
    middle = np.median(matrix, axis=0)
    least = np.array([feature.least_difference for feature in FEATURES])
    scale = np.maximum(np.quantile(matrix, 0.75, axis=0) - middle, least)
    if len(matrix) > MOST_POINTS:
        matrix = matrix[np.sort(np.random.default_rng(seed).choice(len(matrix), MOST_POINTS, replace=False))]
    return Model(_scaled(matrix, middle, scale), middle, scale)


def scores(model: Model, windows: Sequence[Vector]) -> list[float]:
    """Return each window's score: below 1 is like many others; from THRESHOLD on, like no other."""
    if not windows:
        return []
    return _distances(model, _scaled(np.vstack(windows), model.middle, model.scale), 0)


def own_scores(model: Model) -> list[float]:
    """Return the scores of the days that the model learned from, each compared with the others."""
    return _distances(model, model.points, 1)


def _distances(model: Model, points: Vector, skipped: int) -> list[float]:
    from sklearn.neighbors import NearestNeighbors  # the only import that is slow

    neighbours = NearestNeighbors(n_neighbors=min(NEIGHBOURS + skipped, len(model.points))).fit(model.points)
    distances, _ = neighbours.kneighbors(points)
    return [float(distance) for distance in distances[:, skipped:].mean(axis=1)]


@dataclass(frozen=True, slots=True)
class FeatureDifference:
    """A feature in which a day stands out: its value, and the population's middle, both in words."""

    feature: Feature
    value: str
    usual: str


def unusual_features(model: Model, window: Vector) -> list[FeatureDifference]:
    """Return the features in which the day is unlike others, the strangest first; three at most, at least one."""
    distance = (window - model.middle) / model.scale
    order = [int(index) for index in np.argsort(-distance, kind="stable")]
    chosen = [index for index in order if distance[index] >= _STANDS_OUT][:3] or order[:1]
    return [
        FeatureDifference(
            FEATURES[index],
            FEATURES[index].format_value(float(window[index])),
            FEATURES[index].format_value(float(model.middle[index])),
        )
        for index in chosen
    ]


def dump(model: Model) -> tuple[bytes, str]:
    """Return the model as bytes, and their SHA-256 in hex; the same model gives the same bytes."""
    file = io.BytesIO()
    for part in (model.points, model.middle, model.scale):
        np.save(file, np.ascontiguousarray(part), allow_pickle=False)
    stored = file.getvalue()
    return stored, hashlib.sha256(stored).hexdigest()


def load(stored: bytes, digest: str) -> Model:
    """Return the model of `dump`. Raises DamagedModel."""
    if hashlib.sha256(stored).hexdigest() != digest:
        raise DamagedModel("the stored model is not the one that was trained")
    file = io.BytesIO(stored)
    try:
        points, middle, scale = (np.load(file, allow_pickle=False) for _ in range(3))
    except (ValueError, OSError, EOFError) as error:
        raise DamagedModel(f"the stored model can't be read: {error}") from error
    if len(middle) != len(FEATURES):
        raise DamagedModel(f"the stored model has {len(middle)} features, this version {len(FEATURES)}")
    return Model(points, middle, scale)


def _scaled(matrix: Vector, middle: Vector, scale: Vector) -> Vector:
    scaled: Vector = np.maximum((matrix - middle) / scale, _LOWEST)
    return scaled
