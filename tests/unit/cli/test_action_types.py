from __future__ import annotations

from typing import Any

import pytest

from app.domain.action_types import problems


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", ""),
        ("slug", "Upper"),
        ("slug", "two--dashes"),
        ("slug", "-first"),
        ("slug", "line\n"),
        ("slug", "x" * 65),
        ("name", ""),
        ("name", " padded"),
        ("name", "bell\x07"),
        ("name", "x" * 81),
        ("points", 0),
        ("points", 1_000_000_001),
        ("points", None),
        ("points", True),
        ("min_seconds", -0.1),
        ("min_seconds", 86_401),
        ("min_seconds", float("nan")),
        ("min_seconds", float("inf")),
        ("burst", 0),
        ("per_minute", 100_001),
        ("steadiest_hand", -0.1),
        ("steadiest_hand", 61),
        ("cadence", "server"),
        ("parallel", 0),
        ("min_is_fact", 1),
    ],
)
def test_a_value_that_makes_no_sense_is_named(field: str, value: Any) -> None:
    assert [problem["field"] for problem in problems({field: value})] == [field]


def test_values_at_the_edges_are_good() -> None:
    low = {"slug": "a", "name": "A", "points": 1, "min_seconds": 0, "burst": None, "per_minute": 1}
    high = {"slug": "a-1" * 21, "points": 1_000_000_000, "min_seconds": 86_400.0, "burst": 100_000, "per_minute": None}
    assert problems(low) == []
    assert problems(high) == []
