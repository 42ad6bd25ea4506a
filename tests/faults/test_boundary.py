"""The short form of the drill of season boundaries, on one of each part."""

from __future__ import annotations

from pathlib import Path

from bench.faults.boundary import SHORT, BoundaryDrill
from tests.parts.product import Product


def test_a_season_that_is_ended_under_load_is_final_and_nothing_is_lost(fragile: Product, tmp_path: Path) -> None:
    with BoundaryDrill(fragile.stack, tmp_path, SHORT) as drill:
        outcome = drill.run()
    assert outcome.wrong == []
    assert outcome.ended == 1
