from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from app.container import Container
from app.stores.players import Player
from tests.integration.cli.conftest import Play, Run, Told

SCORES = "leaderboard:scores:{main/1}"
TOP = "leaderboard:top:10:{main/1}"


@pytest.fixture
def board(container: Container, anna: Player, ben: Player, play: Play) -> Container:
    """Anna has 2 points, Ben has 1, and Redis knows."""
    for player in (anna, anna, ben):
        play(player.id)
    container.refresh.rebuild(container.standings.season("main"))
    return container


def test_the_top_and_a_rank_are_what_the_database_has(board: Container, run: Run, told: Told) -> None:
    rows = told("leaderboard", "top")
    assert [(row["rank"], row["username"], row["score"]) for row in rows] == [(1, "Anna", 2), (2, "Ben", 1)]
    assert told("leaderboard", "top", "--limit", "1") == rows[:1]
    assert told("leaderboard", "rank", "ben") == rows[1]
    assert run("leaderboard", "top", "--limit", "101").exit_code == 2


def test_somebody_who_never_played_has_no_rank(anna: Player, told: Told) -> None:
    assert told("leaderboard", "rank", "anna")["rank"] is None


def test_a_board_that_is_right_is_clean(board: Container, run: Run, told: Told) -> None:
    assert told("leaderboard", "verify") == {"board": "main", "clean": True, "differences": []}
    assert run("leaderboard", "verify").stdout == "main is clean: Redis has what the database has.\n"


Spoil = Callable[[Container, Player], object]
SPOILED: dict[str, Spoil] = {
    "a wrong score": lambda board, anna: board.redis.zadd(SCORES, {str(anna.id): 7}),
    "a player who is missing": lambda board, anna: board.redis.zrem(SCORES, str(anna.id)),
    "a player who is nobody": lambda board, anna: board.redis.zadd(SCORES, {str(uuid4()): 3}),
    "a member that is no id": lambda board, anna: board.redis.zadd(SCORES, {"garbage": 3}),
    "a wrong cached top": lambda board, anna: board.redis.set(
        TOP, board.redis.get(TOP).replace('"score":2', '"score":9'), keepttl=True
    ),
    "no sorted set at all": lambda board, anna: board.redis.flushdb(),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_difference_is_printed_and_repaired_by_a_rebuild(
    spoil: Spoil, board: Container, anna: Player, run: Run, told: Told
) -> None:
    spoil(board, anna)
    done = run("leaderboard", "verify")
    assert done.exit_code == 1
    assert "main differs in 1: 'flask --app wsgi leaderboard rebuild --board main' repairs it." in done.stdout
    listed = run("leaderboard", "verify", "--json")
    assert listed.exit_code == 1
    found = json.loads(listed.stdout)
    assert (found["clean"], len(found["differences"])) == (False, 1)
    assert told("leaderboard", "rebuild")["standings"] == 2
    assert told("leaderboard", "verify")["clean"] is True


def test_both_sides_of_a_difference_are_named(board: Container, anna: Player, run: Run) -> None:
    board.redis.zadd(SCORES, {str(anna.id): 7})
    found = json.loads(run("leaderboard", "verify", "--json").stdout)["differences"]
    assert found == [{"what": "score", "player": str(anna.id), "redis": 7, "database": 2}]


def test_a_board_that_does_not_exist_is_refused(run: Run) -> None:
    for command in ("top", "rebuild", "verify"):
        done = run("leaderboard", command, "--board", "nope")
        assert (done.exit_code, done.stdout, done.stderr) == (1, "", "Error: There is no board 'nope'.\n")


def test_the_outbox_tells_what_waits(board: Container, run: Run, told: Told) -> None:
    found = told("outbox", "status")
    assert found["waiting"] == 3
    assert found["oldest_seconds"] > 0
    board.outbox.drain(lambda changes: None)
    assert run("outbox", "status").stdout == "Nothing waits.\n"
