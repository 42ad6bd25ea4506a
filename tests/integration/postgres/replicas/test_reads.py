"""Reads on two real replicas: their servers, and their return to the primary."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from app.containers.container import Container
from app.domain.boards import MAIN
from app.stores.postgres.replica import NO_STANDBY, OTHER_TIMELINE
from devstack.child import free_port
from devstack.postgres import Postgres
from devstack.replica import Replica
from devstack.stack import Stack
from tests.integration.postgres.replicas.parts import (
    commit,
    database_of,
    near_to,
    new_replica,
    player_in,
    redeem,
    scores_of,
    season_of,
)
from tests.parts.waiting import eventually

_TOP = "rank() OVER"
_ONE = "LEFT JOIN standings"
_AROUND = "UNION ALL"


def _reads_on(server: Postgres, container: Container) -> set[str]:
    """Return the kinds of read that this server last executed, over all connections."""
    with psycopg.connect(server.database_url("postgres")) as connection:
        query = "SELECT query FROM pg_stat_activity WHERE application_name LIKE 'fairboard%%' AND datname = %s"
        last = [row[0] for row in connection.execute(query, (database_of(container),))]
    return {kind for kind in (_TOP, _ONE, _AROUND) if any(kind in statement for statement in last)}


def _reads(container: Container, player: UUID) -> dict[str, Callable[[], object]]:
    return {
        _TOP: lambda: scores_of(container),
        _ONE: lambda: container.standings.standing(player),
        _AROUND: lambda: container.board_pages.own(container.standings.season(MAIN), player, 2),
    }


@pytest.mark.parametrize("kind", [_TOP, _ONE, _AROUND])
def test_reads_go_to_all_replicas_in_turn(
    kind: str, servers: Stack, container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    container.close()  # so that the primary knows only the queries of `near`
    for _ in range(4):
        _reads(near, ready[0])[kind]()
        assert kind not in _reads_on(servers.postgres, near)
    assert all(kind in _reads_on(server, near) for server in replicas)


def test_ones_own_account_is_read_on_the_primary(
    near: Container, container: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    for replica in replicas:
        replica.pause_replay()
    commit(container, ready[0], 100)
    assert near.standings.profile(ready[0])["score"] == 110


Trouble = Callable[[Replica], None]
TROUBLES: dict[str, Trouble] = {
    "replay paused": Replica.pause_replay,
    "killed": Replica.kill,
    "stalled": Replica.pause,
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_with_one_replica_in_trouble_the_other_answers(
    trouble: str, servers: Stack, container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    first, second = replicas
    for read in _reads(near, ready[0]).values():
        read()
    TROUBLES[trouble](first)
    redeem(container, ready[0], 100)
    for _ in range(3):
        assert scores_of(near) == [110, 12, 11]
        assert near.standings.standing(ready[0]).score == 110
        assert near.board_pages.own(near.standings.season(MAIN), ready[1], 5)[1][0].score == 110
    container.close()
    eventually(lambda: _reads(near, ready[0])[_TOP]() and _TOP in _reads_on(second, near))
    assert near.standings.standing(ready[2]).score == 12


@pytest.mark.parametrize("trouble", TROUBLES)
def test_with_both_replicas_in_trouble_the_primary_answers_until_they_are_back(
    trouble: str, servers: Stack, container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    for read in _reads(near, ready[0]).values():
        read()
    for replica in replicas:
        TROUBLES[trouble](replica)
    redeem(container, ready[0], 100)
    for _ in range(3):
        assert scores_of(near) == [110, 12, 11]
        assert near.standings.standing(ready[0]).score == 110
        assert near.board_pages.own(near.standings.season(MAIN), ready[1], 5)[1][0].score == 110
    for replica in replicas:
        if replica.is_running:
            replica.resume()
            replica.resume_replay()
        else:
            replica.start()
    container.close()

    def is_back() -> bool:
        near.database.close()  # earlier reads on the primary don't count
        scores_of(near)
        return _TOP not in _reads_on(servers.postgres, near) and all(
            _TOP in _reads_on(server, near) for server in replicas
        )

    eventually(is_back, within=60)


def test_replicas_that_were_never_there_stop_nothing(container: Container, replicas: list[Replica]) -> None:
    nowhere = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    alone = Container(container.settings.model_copy(update={"database_replica_urls": (nowhere, nowhere)}))
    player = player_in(container)
    redeem(alone, player, 10)
    alone.board_sync.rebuild(season_of(alone))
    assert scores_of(alone) == [10]
    assert alone.standings.standing(player).rank == 1
    assert alone.replicas.read_recent(lambda database: database.row("SELECT pg_is_in_recovery()")) == (False,)
    assert [status.up for status in alone.replicas.status()] == [False, False]
    alone.close()


def test_while_the_primary_is_down_replicas_answer_for_one_player_and_the_cache_for_the_board(
    servers: Stack, near: Container, ready: list[UUID]
) -> None:
    before = near.standings.top(MAIN)
    near.standings.standing(ready[0])
    servers.postgres.stop()
    try:
        deadline = time.monotonic() + 1.5  # longer than the second for which a process caches the season
        while time.monotonic() < deadline:
            assert near.standings.top(MAIN).rows == before.rows
            assert near.standings.standing(ready[0]).score == 10
            time.sleep(0.1)
    finally:
        servers.postgres.start()
    eventually(lambda: scores_of(near) == [12, 11, 10])


def test_a_server_that_was_promoted_is_no_replica_and_its_old_brothers_are_none_of_it(
    servers: Stack, container: Container, replicas: list[Replica], ready: list[UUID], tmp_path: Path
) -> None:
    third = new_replica(servers, tmp_path, "replica-3")
    third.start()
    astray = promoted = None
    try:
        promoted = near_to(container, [third])
        assert [status.up for status in promoted.replicas.status()] == [True]
        with psycopg.connect(third.admin_url("fairboard"), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")
        redeem(container, ready[0], 100)
        assert scores_of(promoted) == [110, 12, 11]
        assert promoted.standings.standing(ready[0]).score == 110
        assert [status.fault for status in promoted.replicas.status()] == [NO_STANDBY]
        url = promoted.settings.database_replica_urls[0]
        astray = near_to(container, replicas[:1], database_url=url)
        assert [status.fault for status in astray.replicas.status()] == [OTHER_TIMELINE]
    finally:
        for source in (astray, promoted):
            if source is not None:
                source.close()
        third.stop()
        with psycopg.connect(servers.postgres.admin_url("fairboard"), autocommit=True) as connection:
            connection.execute("SELECT pg_drop_replication_slot(%s)", (third.slot,))


def _server_for(container: Container, age: float | None = None) -> str:
    """Return the name of the server that a read of that age goes to; "" for the primary."""
    query = "SELECT current_setting('cluster_name') AS name"
    row = container.replicas.read_recent(lambda database: database.row(query), age)
    assert row is not None
    return str(row.name)


@contextlib.contextmanager
def _cut_off_from_primary(replica: Replica) -> Iterator[None]:
    """Let a replica lose its primary without noticing: it assumes that it is up to date."""
    with psycopg.connect(replica.url) as connection:
        row = connection.execute("SELECT pid FROM pg_stat_wal_receiver").fetchone()
    assert row
    os.kill(row[0], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(row[0], signal.SIGCONT)


def test_a_read_of_some_age_goes_to_replicas_that_are_no_older(
    container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    assert {_server_for(near, 0) for _ in range(4)} == {"replica-1", "replica-2"}
    with _cut_off_from_primary(replicas[0]):
        replicas[1].pause_replay()
        commit(container, ready[0], 100)
        eventually(lambda: _server_for(near, 0) == "")
        assert {_server_for(near, 3600) for _ in range(4)} == {"replica-1", "replica-2"}
        assert all(status.up and status.lag_bytes and status.lag_seconds for status in near.replicas.status())
        first = near.replicas.status()[0].lag_seconds
        assert first is not None
        eventually(lambda: (near.replicas.status()[0].lag_seconds or 0) > first)
    replicas[1].resume_replay()
    eventually(lambda: [status.lag_seconds for status in near.replicas.status()] == [0, 0])


def test_a_read_whose_replica_fails_under_it_is_done_again_on_the_primary(
    near: Container, replicas: list[Replica]
) -> None:
    attempts = itertools.count(1)

    def read(database: Any) -> tuple[int, Any]:
        for replica in replicas:
            if replica.is_running:
                replica.kill()
        return next(attempts), database.row("SELECT pg_is_in_recovery()")

    assert near.replicas.read_recent(read)[1] == (False,)
    assert next(attempts) > 2
    assert near.replicas.reader() is near.database
