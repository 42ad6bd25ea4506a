"""Open cases in the order of the harm that may come of waiting."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.errors import InvalidRequest
from app.stores.moderation.cases import Filters, ListedCase
from app.stores.moderation.gain import GainStore
from tests.integration.moderation.cases.parts import BY, Field


def _page(field: Field, **options: object) -> list[ListedCase]:
    page, _ = field.container.cases.page(Filters("open"), order="harm", **options)  # type: ignore[arg-type]
    return page


@pytest.fixture
def suspects(field: Field) -> dict[str, UUID]:
    """Return open cases by name, opened in this order: of a leader, of a small cheat, and of two without points."""
    players = {name: field.player(name) for name in ("leader", "small", "bot", "patient")}
    for number in range(5):
        field.score(field.player(f"honest {number}"), 40 + number)
    field.score(players["leader"], 5000)
    field.score(players["small"], 3)
    field.container.gain_watch.watch()
    return {name: field.suspect(player) for name, player in players.items()}


def test_points_and_places_come_first_and_every_row_says_why(field: Field, suspects: dict[str, UUID]) -> None:
    store = GainStore(field.container.database)
    position = store.position()
    store.fold(position.cursor, position.newest)  # as half a minute later
    with field.container.database.transaction() as connection:
        for name in ("leader", "small"):
            store.add_signal(connection, _player(field, suspects[name]), "gain", "seen", "expected", "flag")
    for name in ("leader", "small"):
        field.suspect(_player(field, suspects[name]))
    page = _page(field)
    assert [case.case_id for case in page[:2]] == [suspects["leader"], suspects["small"]]
    harm = page[0].harm
    assert harm is not None
    assert (harm.certainty, harm.place) == (0.2, 10.0)
    assert harm.points == pytest.approx(5000 / 54_000, abs=0.001), "boss fights of three hours are a great day"
    assert harm.score == pytest.approx(0.2 * (harm.place + harm.points), abs=0.001)


def test_an_appeal_comes_before_cases_without_evidence(field: Field, suspects: dict[str, UUID]) -> None:
    field.container.cases.appeal(_player(field, suspects["patient"]), "It was me.")
    assert _page(field)[0].case_id == suspects["patient"]


def test_pages_by_harm_neither_skip_nor_repeat(field: Field, suspects: dict[str, UUID]) -> None:
    cases = field.container.cases
    first, after = cases.page(Filters("open"), order="harm", limit=3)
    second, end = cases.page(Filters("open"), order="harm", limit=3, after=after)
    assert {case.case_id for case in (*first, *second)} == set(suspects.values())
    assert (len(first), len(second), end) == (3, 1, None)


def test_only_open_cases_have_a_harm(field: Field, suspects: dict[str, UUID]) -> None:
    cases = field.container.cases
    field.container.decisions.decide(suspects["bot"], "cleared", BY)
    page, _ = cases.page(limit=10)
    assert [case.case_id for case in page if case.harm is None] == [suspects["bot"]]
    assert suspects["bot"] not in {case.case_id for case in _page(field)}
    with pytest.raises(InvalidRequest):
        cases.page(Filters("cleared"), order="harm")


def _player(field: Field, case_id: UUID) -> UUID:
    (row,) = field.container.database.rows("SELECT player_id FROM cases WHERE id = :id", id=case_id)
    player: UUID = row.player_id
    return player
