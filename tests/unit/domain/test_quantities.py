from __future__ import annotations

from app.domain.quantities import quantity


def test_one_thing_is_in_the_singular_and_any_other_number_in_the_plural() -> None:
    assert [quantity(count, "player") for count in (0, 1, 2, 1000)] == [
        "0 players",
        "1 player",
        "2 players",
        "1,000 players",
    ]
