"""Cursors hold places exactly, and are valid for the list alone that they were written for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.boards import MAX_SCORE
from app.domain.cursors import Cursors, Place

NOW = datetime(2026, 11, 27, 10, 0, 0, 123457, tzinfo=UTC)
SCOPE = ["main", 1, ""]
CURSORS = Cursors(["a secret", "an older secret"])


@pytest.mark.parametrize("score", [0, -1, 7, MAX_SCORE, -MAX_SCORE])
def test_a_cursor_has_its_place_to_the_microsecond(score: int) -> None:
    place = Place(score, NOW, uuid4())
    assert CURSORS.read_place(SCOPE, CURSORS.write_place(SCOPE, place)) == place


@pytest.mark.parametrize("scope", [["main", 2, ""], ["main", 1, "country:JP"], ["weekly", 1, ""], ["main1", "", ""]])
def test_a_cursor_of_one_list_is_none_of_another(scope: list[object]) -> None:
    with pytest.raises(ValueError, match="is not a cursor of this list"):
        CURSORS.read(scope, CURSORS.write(SCOPE, 1, 2))


def test_each_changed_character_is_noticed() -> None:
    cursor = CURSORS.write_place(SCOPE, Place(5, NOW, UUID(int=7)))
    for index in range(len(cursor) - 1):
        changed = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
        with pytest.raises(ValueError, match="is not a cursor"):
            CURSORS.read(SCOPE, changed)


@pytest.mark.parametrize("text", ["", "=", "é", "\0", "x" * 10_000, "AAAA", "A" * 40, " " * 30])
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="is not a cursor"):
        CURSORS.read(SCOPE, text)


def test_cursors_outlive_the_rotation_of_secrets() -> None:
    older, newer = Cursors(["an older secret"]), Cursors(["a new secret", "an older secret"])
    assert newer.read(SCOPE, older.write(SCOPE, 5)) == [5]
    with pytest.raises(ValueError, match="is not a cursor"):
        older.read(SCOPE, newer.write(SCOPE, 5))


def test_the_place_of_a_score_is_ahead_of_its_players_and_behind_the_better_ones() -> None:
    ahead = Place.first_with(5)
    assert ahead.score == 5
    assert ahead.achieved_at < NOW - timedelta(days=365_000)
    assert (ahead.achieved_at, ahead.player) < (NOW, UUID(int=0))
