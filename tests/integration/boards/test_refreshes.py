"""A message refreshes several boards at once: whatever happens to one of them, the others are right."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.domain.boards import Season
from app.services.boards.outbox import BoardChange
from app.stores.boards.board_events import BoardChanged, Listening
from app.stores.unavailability import RedisRefuses
from tests.integration.boards.test_scorings import BOARDS, add_board, feed, redeem
from tests.integration.unavailability.test_foreign_values import SPOIL, Key
from tests.parts.client import fresh_name
from tests.parts.kinds import ON_BOTH
from tests.parts.waiting import eventually

_RESULTS = (5, 8, 3)


@pytest.fixture
def player(container: Container) -> UUID:
    """Let every action feed `main` and a board of each kind, all of them complete in Redis; return a player."""
    feed(container, [add_board(container, *board) for board in BOARDS])
    container.board_sync.repair()
    name = fresh_name()
    return container.players.add(uuid4(), name, name, "no password fits this", "player").id


def _play(container: Container, player: UUID) -> list[BoardChange]:
    """Redeem three results without telling Redis; return the changes for the workers."""
    for result in _RESULTS:
        redeem(container, player, result)
    changes: list[BoardChange] = []
    container.outbox.drain(changes.extend)
    return changes


def _sync(container: Container, changes: list[BoardChange]) -> dict[int, int]:
    """Do the task, again after a refusal, as the workers do."""
    try:
        return container.board_sync.sync(changes)
    except RedisRefuses:
        return container.board_sync.sync(changes)


def _messages(container: Container, changes: list[BoardChange]) -> dict[str, BoardChanged]:
    """Do the task of the changes; return the messages to subscribers by board."""
    listener = container.subscription()
    listener.open()
    eventually(lambda: listener.next(1.0) == Listening())
    versions = _sync(container, changes)
    messages: dict[str, BoardChanged] = {}
    while isinstance(message := listener.next(0.3), BoardChanged):
        messages[message.board] = message
    listener.close()
    by_board = {change.board: versions[change.season_id] for change in changes}
    assert {board: message.version for board, message in messages.items()} == by_board
    return messages


def _seasons(container: Container) -> dict[str, Season]:
    return {season.board: season for season in container.catalog.open_seasons()}


@ON_BOTH
def test_each_board_is_told_what_the_events_changed_on_it(container: Container, player: UUID) -> None:
    messages = _messages(container, _play(container, player))
    scores = {"main": 16, "weekly": 16, "fastest": 3, "highest": 8, "newest": 3, "lowest-newest": 3, "times": 3}
    assert {board: message.data[0]["score"] for board, message in messages.items()} == scores
    info = {
        board: (change["score"], change["previous_score"])
        for board in messages
        for change in messages[board].change_info
    }
    empty = {"main": 0, "weekly": 0, "times": 0}
    assert info == {board: (score, empty.get(board)) for board, score in scores.items()}
    for season in _seasons(container).values():
        assert container.board_sync.verify(season) == []


@pytest.mark.parametrize("kind", ["a text", "a list", "junk parts"])
@pytest.mark.parametrize(
    ("name", "type_"), [("scores", "zset"), ("versions", "hash"), ("order", "zset"), ("arranged", "hash")]
)
def test_a_foreign_value_in_one_board_leaves_the_others_right(
    container: Container, player: UUID, name: str, type_: str, kind: str
) -> None:
    changes, seasons = _play(container, player), _seasons(container)
    SPOIL[kind](Key(container.redis, f"leaderboard:{name}:{{{seasons['highest'].tag}}}", type_))
    messages = _messages(container, changes)
    assert {board: message.data[0]["score"] for board, message in messages.items() if board != "highest"}[
        "weekly"
    ] == 16
    assert messages["highest"].data[0]["score"] == 8
    container.board_sync.repair()
    container.reconciler.reconcile(pause=0.0)
    for season in seasons.values():
        assert container.board_sync.verify(season) == []


@ON_BOTH
def test_boards_that_redis_has_lost_are_rebuilt_after_the_others_were_told(container: Container, player: UUID) -> None:
    changes, seasons = _play(container, player), _seasons(container)
    container.rankings.clear(seasons["main"])
    messages = _messages(container, changes)
    assert list(messages)[-1] == "main"
    assert messages["main"].data[0]["score"] == 16
    assert container.rankings.ranks(seasons["main"], [16]) == [1]


def test_a_season_that_is_no_longer_shown_is_told_to_nobody(container: Container, player: UUID) -> None:
    changes, seasons = _play(container, player), _seasons(container)
    container.database.rows("UPDATE boards SET archived_at = now() WHERE slug = 'weekly' RETURNING id")
    versions = container.board_sync.sync(changes)
    assert [season_id for season_id, version in versions.items() if not version] == [seasons["weekly"].id]
