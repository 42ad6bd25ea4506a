"""Results whose sum no column holds, on a board that doesn't sum them: everything works as with any others."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from tests.integration.boards.test_counting import _history
from tests.integration.boards.test_scorings import add_board

BY = {"actor": "cli:tests", "reason": "a test", "request_id": "r"}
EVENTS = 1100  # more than 2^63 / 2^53
_SCORE = """
    WITH events AS (
        INSERT INTO score_events
            (action_id, player_id, season_id, action_type_id, points, score, issued_at, created_at, request_id)
        SELECT gen_random_uuid(), :player, :season, t.id, :most, :most, at, at, 'r'
        FROM generate_series(1, :events), action_types t, (SELECT now() - interval '1h' AS at) an_hour_ago
        WHERE t.slug = 'tap' RETURNING id, action_id, created_at
    )
    INSERT INTO standings (season_id, player_id, score, changes, keeps_newest, achieved_at, action_id)
    SELECT :season, :player, :most, :events, false, created_at, action_id FROM events ORDER BY id LIMIT 1
    RETURNING score
"""


@pytest.fixture
def player(container: Container) -> UUID:
    """Return a player with the highest result there is, again and again, an hour ago."""
    player = _history(container).players[0]
    best, closed = add_board(container, "highest", "best"), add_board(container, "closed", ends="now() - interval '2h'")
    container.database.rows(
        "UPDATE action_types SET board_id = :best, more_boards = ARRAY[CAST(:closed AS int)] RETURNING id",
        best=best,
        closed=closed,
    )
    (season,) = container.database.rows("SELECT id FROM seasons WHERE board_id = :best", best=best)
    values = {"player": player, "season": season.id, "most": MAX_SCORE, "events": EVENTS}
    container.database.rows(_SCORE, **values)
    return player


def test_they_are_compared_voided_and_restored(container: Container, player: UUID) -> None:
    corrections, before = container.corrections, container.database.rows("SELECT score, action_id FROM standings")
    assert list(corrections.find_unsound()) == []
    selection = Selection(player_id=player)
    assert corrections.preview(selection).events == EVENTS
    void = corrections.void(selection, **BY)
    assert corrections.work(void).events == EVENTS
    assert list(corrections.find_unsound()) == []
    assert corrections.work(corrections.restore(void, **BY)).events == EVENTS
    assert container.database.rows("SELECT score, action_id FROM standings") == before


def test_they_stop_neither_the_roll_ups_nor_the_watch_on_gain(container: Container, player: UUID) -> None:
    container.analytics.roll_up()
    assert {row.redemptions for row in container.database.rows("SELECT redemptions FROM rollups")} == {EVENTS}
    for _ in range(2):  # the second time there are sums to add to
        container.database.rows("UPDATE gain_progress SET cursor = 0 RETURNING cursor")
        assert container.gain_watch.watch().events == EVENTS
