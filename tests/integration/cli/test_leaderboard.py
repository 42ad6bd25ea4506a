from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from app.containers.container import Container
from app.stores.accounts.players import Player
from bench.faults import verified
from tests.integration.cli.conftest import Play, Run, RunJson

SCORES = "leaderboard:scores:{main/1}"
TOP = "leaderboard:top:10:{main/1}"


@pytest.fixture
def board(container: Container, anna: Player, ben: Player, play: Play) -> Container:
    """Return a board in the database and in Redis, on which Anna has 2 points and Ben has 1."""
    for player in (anna, anna, ben):
        play(player.id)
    container.board_sync.rebuild(container.standings.season("main"))
    return container


def test_the_top_and_a_rank_are_what_the_database_has(board: Container, run: Run, run_json: RunJson) -> None:
    rows = run_json("leaderboard", "top")
    assert [(row["rank"], row["username"], row["score"]) for row in rows] == [(1, "Anna", 2), (2, "Ben", 1)]
    assert run_json("leaderboard", "top", "--limit", "1") == rows[:1]
    assert run_json("leaderboard", "rank", "ben") == rows[1]
    assert run("leaderboard", "top", "--limit", "101").exit_code == 2


def test_somebody_who_never_played_has_no_rank(anna: Player, run_json: RunJson) -> None:
    assert run_json("leaderboard", "rank", "anna")["rank"] is None


def test_a_board_that_is_right_is_clean(board: Container, run: Run, run_json: RunJson) -> None:
    assert run_json("leaderboard", "verify") == {"boards": ["main"], "clean": True, "differences": [], "unsound": []}
    output = "main is clean: Redis matches the database.\nEvery standing of main is what its events give.\n"
    assert run("leaderboard", "verify").stdout == output


def test_a_standing_that_somebody_wrote_past_the_ledger_is_named(board: Container, run: Run) -> None:
    board.database.rows("UPDATE standings SET score = score + 1000 WHERE score > 0 RETURNING 1")
    board.board_sync.rebuild(board.standings.season("main"))
    result = run("leaderboard", "verify", "--json")
    assert result.exit_code == 1
    unsound = json.loads(result.stdout)["unsound"]
    assert unsound
    assert json.loads(json.dumps(verified.differences_in(board), default=str)) == unsound, "so do the fault tests"
    assert {standing["what"] for standing in unsound} == {"score"}
    assert all(standing["standing"] == standing["events"] + 1000 for standing in unsound)


def test_a_void_takes_the_best_off_the_board_after_a_dry_run_has_said_so_and_a_restore_brings_them_back(
    board: Container, run: Run, run_json: RunJson
) -> None:
    best, second = run_json("leaderboard", "top")[:2]
    args = ("leaderboard", "void", "--player", best["username"], "--reason", "a script")
    preview = run_json(*args, "--dry-run")
    assert preview["moves"][0]["username"] == best["username"]
    assert (preview["moves"][0]["rank_before"], preview["moves"][0]["rank_after"]) == (1, None)
    assert run_json("leaderboard", "top")[0] == best, "a dry run changes nothing"
    assert "points to void" in run(*args, "--dry-run").stdout
    assert run(*args).exit_code == 2, "without --yes somebody has to say so"
    void = run_json(*args, "--yes")
    assert (void["state"], void["points"]) == ("done", best["score"])
    season = board.standings.season("main")
    board.board_sync.rebuild(season)
    assert run_json("leaderboard", "rank", second["username"])["rank"] == 1
    assert run_json("leaderboard", "rank", best["username"])["rank"] is None
    run_json("leaderboard", "restore", void["id"][:8], "--reason", "it was not", "--yes")
    board.board_sync.rebuild(season)
    assert run_json("leaderboard", "verify")["clean"]
    assert run_json("leaderboard", "rank", best["username"]) == best
    assert [correction["state"] for correction in run_json("leaderboard", "corrections")] == ["done", "restored"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--player must be given, or an action type, or a time"),
        (("--player", "nobody"), "There is no such user."),
        (("--player", "", "--action-type", "tap"), "There is no such user."),
        (("--action-type", "nothing"), "--action-type is not an action type"),
        (("--since", "2026-02-01", "--until", "2026-01-01"), "--until must be after since"),
        (("--action-type", "tap", "--board", "other"), "--board is not a board"),
    ],
)
def test_what_can_not_be_voided_is_said(board: Container, run: Run, args: tuple[str, ...], says: str) -> None:
    result = run("leaderboard", "void", *args, "--reason", "r", "--yes")
    assert result.exit_code != 0
    assert says in result.stderr


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
    spoil: Spoil, board: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    spoil(board, anna)
    result = run("leaderboard", "verify")
    assert result.exit_code == 1
    assert "main differs in 1 place: 'flask --app wsgi leaderboard rebuild --board main' repairs it." in result.stdout
    listed = run("leaderboard", "verify", "--json")
    assert listed.exit_code == 1
    report = json.loads(listed.stdout)
    assert (report["clean"], len(report["differences"])) == (False, 1)
    assert verified.differences_in(board) == report["differences"], "the fault tests see what the command sees"
    assert run_json("leaderboard", "rebuild")["standings"] == 2
    assert run_json("leaderboard", "verify")["clean"] is True
    assert verified.differences_in(board) == []


def test_both_sides_of_a_difference_are_named(board: Container, anna: Player, run: Run) -> None:
    board.redis.zadd(SCORES, {str(anna.id): 7})
    differences = json.loads(run("leaderboard", "verify", "--json").stdout)["differences"]
    assert differences == [{"board": "main", "what": "score", "player": str(anna.id), "redis": 7, "database": 2}]


def test_all_boards_are_verified_unless_one_is_named(
    board: Container, anna: Player, run: Run, run_json: RunJson
) -> None:
    run_json("boards", "create", "cup", "--action-type", "tap", "--rebuild")
    board.board_sync.rebuild(board.standings.season("cup"))
    assert run_json("leaderboard", "verify")["boards"] == ["main", "cup"]
    board.redis.zadd("leaderboard:scores:{cup/1}", {str(anna.id): 7})
    result = run("leaderboard", "verify", "--json")
    assert result.exit_code == 1
    assert [item["board"] for item in json.loads(result.stdout)["differences"]] == ["cup"]
    assert "cup differs in 1 place" in run("leaderboard", "verify").stdout
    assert run_json("leaderboard", "verify", "--board", "main")["clean"]


def test_a_board_that_does_not_exist_is_refused(run: Run) -> None:
    assert run("leaderboard", "verify", "--board", "").exit_code == 1, "no name is not all boards"
    for command in ("top", "rebuild", "verify"):
        result = run("leaderboard", command, "--board", "nope")
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: There is no board 'nope'.\n")


def test_the_outbox_tells_what_waits(board: Container, run: Run, run_json: RunJson) -> None:
    status = run_json("outbox", "status")
    assert status["waiting"] == 3
    assert status["oldest_seconds"] > 0
    board.outbox.drain(lambda changes: None)
    assert run("outbox", "status").stdout == "Nothing waits.\n"
