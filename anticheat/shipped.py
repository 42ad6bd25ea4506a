"""The model that is shipped with Fairboard, for servers with few players. Needs numpy."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from anticheat.model import Model
from anticheat.stored_model import load


@cache
def shipped_model() -> Model:
    """Return the model that `python -m bench.fairness.prior` learned from simulated people."""
    stored = files("anticheat").joinpath("shipped_model.json").read_bytes()
    return load(stored, hashlib.sha256(stored).hexdigest())
