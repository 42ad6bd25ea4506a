"""An outlier model of how people play: it finds windows that are like nobody else's, and says in what.

It is trained on everybody, cheats included, without being told who is one. Its trees come from scikit-learn's
IsolationForest; what is kept of them is plain numbers, so that a stored model is data and can't run anything.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anticheat.features import FEATURES, Vector

TREES, SAMPLE = 200, 256
THRESHOLD = 0.62
"""Above it, a window is a case for a person. Chosen by the simulator on seeds that are not reported on."""

LEAST_WINDOWS = 200
"""Fewer to learn from, and whoever plays much is an outlier."""

_STANDS_OUT = 3.0  # times the usual distance between the middle and the upper quarter
_ARRAYS = ("feature", "below", "left", "right", "depth", "roots", "middle", "scale")


class Damaged(ValueError):
    """A stored model that can't be read, or isn't what it was."""


@dataclass(frozen=True, slots=True)
class Model:
    """Nodes of all trees in one table; a leaf has feature -1, and `depth` with what its samples would add.

    `middle` and `scale` of each feature in the population; `sample` windows went into each tree.
    """

    feature: Any
    below: Any
    left: Any
    right: Any
    depth: Any
    roots: Any
    middle: Vector
    scale: Vector
    sample: int


def train(windows: Sequence[Vector], seed: int) -> Model:
    """The same windows and seed give the same model. Raises ValueError for fewer than LEAST_WINDOWS."""
    if len(windows) < LEAST_WINDOWS:
        raise ValueError(f"{len(windows)} windows are too few to learn from: {LEAST_WINDOWS} are needed")
    from sklearn.ensemble import IsolationForest  # the one thing that is slow to import

    matrix = np.vstack(windows)
    middle = np.median(matrix, axis=0)
    least = np.array([feature.least for feature in FEATURES])
    scale = np.maximum(np.quantile(matrix, 0.75, axis=0) - middle, least)
    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLE, len(matrix)), random_state=seed)
    forest.fit(_one_sided(matrix, middle, scale))
    tables: dict[str, list[Any]] = {name: [] for name in ("feature", "below", "left", "right", "depth")}
    roots, offset = [], 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        roots.append(offset)
        inner = tree.children_left >= 0
        tables["feature"].append(np.where(inner, tree.feature, -1))
        tables["below"].append(tree.threshold)
        tables["left"].append(np.where(inner, tree.children_left + offset, -1))
        tables["right"].append(np.where(inner, tree.children_right + offset, -1))
        tables["depth"].append(_depths(tree))
        offset += tree.node_count
    joined = {name: np.concatenate(parts) for name, parts in tables.items()}
    return Model(**joined, roots=np.array(roots), middle=middle, scale=scale, sample=int(forest.max_samples_))


def score(model: Model, window: Vector) -> float:
    """From 0 to 1: about 0.5 is like many others, towards 1 like nobody."""
    point = _one_sided(window[None, :], model.middle, model.scale)[0]
    nodes = np.array(model.roots)
    while True:
        features = model.feature[nodes]
        inner = features >= 0
        if not inner.any():
            break
        goes_left = point[np.maximum(features, 0)] <= model.below[nodes]
        nodes = np.where(inner, np.where(goes_left, model.left[nodes], model.right[nodes]), nodes)
    return float(2.0 ** (-model.depth[nodes].mean() / _path(model.sample)))


def stands_out(model: Model, window: Vector) -> list[tuple[str, str, str]]:
    """In what: (what it is, the player's value, the population's), the strangest first; at least one."""
    distance = (window - model.middle) / model.scale
    order = [int(at) for at in np.argsort(-distance)]
    chosen = [at for at in order if distance[at] >= _STANDS_OUT][:3] or order[:1]
    return [
        (FEATURES[at].words, FEATURES[at].shows.format(window[at]), FEATURES[at].shows.format(model.middle[at]))
        for at in chosen
    ]


def dump(model: Model) -> tuple[bytes, str]:
    """The model as bytes, and their SHA-256 in hex; the same model gives the same bytes."""
    file = io.BytesIO()
    for name in _ARRAYS:
        np.save(file, np.ascontiguousarray(getattr(model, name)), allow_pickle=False)
    np.save(file, np.array([model.sample]), allow_pickle=False)
    stored = file.getvalue()
    return stored, hashlib.sha256(stored).hexdigest()


def load(stored: bytes, digest: str) -> Model:
    """The model of `dump`. Raises Damaged."""
    if hashlib.sha256(stored).hexdigest() != digest:
        raise Damaged("the stored model is not the one that was trained")
    file = io.BytesIO(stored)
    try:
        arrays = {name: np.load(file, allow_pickle=False) for name in _ARRAYS}
        sample = int(np.load(file, allow_pickle=False)[0])
    except (ValueError, OSError, EOFError) as error:
        raise Damaged(f"the stored model can't be read: {error}") from error
    if len(arrays["middle"]) != len(FEATURES):
        raise Damaged(f"the stored model has {len(arrays['middle'])} features, this version {len(FEATURES)}")
    return Model(**arrays, sample=sample)


def _one_sided(matrix: Vector, middle: Vector, scale: Vector) -> Vector:
    """Distances above the middle alone, on a scale that flattens out: whoever is less like a machine is no outlier."""
    distance: Vector = np.log1p(np.maximum(0.0, (matrix - middle) / scale))
    return distance.astype(np.float32).astype(np.float64)  # as the trees see it


def _depths(tree: Any) -> Vector:
    """Of each node: its depth, and in a leaf what the samples there would take to be told apart."""
    depths = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # parents come before their children
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depths[child] = depths[node] + 1
    leaves = tree.children_left < 0
    depths[leaves] += [_path(int(count)) for count in tree.n_node_samples[leaves]]
    return depths


def _path(count: int) -> float:
    """The mean number of steps to tell one of so many apart, as in the paper on isolation forests."""
    if count <= 1:
        return 0.0
    if count == 2:
        return 1.0
    return 2.0 * (math.log(count - 1.0) + np.euler_gamma) - 2.0 * (count - 1.0) / count
