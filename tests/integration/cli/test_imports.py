"""`flask export` and `flask import`: a move from one database to another, and from other systems."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from click.testing import Result

from app.containers.container import Container
from app.services.operations import import_runs
from app.services.play.standing_imports import StandingImports
from app.stores.boards.recent_changes import RecentChangeStore
from app.stores.boards.replays import ReplayStore
from app.stores.moderation.gain import GainStore
from devstack.stack import Stack
from tests.integration.boards.test_scorings import redeem
from tests.integration.cli.conftest import Run, RunJson, runner
from tests.integration.conftest import database_copy
from tests.integration.http.contents import contents
from tests.integration.players import add_player

Write = Callable[..., str]
OLD = ("--board", "main", "--name", "old")
KINDS = ("sum", "best", "last", "fastest")
BOARDS = """
[boards.best]
scoring = "best"
[boards.last]
scoring = "last"
[boards.fastest]
scoring = "best"
order = "asc"
[boards.count]
scoring = "count"
[boards.weekly]
schedule = "0 0 * * 1"
starts_at = 2026-01-05T00:00:00Z
[action_types.level]
result_kind = "trusted"
boards = ["main", "best", "last", "fastest", "count", "weekly"]
[action_types.bonus]
result_kind = "trusted"
boards = ["main"]
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes rows as CSV, and returns the path."""

    def write(*rows: str, name: str = "file.csv") -> str:
        path = tmp_path / name
        path.write_text("\n".join(rows) + "\n")
        return str(path)

    return write


@pytest.fixture
def other(servers: Stack, migrated: str, container: Container) -> Iterator[Container]:
    """Yield services on another empty database."""
    with database_copy(servers, migrated) as url:
        other = Container(container.settings.model_copy(update={"database_url": url}))
        yield other
        other.close()


@pytest.fixture
def players(container: Container) -> dict[str, UUID]:
    return {name: add_player(container, name) for name in ("Anna", "Ben", "Cleo")}


def apply_boards(run: Run, write: Write) -> None:
    assert run("boards", "apply", write(BOARDS, name="boards.toml")).exit_code == 0


def standings(container: Container) -> list[Any]:
    """Return all standings with an event, by board and season."""
    rows = container.database.rows(
        """
        SELECT b.slug, n.number, s.player_id, s.score, s.held, s.achieved_at, s.action_id, s.listed
        FROM standings s JOIN seasons n ON n.id = s.season_id JOIN boards b ON b.id = n.board_id ORDER BY 1, 2, 3
        """
    )
    return [tuple(row) for row in rows]


def acts(container: Container) -> list[str]:
    return [row.act for row in reversed(container.audit.page(limit=100))]


def refusals(result: Result) -> dict[int, str]:
    """Return the fields of refused lines by their numbers."""
    assert result.exit_code == 1, result.output
    return {line["line"]: line["problems"][0]["field"] for line in json.loads(result.stdout)["refusals"]}


def assert_sound(container: Container) -> None:
    """Assert that every standing is the fold of its events."""
    assert list(container.corrections.find_unsound()) == []


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_everything_is_moved_to_another_database_and_the_second_time_nothing(
    container: Container, other: Container, run: Run, write: Write, tmp_path: Path, kind: str
) -> None:
    apply_boards(run, write)
    key = container.api_keys.create("game", ("players", "score"), None, by="cli:tests", request_id="r").text
    assert key
    ids = [
        container.game_players.put(f"ext,{number}", f'Player "{number}"', {"country": "JP"}, request_id="r").player.id
        for number in range(3)
    ]
    for number, player in enumerate(ids):
        for points in (5, -3, 5 + number):
            container.operator_scores.enter(player, "level", points, {"n": points}, by="operator:x", request_id="r")
        redeem(container, player, 2)
    assert (
        run("leaderboard", "void", "--player", 'Player "2"', "--action-type", "tap", "--reason", "x", "--yes").exit_code
        == 0
    )
    files = {name: str(tmp_path / f"{name}.{kind}") for name in ("players", "events")}
    for name, file in files.items():
        result = run("export", name, "-o", file)
        assert result.exit_code == 0
        assert result.stderr.startswith(f"Exported {3 if name == 'players' else 11} {name} to ")
    there = runner(other)
    apply_boards(there, write)
    for _ in range(2):
        assert there("import", "players", files["players"]).exit_code == 0
        result = there("import", "events", files["events"], "--name", "move")
        assert result.exit_code == 0, result.output
        assert standings(other) == standings(container)
    assert "0 added, 0 changed, 11 unchanged, 0 refused" in result.stdout
    assert_sound(other)
    columns = "SELECT id, username, username_key, external_id, created_at, status FROM players ORDER BY id"
    assert other.database.rows(columns) == container.database.rows(columns)
    assert [other.attributes.of(player) for player in ids] == [{"country": "JP"}] * 3
    assert run("export", "events").stdout == there("export", "events").stdout


@pytest.mark.parametrize("board", ["main", "best", "last", "fastest"])
def test_standings_become_opening_balances_with_the_same_ranks_and_times(
    container: Container, other: Container, run: Run, write: Write, tmp_path: Path, board: str
) -> None:
    apply_boards(run, write)
    for number in range(5):
        player = container.game_players.put(f"p{number}", f"Player {number}", {}, request_id="r").player.id
        container.operator_scores.enter(player, "level", 7 - number // 2, {"n": 1}, by="operator:x", request_id="r")
    players, file = str(tmp_path / "players.jsonl"), str(tmp_path / "standings.csv")
    assert run("export", "players", "-o", players).exit_code == 0
    assert run("export", "standings", "--board", board, "-o", file).exit_code == 0
    there = runner(other)
    apply_boards(there, write)
    assert there("import", "players", players).exit_code == 0
    line = ("import", "standings", file, "--board", board, "--name", "old")
    assert "5 added" in there(*line).stdout
    assert "0 added, 0 changed, 5 unchanged" in there(*line).stdout
    assert there("export", "standings", "--board", board).stdout == Path(file).read_text()
    assert_sound(other)
    assert there("boards", "show", board).stdout.count(f"opening-{board}") == 1


def test_a_dry_run_reports_the_same_and_changes_nothing(
    container: Container, players: dict[str, UUID], run: Run, write: Write
) -> None:
    redeem(container, players["Anna"], 3)
    files = [
        ("players", write("external_id,username", "1,Zoe", "2,ben", "1,Zoe2", ",x", "3,Zoe", name="players.csv"), ()),
        ("standings", write("username,score", "Anna,5", "Ben,5.0", "Nobody,1", "Anna,6", name="s.csv"), OLD),
        (
            "events",
            write(
                "username,action_id,action_type,result,created_at",
                "Ben,a,tap,1,2026-01-02",
                "Ben,b,tap,1,2026-01-01",
                "Ben,c,none,1,2026-01-03",
                "Ben,d,tap,1,2126-01-03",
                "Anna,e,tap,1,2026-01-03",
                name="e.csv",
            ),
            ("--name", "old"),
        ),
    ]
    for name, file, options in files:
        before = contents(container)
        trial = run("import", name, file, *options, "--dry-run", "--json")
        assert contents(container) == before
        real = run("import", name, file, *options, "--json")
        assert contents(container) != before
        assert refusals(real) == refusals(trial)
        assert {**json.loads(real.stdout), "dry_run": True} == json.loads(trial.stdout)
    assert_sound(container)
    assert acts(container) == [
        *("players.import_began", "players.imported", "action_type.added", "standings.import_began"),
        *("standings.imported", "events.import_began", "events.imported"),
    ]


def test_players_are_created_and_changed_by_the_rules_of_the_api(
    container: Container, run: Run, write: Write, tmp_path: Path
) -> None:
    container.accounts.create_by("operator:x", "Root", "a good password", "admin", "r")
    container.game_players.put("1", "Anna", {"country": "JP", "team": "red"}, request_id="r")
    admin = container.accounts.find("Root").id
    file = write(
        "external_id,user_id,username,attribute:country",
        "1,,Annabel,FR",
        "2,,Ben,",
        "3,,ANNABEL,",
        "4,,Admin,",
        f",{admin},Rooot,",
        "5,,,JP",
        "1,,Anna,JP",
        "6,,B\u200ben,",
        f"7,{admin},Zoe,",
    )
    refused = tmp_path / "refused.jsonl"
    result = run("import", "players", file, "--json", "--refused", str(refused))
    taken = {4: "username", 5: "username", 9: "username"}
    assert refusals(result) == {**taken, 6: "external_id", 7: "username", 8: "external_id", 10: "user_id"}
    assert {name: json.loads(result.stdout)[name] for name in ("added", "changed", "refused")} == {
        "added": 1,
        "changed": 1,
        "refused": 7,
    }
    records = [json.loads(line) for line in refused.read_text().splitlines()]
    assert (records[0]["line"], records[0]["text"], len(records)) == (4, "3,,ANNABEL,", 7)
    anna = container.accounts.find("Annabel")
    assert container.attributes.of(anna.id) == {"country": "FR", "team": "red"}
    assert run("import", "players", file, "--skip-refused").exit_code == 0


@pytest.mark.parametrize("scoring", ["main", "best", "last"])
def test_a_balance_beside_live_results_counts_as_the_scoring_says(
    container: Container, players: dict[str, UUID], run: Run, write: Write, scoring: str
) -> None:
    apply_boards(run, write)
    container.operator_scores.enter(players["Anna"], "level", 10, by="operator:x", request_id="r")
    file = write("username,score,achieved_at", "Anna,30,2026-01-01T10:00:00Z", "Ben,10,", "Cleo,10,")
    result = run("import", "standings", file, "--board", scoring, "--name", "old", "--json")
    if scoring == "last":
        assert refusals(result) == {2: "external_id"} or refusals(result) == {2: "username"}
        return
    assert result.exit_code == 0
    season = container.standings.season(scoring)
    rows = {name: container.standing_store.standing(season, player) for name, player in players.items()}
    anna, ben, cleo = (rows[name].standing for name in ("Anna", "Ben", "Cleo"))  # type: ignore[union-attr]
    assert (anna.score, ben.score, cleo.score) == ((40 if scoring == "main" else 30), 10, 10)
    assert (str(anna.achieved_at) == "2026-01-01 10:00:00+00:00") == (scoring == "best")
    assert ben.achieved_at < cleo.achieved_at, "a tie has the order of the file"  # type: ignore[operator]
    assert_sound(container)


def test_balances_are_taken_back_by_a_void(
    container: Container, players: dict[str, UUID], run: Run, write: Write
) -> None:
    file = write("username,score", "Anna,5", "Ben,9")
    assert run("import", "standings", file, *OLD).exit_code == 0
    assert run("leaderboard", "void", "--action-type", "opening-main", "--reason", "wrong file", "--yes").exit_code == 0
    assert {row[3] for row in standings(container)} == {0}
    assert "2 unchanged" in run("import", "standings", file, *OLD).stdout, "under the same name they stay void"
    assert "2 added" in run("import", "standings", file, "--board", "main", "--name", "again").stdout
    assert_sound(container)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--board", "nowhere", "--name", "x"), "There is no board 'nowhere'."),
        (("--board", "count", "--name", "x"), "--board counts results, which no single event can stand for"),
        (("--board", "over", "--name", "x"), "The board 'over' has no open season."),
        (("--board", "main", "--name", "x", "--action-type", "tap"), "--action-type is fixed"),
        (("--board", "main", "--name", "x", "--action-type", "level"), "--action-type must feed 'main' alone"),
        (("--board", "main", "--name", "x", "--action-type", "gone"), "--action-type is no action type"),
        (("--board", "main", "--name", "x", "--action-type", ""), "--action-type is no action type"),
    ],
)
def test_balances_that_can_go_nowhere_are_refused_as_a_whole(
    container: Container, run: Run, write: Write, options: tuple[str, ...], says: str
) -> None:
    apply_boards(run, write)
    assert run("boards", "create", "over", "--action-type", "bonus").exit_code == 0
    container.database.rows(
        """
        UPDATE seasons SET ends_at = clock_timestamp() WHERE board_id = (SELECT id FROM boards WHERE slug = 'over')
        RETURNING id
        """
    )
    before = contents(container)
    result = run("import", "standings", write("username,score"), *options)
    assert (result.exit_code, contents(container)) == (1, before)
    assert says in result.stderr


@pytest.mark.parametrize("name", ["", " ", "old ", "o\nld"])
@pytest.mark.parametrize("kind", [("standings", "--board", "main"), ("events",)])
def test_an_import_has_a_name_that_is_easy_to_give_again(
    run: Run, write: Write, kind: tuple[str, ...], name: str
) -> None:
    result = run("import", *kind, write("username,score"), "--name", name)
    assert (result.exit_code, "'--name': must have printable characters" in result.stderr) == (2, True)


def test_balances_before_the_open_season_and_of_suspended_players_are_refused(
    container: Container, players: dict[str, UUID], run: Run, write: Write
) -> None:
    apply_boards(run, write)
    assert run("users", "suspend", "Ben", "--reason", "x", "--yes").exit_code == 0
    file = write("username,score,achieved_at", "Anna,1,2026-01-06", "Ben,1,", "Cleo,1,2126-01-01")
    result = run("import", "standings", file, "--board", "weekly", "--name", "x", "--json")
    assert refusals(result) == {2: "achieved_at", 3: "username", 4: "achieved_at"}


def test_events_count_in_the_season_that_has_their_time(
    container: Container, players: dict[str, UUID], run: Run, run_json: RunJson, write: Write
) -> None:
    apply_boards(run, write)
    file = write(
        "username,action_id,action_type,result,created_at",
        "Anna,1,level,5,2026-01-06T00:00:00Z",
        "Anna,2,level,6,2026-01-11T23:59:59Z",
        "Anna,3,level,7,2026-01-12T00:00:00Z",
        "Anna,4,bonus,8,2026-01-13T00:00:00Z",
    )
    assert run("import", "events", file, "--name", "old").exit_code == 0
    board = {(row[0], row[1]): row[3] for row in standings(container)}
    assert board == {
        ("main", 1): 26,
        ("best", 1): 7,
        ("last", 1): 7,
        ("fastest", 1): -5,
        ("count", 1): 3,
        ("weekly", 1): 11,
        ("weekly", 2): 7,
    }
    assert_sound(container)
    assert [row["corrected_at"] is not None for row in run_json("boards", "seasons", "weekly")[-2:]] == [True, True]
    assert run("boards", "change", "best", "--scoring", "sum", "--rebuild").exit_code == 0
    assert {row[3] for row in standings(container) if row[0] == "best" and row[1] == 1} == {18}, "a replay has them"


def test_a_score_past_the_limit_refuses_its_line_alone(
    container: Container, players: dict[str, UUID], run: Run, write: Write
) -> None:
    redeem(container, players["Ben"], 1)
    file = write("username,score", "Anna,1", f"Ben,{2**53 - 1}", "Cleo,1")
    assert refusals(run("import", "standings", file, *OLD, "--json")) == {3: "score"}
    assert sorted(row[3] for row in standings(container)) == [1, 1, 1]
    assert_sound(container)


def test_an_import_that_was_stopped_goes_on(
    container: Container, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"Player {number}" for number in range(25)]
    for name in names:
        add_player(container, name)
    file = write("username,score", *(f"{name},5" for name in names))
    monkeypatch.setattr("app.cli.import_reports.BATCH", 10)
    take, calls = StandingImports.take, []

    def stopped(*args: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return take(*args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(StandingImports, "take", stopped)
        result = run("import", "standings", file, *OLD)
    assert result.exit_code == 1
    assert "Stopped after 20 lines: run the same command again to go on." in result.stderr
    assert "5 added, 0 changed, 20 unchanged, 0 refused" in run("import", "standings", file, *OLD).stdout
    assert [act for act in acts(container) if act.startswith("standings")] == [
        *("standings.import_began", "standings.import.failed", "standings.import_began", "standings.imported")
    ]


def test_lines_take_a_few_statements_a_batch_and_an_export_little_memory(
    container: Container, run: Run, write: Write, tmp_path: Path
) -> None:
    count = 4_000
    players = write("external_id,username", *(f"{n},Player {n}" for n in range(count)), name="players.csv")
    scores = write("external_id,score", *(f"{n},{n}" for n in range(count)), name="scores.csv")
    cursors: list[object] = []
    sa.event.listen(container.database.engine, "before_cursor_execute", lambda *args: cursors.append(args[1]))
    assert run("import", "players", players).exit_code == 0
    assert run("import", "standings", scores, *OLD).exit_code == 0
    batches = 2 * count / import_runs.BATCH
    assert len(cursors) < 25 * batches
    assert len(standings(container)) == count
    file = tmp_path / "standings.csv"
    assert run("export", "standings", "-o", str(file)).exit_code == 0
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert ([row["score"] for row in rows[:2]], len(rows)) == (["3999", "3998"], count)
    assert any(isinstance(cursor, psycopg.ServerCursor) for cursor in cursors), "the server keeps the rows"


def test_events_of_the_past_are_no_play_and_not_settled_by_their_time(
    container: Container, players: dict[str, UUID], run: Run, run_json: RunJson, write: Write
) -> None:
    container.analytics.roll_up()
    file = write(
        "username,action_id,action_type,result,created_at", "Anna,1,tap,5,2026-01-06", "Anna,2,tap,6,2026-01-07"
    )
    assert run("import", "events", file, "--name", "old").exit_code == 0
    assert container.ledger.past(str(players["Anna"]), 10, 0.0) == [], "anti-cheat doesn't judge them"
    assert RecentChangeStore(container.database).last_settled_event() == 0
    assert GainStore(container.database).position().settled == 0
    replays = ReplayStore(container.database)
    with container.database.transaction() as connection:
        replay_id = replays.add(connection, "{}", "operator:x", "r")
        replays.cover(connection, replay_id, 1_000_000)
        replays.uncover(connection, replay_id, datetime.now(UTC))
    replay = replays.get(replay_id)
    assert replay is not None
    assert replay.covered_id == 0
    container.analytics.roll_up()
    hours = container.database.rows("SELECT starts_at FROM rollups WHERE granularity = 'day' AND action_type_id = 0")
    assert [str(row.starts_at.date()) for row in hours] == ["2026-01-06", "2026-01-07"]
