"""A Redis that answers and refuses, in every way that it has: 503 before a commit, 200 after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from app.containers.container import Container
from app.domain.boards import MAIN
from app.stores.boards.reconcile_progress import ReconcileProgress, ReconcileProgressStore
from app.stores.operations.queue_depths import KEY, QueueDepth
from app.stores.unavailability import UNAVAILABLE
from devstack.stack import Stack
from tests.integration.unavailability.conftest import Caller, Run, data, unavailable
from tests.parts.client import fresh_name
from tests.parts.waiting import eventually

Server = Any  # redis-py's client, which types only a part of the operators' commands
ALL_RIGHTS = ("on", "nopass", "~*", "&*", "+@all")


@pytest.fixture
def server(servers: Stack) -> Iterator[Server]:
    """Yield a client of Redis for an operator, a user that keeps all rights in every test."""
    url = servers.env["REDIS_URL"]
    own: Server
    with redis.Redis.from_url(url) as own:
        own.execute_command("ACL", "SETUSER", "operator", *ALL_RIGHTS)
        host, port = own.connection_pool.connection_kwargs["host"], own.connection_pool.connection_kwargs["port"]
        with redis.Redis(host=host, port=port, username="operator", password="", decode_responses=True) as operator:
            yield operator
        own.execute_command("ACL", "DELUSER", "operator")


@contextmanager
def configured(server: Server, **values: Any) -> Iterator[None]:
    before = {name: server.config_get(name)[name] for name in values}
    for name, value in values.items():
        server.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            server.config_set(name, value)


def full(server: Server) -> Any:
    return configured(server, maxmemory=1)


def without_replicas(server: Server) -> Any:
    return configured(server, **{"min-replicas-to-write": 1})


@contextmanager
def read_only(server: Server) -> Iterator[None]:
    server.replicaof("127.0.0.1", 1)
    try:
        yield
    finally:
        server.replicaof("NO", "ONE")


@contextmanager
def unable_to_save(server: Server) -> Iterator[None]:
    blocker = Path(server.config_get("dir")["dir"]) / "a-folder"
    blocker.mkdir()
    with configured(server, save="3600 1", dbfilename="a-folder"):
        server.bgsave()
        eventually(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
    blocker.rmdir()
    server.bgsave()
    eventually(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "ok")


def deprived_of(rule: str) -> Callable[[Server], Any]:
    @contextmanager
    def deprived(server: Server) -> Iterator[None]:
        password = server.execute_command("ACL", "GETUSER", "default")["passwords"]
        server.execute_command("ACL", "SETUSER", "default", *rule.split())
        try:
            yield
        finally:
            secrets = [f"#{digest}" for digest in password]
            server.execute_command("ACL", "SETUSER", "default", "reset", "on", "~*", "&*", "+@all", *secrets)

    return deprived


@contextmanager
def paused(server: Server) -> Iterator[None]:
    server.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    try:
        yield
    finally:
        server.execute_command("CLIENT", "UNPAUSE")


CAUSES = {
    "OOM": full,
    "READONLY": read_only,
    "MISCONF": unable_to_save,
    "NOPERM": deprived_of("-@scripting"),
    "The user executing the script": deprived_of("-@write"),
    "no permissions to access": deprived_of("resetkeys ~nothing"),
    "does not answer": paused,
}


@pytest.mark.parametrize("reason", CAUSES)
def test_every_call_is_503_readyz_names_it_and_it_comes_back_by_itself(
    reason: str, server: Server, client: FlaskClient, anna: Caller
) -> None:
    action = anna.issue()
    with CAUSES[reason](server):
        answers = anna.every_call(action)
        ready = client.get("/readyz")
        assert client.get("/healthz").status_code == 200
    assert {path: answer.status_code for path, answer in answers.items() if not unavailable(answer)} == {}
    assert unavailable(ready)
    assert [detail["part"] for detail in ready.get_json()["error"]["details"]] == ["redis"]
    assert reason in ready.get_json()["error"]["message"]

    assert client.get("/readyz").status_code == 200
    assert data(anna.complete(action))["score"] == {"previous": 1, "current": 2}
    assert data(anna.get("/me"))["rank"] == 1


def test_a_redis_that_refuses_plain_writes_alone_is_not_ready_nor_playable(
    server: Server, client: FlaskClient, container: Container
) -> None:
    """Redis 6.2 lets scripts write although its replicas are gone. A player's first action also writes without one."""
    bella = Caller(client, fresh_name())
    with without_replicas(server):
        ready, action, logout = (
            client.get("/readyz"),
            bella.post("/actions", {"action_type": "tap"}),
            bella.post("/auth/logout", None),
        )
    assert [unavailable(answer) for answer in (ready, action, logout)] == [True] * 3
    assert "NOREPLICAS" in ready.text
    assert bella.complete(bella.issue()).status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("reason", "key"), [("OOM", None), ("READONLY", "k"), ("NOPERM", None), ("does not answer", "k")]
)
def test_after_the_commit_it_is_200_whatever_redis_says(
    reason: str, key: str | None, server: Server, client: FlaskClient, anna: Caller, container: Container
) -> None:
    """Let Redis refuse while the redemption is blocked in its first write, with its claim made."""
    action = anna.issue()
    with ThreadPoolExecutor(1) as pool, container.database.transaction() as blocker:
        blocker.exec_driver_sql("SELECT 1 FROM standings FOR UPDATE")
        answer = pool.submit(anna.complete, action, key)
        eventually(lambda: container.database.row("SELECT 1 FROM pg_locks WHERE NOT granted"))
        with CAUSES[reason](server):
            blocker.rollback()
            scored = answer.result()
    assert scored.status_code == 200, scored.text
    assert data(scored)["score"] == {"previous": 1, "current": 2}
    assert data(scored)["rank"] == {"previous": 1, "current": 1}

    again = anna.complete(action, key)
    if key is None:
        assert (again.status_code, again.get_json()["error"]["code"]) == (403, "token_already_used")
    else:
        # The unsettled claim ends on its own; until then the first attempt counts as in flight.
        again = eventually(lambda: (answer := anna.complete(action, key)).status_code == 200 and answer, every=0.3)
        assert data(again) == data(scored)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert data(anna.get("/me"))["score"] == 2


def test_after_the_commit_an_unexpected_answer_of_redis_is_no_error(
    client: FlaskClient, anna: Caller, container: Container
) -> None:
    """Store a wrong type under a key that only the redemption's end touches."""
    action = anna.issue()
    wake = "leaderboard:wake:{main/1}"
    container.redis.delete(wake, "leaderboard:changed:{main/1}")
    container.redis.hset("leaderboard:changed:{main/1}", "a", "b")
    scored = anna.complete(action)
    container.redis.delete("leaderboard:changed:{main/1}")
    assert scored.status_code == 200, scored.text
    assert data(scored)["rank"] == {"previous": 1, "current": 1}


def test_a_command_that_redis_refuses_ends_with_one_line(run: Run, server: Server, container: Container) -> None:
    with full(server):
        result = run("leaderboard", "rebuild")
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Rebuilding main: ")]
    assert (result.exit_code, result.stdout) == (1, "")
    assert "refuses: OOM command not allowed" in line


def test_a_write_that_redis_refuses_half_way_loses_nothing_of_before(server: Server, container: Container) -> None:
    """Counts of queues would look current for ever, and a proof would have never been made."""
    season, store = container.standings.season(MAIN), ReconcileProgressStore(container.redis)
    container.redis.delete(KEY)
    store.store(season, ReconcileProgress(passed=5.0))
    with deprived_of("-hset -expire")(server):
        container.queue_depths.put({"events": QueueDepth(1, 2, 3)})
        with pytest.raises(UNAVAILABLE):
            store.store(season, ReconcileProgress(passed=6.0))
    assert store.progress(season).passed == 5.0
    assert 0 < container.redis.ttl(KEY) <= 30


@pytest.mark.parametrize("command", ["incrby", "mget", "zrevrange", "hmget", "ttl", "time"])
def test_a_single_command_that_is_forbidden_is_named_by_readyz(
    command: str, server: Server, client: FlaskClient
) -> None:
    assert client.get("/readyz").status_code == 200
    with deprived_of(f"-{command}")(server):
        assert unavailable(client.get("/readyz"))
    assert client.get("/readyz").status_code == 200
