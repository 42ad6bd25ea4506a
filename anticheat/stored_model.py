"""A model as bytes: JSON of plain numbers, so that reading it can't run code. Needs numpy."""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np

from anticheat.features import FEATURES, GROUPS, Reference
from anticheat.model import Model
from anticheat.plays import Vector

_DIGITS = 9


class DamagedModel(ValueError):
    """A stored model that can't be read, or isn't the one that was trained."""


def dump(model: Model) -> tuple[bytes, str]:
    """Return the model as bytes, and their SHA-256 in hex; the same model gives the same bytes."""
    content = {
        "features": {
            feature.name: [_number(middle), _number(scale)]
            for feature, middle, scale in zip(FEATURES, model.middle, model.scale, strict=True)
        },
        "weights": dict(zip(GROUPS, map(_number, model.weights), strict=True)),
        "body": [_number(score) for score in model.body],
        "quick": {name: _number(seconds) for name, seconds in model.reference.quick.items()},
        "gap": {name: _number(seconds) for name, seconds in model.reference.gap.items()},
        "accounts": model.accounts,
        "own_share": model.own_share,
        "false_cases": model.false_cases,
        "numbers": dict(model.numbers),
    }
    stored = (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()
    return stored, hashlib.sha256(stored).hexdigest()


def load(stored: bytes, digest: str) -> Model:
    """Return the model of `dump`. Raises DamagedModel."""
    if hashlib.sha256(stored).hexdigest() != digest:
        raise DamagedModel("the stored model is not the one that was trained")
    try:
        return _read(json.loads(stored))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedModel(f"the stored model can't be read by this version: {error}") from error


def _read(content: dict[str, dict[str, list[float | None]]]) -> Model:
    features, weights = content["features"], content["weights"]
    if list(features) != [feature.name for feature in FEATURES] or list(weights) != list(GROUPS):
        raise ValueError("it has other features")
    body: list[float] = content["body"]  # type: ignore[assignment]
    return Model(
        Reference(content["quick"], content["gap"]),  # type: ignore[arg-type]
        _vector([features[feature.name][0] for feature in FEATURES], math.nan),
        _vector([features[feature.name][1] for feature in FEATURES], math.inf),
        _vector([weights[group] for group in GROUPS], 1.0),  # type: ignore[misc]
        (body[0], body[1]),
        content["accounts"],  # type: ignore[arg-type]
        content["own_share"],  # type: ignore[arg-type]
        content["false_cases"],  # type: ignore[arg-type]
        content["numbers"],  # type: ignore[arg-type]
    )


def _number(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _vector(values: list[float | None], missing: float) -> Vector:
    return np.array([missing if value is None else value for value in values], dtype=np.float64)
