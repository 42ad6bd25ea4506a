"""A PostgreSQL that answers and refuses, and one with settings of its own: sessions bring theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.containers.container import Container
from app.domain.boards import MAIN
from app.settings import Settings
from app.stores.operations.beat_lock import BeatLock
from app.stores.postgres import migrations
from app.stores.postgres.session_settings import make_engine
from app.stores.unavailability import UNAVAILABLE
from devstack.stack import Stack
from tests.integration.unavailability.conftest import Caller, Run, data, unavailable
from tests.parts.client import fresh_name
from tests.parts.waiting import eventually

DATABASE = "refusals"
# Settings of a role, a database or a server that change how answers read, or how durable a commit is.
HOSTILE = {
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "client_encoding": "LATIN1",
    "search_path": "nowhere",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "row_security": "on",
    "exit_on_error": "on",
    "idle_in_transaction_session_timeout": "1",
    "idle_session_timeout": "5000",  # ms; no less: until a session is pinned, the database's setting holds
    "transaction_timeout": "5000",
}
EXPECTED = {
    "row_security": "off",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "search_path": "public",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "lock_timeout": "0",
}


@pytest.fixture
def owner(servers: Stack) -> Iterator[psycopg.Connection[object]]:
    with psycopg.connect(servers.postgres.admin_url("postgres"), autocommit=True) as connection:
        yield connection


@contextmanager
def renewed(container: Container, client: FlaskClient, owner: psycopg.Connection[object]) -> Iterator[None]:
    """End all sessions at the begin and the end of the block, as a restart of the server does."""
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'"
    owner.execute(ended)
    for pool in (container, client.application.extensions["fairboard"]):
        pool.database.engine.dispose()
    yield


@contextmanager
def altered(
    container: Container, client: FlaskClient, owner: psycopg.Connection[object], settings: dict[str, str]
) -> Iterator[None]:
    """Change settings of the database, with which its sessions begin."""
    for name, value in settings.items():
        owner.execute(f"ALTER DATABASE {DATABASE} SET {name} = {value!r}")
    try:
        with renewed(container, client, owner):
            yield
    finally:
        owner.execute(f"ALTER DATABASE {DATABASE} RESET ALL")
        with renewed(container, client, owner):
            pass


def test_a_read_only_primary_is_503_and_named_and_it_comes_back_by_itself(
    container: Container, client: FlaskClient, anna: Caller, owner: psycopg.Connection[object], run: Run
) -> None:
    action = anna.issue()
    with altered(container, client, owner, {"default_transaction_read_only": "on"}):
        answers = {
            "complete": anna.complete(action),
            "with a key": anna.complete(action, "k"),
            "register": anna.post("/auth/register", {"username": fresh_name(), "password": "correct horse battery"}),
        }
        assert {path: answer.status_code for path, answer in answers.items() if not unavailable(answer)} == {}
        ready = client.get("/readyz")
        doctor = run("doctor").stdout
        failed = run("users", "create", fresh_name(), "--password-stdin")
    assert unavailable(ready)
    assert "postgresql is read-only" in ready.get_json()["error"]["message"]
    assert "is read-only (default_transaction_read_only)" in doctor
    assert "Traceback" not in failed.output

    assert client.get("/readyz").status_code == 200
    assert data(anna.complete(action, "k"))["score"] == {"previous": 1, "current": 2}


def test_a_read_only_primary_is_still_read(
    container: Container, client: FlaskClient, anna: Caller, owner: psycopg.Connection[object]
) -> None:
    """Ask for lists that no cache has: a broadcast alone needs a new version."""
    paths = [
        *("/me", "/action-types", "/boards", "/boards/main", "/boards/main/seasons"),
        *("/leaderboard/top?limit=23", "/leaderboard/me", "/leaderboard/online"),
        *(f"/leaderboard/around?user_id={anna.id}", f"/leaderboard/users/{anna.id}"),
        *(f"/players/{anna.id}", f"/players/{anna.id}/history"),
    ]
    season = container.standings.season(MAIN)
    before = container.standings.snapshot()
    with altered(container, client, owner, {"default_transaction_read_only": "on"}):
        answers = {path: anna.get(path) for path in paths}
        found = anna.post("/leaderboard/lookup", {"user_ids": [anna.id]})
        container.rankings.note_change(season)  # the cached list counts no more
        snapshot = container.standings.snapshot()
        with pytest.raises(UNAVAILABLE):
            container.standings.build([season])
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
    assert [row["username"] for row in data(answers["/leaderboard/top?limit=23"])] == [anna.name]
    assert [row["username"] for row in data(found)] == [anna.name]
    assert snapshot["data"] == before["data"]
    assert container.standings.build([season])[0].version > snapshot["version"] >= before["version"]


@pytest.mark.parametrize("look", ["play", "readyz"])
def test_sessions_that_began_read_only_do_not_stay_so(
    look: str, container: Container, client: FlaskClient, anna: Caller, owner: psycopg.Connection[object]
) -> None:
    """Let the operator change the default and end no session."""
    action = anna.issue()
    owner.execute(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on")
    try:
        with renewed(container, client, owner):
            assert unavailable(anna.complete(action))
            assert unavailable(client.get("/readyz"))
    finally:
        owner.execute(f"ALTER DATABASE {DATABASE} RESET ALL")
    ask = partial(anna.complete, action) if look == "play" else partial(client.get, "/readyz")
    assert eventually(lambda: ask().status_code == 200)


@pytest.fixture
def ranks_cannot_be_kept(servers: Stack) -> Iterator[None]:
    """Let the statement after the commit, which stores a keyed answer's ranks, fail with an error of no known class."""
    with psycopg.connect(servers.postgres.admin_url(DATABASE), autocommit=True) as connection:
        connection.execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '23514'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON idempotency EXECUTE FUNCTION refuse()
            """
        )
        yield
        connection.execute("DROP FUNCTION refuse CASCADE")


def test_ranks_that_cannot_be_kept_after_the_commit_change_no_answer(anna: Caller, ranks_cannot_be_kept: None) -> None:
    action = anna.issue()
    first, again = anna.complete(action, "ranks"), anna.complete(action, "ranks")
    assert (first.status_code, again.status_code) == (200, 200)
    assert data(first) == data(again)
    assert (again.headers["Idempotency-Replayed"], data(first)["score"]["current"]) == ("true", 2)


def test_settings_of_the_database_change_nothing(
    container: Container, client: FlaskClient, anna: Caller, owner: psycopg.Connection[object]
) -> None:
    with altered(container, client, owner, HOSTILE):
        rows = container.database.rows("SELECT name, setting FROM pg_settings")
        in_session = {row.name: row.setting for row in rows}
        hanako = Caller(client, f"花子{fresh_name()}")
        scored = hanako.complete(hanako.issue(), "k")
        answers = [client.get("/readyz"), hanako.get("/me")]
        # A list stays public to the end of its second.
        eventually(lambda: hanako.name in {row["username"] for row in data(hanako.get("/leaderboard/top"))})
        turn = BeatLock(container.settings.database_url)
        assert turn.take()
        assert all(age >= 0 for age in turn.ages().values())
        turn.release()
    assert {name: in_session[name] for name in EXPECTED} == EXPECTED
    assert (in_session["DateStyle"][:3], in_session["extra_float_digits"]) == ("ISO", "1")
    assert scored.status_code == 200, scored.text
    assert [answer.status_code for answer in answers] == [200] * 2


def test_the_environment_changes_nothing(
    container: Container, client: FlaskClient, owner: psycopg.Connection[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library, libpq, applies its environment variables after our own options, or instead of them."""
    for name, value in {
        "PGCLIENTENCODING": "LATIN1",
        "PGDATESTYLE": "German",
        "PGTZ": "Asia/Kathmandu",
        "PGOPTIONS": "-c datestyle=German -c search_path=nowhere -c statement_timeout=1",
    }.items():
        monkeypatch.setenv(name, value)
    with renewed(container, client, owner):
        hanako = Caller(client, f"花子{fresh_name()}")
        assert hanako.complete(hanako.issue()).status_code == 200
        assert data(hanako.get("/me"))["username"] == hanako.name
        assert container.database.row("SHOW timezone")[0] == "UTC"  # type: ignore[index]
    monkeypatch.undo()
    with renewed(container, client, owner):
        pass


def test_a_weaker_commit_for_standbys_is_the_operators_choice(
    container: Container, client: FlaskClient, owner: psycopg.Connection[object]
) -> None:
    with altered(container, client, owner, {"synchronous_commit": "local"}):
        assert container.database.row("SHOW synchronous_commit")[0] == "local"  # type: ignore[index]


def test_an_action_that_nobody_is_told_of_is_not_held(
    client: FlaskClient, anna: Caller, container: Container, owner: psycopg.Connection[object], servers: Stack
) -> None:
    with psycopg.connect(servers.postgres.admin_url(DATABASE), autocommit=True) as connection:
        connection.execute("ALTER TABLE standings RENAME TO standings_away")
        try:
            answers = [anna.post("/actions", {"action_type": "tap"}) for _ in range(3)]
        finally:
            connection.execute("ALTER TABLE standings_away RENAME TO standings")
    assert all(unavailable(answer) for answer in answers)
    assert container.redis.zcard(f"active:{{{anna.id}}}") == 0


def test_options_of_the_url_stay_and_may_name_the_schema(container: Container) -> None:
    url = sa.make_url(container.settings.database_url).update_query_dict(
        {"options": "-c search_path=elsewhere -c work_mem=7MB -c datestyle=German"}
    )
    engine = make_engine(url.render_as_string(False), name="test", session={"statement_timeout": 9000})
    with engine.connect() as connection:
        names = ("search_path", "work_mem", "DateStyle", "statement_timeout")
        values = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
    engine.dispose()
    assert values == ["elsewhere", "7MB", "ISO, DMY", "9s"]


def test_migrations_run_whatever_the_database_sets(servers: Stack, owner: psycopg.Connection[object]) -> None:
    servers.postgres.create_database("hostile")
    for name, value in HOSTILE.items():
        owner.execute(f"ALTER DATABASE hostile SET {name} = {value!r}")
    url = Settings.from_env({**servers.env, "DATABASE_URL": servers.postgres.database_url("hostile")}).database_url
    migrations.upgrade(url)
    options = "-c search_path=public -c statement_timeout=0 -c lock_timeout=0"
    url = servers.postgres.database_url("hostile")
    with psycopg.connect(url, options=options, autocommit=True) as connection:
        assert connection.execute("SELECT to_regclass('public.score_events') IS NOT NULL").fetchone() == (True,)
