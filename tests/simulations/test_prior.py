"""The model that is shipped can be made again."""

from __future__ import annotations

from importlib.resources import files

from anticheat.stored_model import dump
from bench.fairness.prior import PLAYERS, prior


def test_the_shipped_model_is_what_the_command_makes() -> None:
    stored, _ = dump(prior(PLAYERS))
    assert stored == files("anticheat").joinpath("shipped_model.json").read_bytes(), (
        "make it again: python -m bench.fairness.prior --write anticheat/shipped_model.json"
    )
