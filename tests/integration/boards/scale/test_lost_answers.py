"""Each answer of Redis or PostgreSQL may come too late, once: a rebuild, a repair and a proof end all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import redis.connection
import redis.exceptions
import sqlalchemy as sa
import sqlalchemy.exc

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from tests.integration.boards.test_scorings import add_board, feed, redeem
from tests.integration.boards.test_seasons import add_player

Work = Callable[[Container, Season], object]
WORK: dict[str, Work] = {
    "rebuild": lambda container, season: container.board_sync.rebuild(season),
    "repair": lambda container, season: container.board_sync.repair(),
    "prove": lambda container, season: container.reconciler.reconcile(pause=0.0),
    "verify": lambda container, season: container.board_sync.verify(season),
}


class Answers:
    """Counts the answers, and loses one of them."""

    def __init__(self) -> None:
        self.count, self.lost = 0, -1

    def comes(self) -> bool:
        """Count an answer; return False if it is the one to lose."""
        self.count += 1
        return self.count - 1 != self.lost

    def start(self, lost: int) -> None:
        self.count, self.lost = 0, lost


@pytest.fixture
def answers(container: Container, monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers, read = Answers(), redis.connection.Connection.read_response

    def read_response(connection: Any, *arguments: Any, **options: Any) -> Any:
        answer = read(connection, *arguments, **options)
        if not answers.comes():
            connection.disconnect()
            raise redis.exceptions.TimeoutError("Timeout reading from socket")
        return answer

    @sa.event.listens_for(container.database.engine, "after_cursor_execute")
    def _execute(*_: object) -> None:
        if not answers.comes():
            error = psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
            raise sqlalchemy.exc.OperationalError("", None, error)

    monkeypatch.setattr(redis.connection.Connection, "read_response", read_response)
    return answers


@pytest.fixture
def season(container: Container) -> Season:
    """Return the season of a board on which less is better, with some players."""
    feed(container, [add_board(container, "fastest", "best", "asc")])
    for number in range(3):
        redeem(container, add_player(container, f"player-{number}"), number)
    container.board_sync.repair()
    return container.standings.season("fastest")


@pytest.mark.parametrize("name", WORK)
def test_no_lost_answer_ends_the_work(container: Container, season: Season, answers: Answers, name: str) -> None:
    main = container.standings.season(MAIN)

    def prepare() -> None:
        answers.start(-1)
        if name in ("repair", "prove"):  # one board is to be rebuilt, the other to be corrected
            container.rankings.mark_incomplete(season)
            container.redis.zadd(container.rankings.key("scores", main), {"no player": 1})

    prepare()
    answers.start(-1)
    WORK[name](container, season)
    count = answers.count
    assert count > 5
    for lost in range(count):
        prepare()
        answers.start(lost)
        WORK[name](container, season)
        answers.start(-1)
        if name != "repair":
            assert container.board_sync.verify(season) == [], lost
