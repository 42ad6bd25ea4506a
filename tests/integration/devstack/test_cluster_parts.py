"""devstack: a standby that comes back on its own, and a Redis Cluster that keeps its identity."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis
import redis.cluster

from devstack.postgres import Postgres
from devstack.redis_cluster import RedisCluster
from devstack.replica import Replica
from tests.parts.waiting import eventually


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    folder = tmp_path_factory.mktemp("replicated")
    server = Postgres(folder / "primary", folder / "primary.log")
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE notes (note text)")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def replica(primary: Postgres) -> Iterator[Replica]:
    standby = Replica(primary.data.parent / "replica", primary.data.parent / "replica.log", primary=primary)
    standby.start()
    yield standby
    standby.stop()


def write(primary: Postgres, note: str) -> None:
    with psycopg.connect(primary.url) as connection:
        connection.execute("INSERT INTO notes VALUES (%s)", (note,))


def shows(replica: Replica, note: str) -> bool:
    with psycopg.connect(replica.url) as connection:
        return connection.execute("SELECT 1 FROM notes WHERE note = %s", (note,)).fetchone() is not None


def test_a_replica_shows_what_is_written_to_the_primary_and_takes_no_writes(
    primary: Postgres, replica: Replica
) -> None:
    write(primary, "first")
    eventually(lambda: shows(replica, "first"))
    eventually(lambda: replica.lag_bytes() == 0)
    with psycopg.connect(replica.url) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("INSERT INTO notes VALUES ('no')")


def test_a_replica_follows_again_after_the_primary_was_killed(primary: Postgres, replica: Replica) -> None:
    primary.kill()
    assert replica.answers()
    primary.start()
    write(primary, "after the primary")
    eventually(lambda: shows(replica, "after the primary"))


def test_a_replica_follows_again_after_it_was_killed_itself(primary: Postgres, replica: Replica) -> None:
    replica.kill()
    write(primary, "meanwhile")
    replica.start()
    eventually(lambda: shows(replica, "meanwhile"))


def test_a_replica_starts_on_its_own_data_while_the_primary_is_down(primary: Postgres, replica: Replica) -> None:
    write(primary, "known")
    eventually(lambda: shows(replica, "known"))
    primary.kill()
    replica.restart()
    assert shows(replica, "known")
    primary.start()
    eventually(replica.is_streaming)


def test_a_replica_whose_data_are_broken_copies_the_primary_anew(primary: Postgres, replica: Replica) -> None:
    replica.stop()
    (replica.cluster / "global" / "pg_control").write_bytes(b"broken")
    write(primary, "into the copy")
    replica.start()
    eventually(lambda: shows(replica, "into the copy"))


def test_a_replica_that_has_missed_too_much_says_so_and_can_be_rebuilt(primary: Postgres, replica: Replica) -> None:
    replica.stop()
    with psycopg.connect(primary.admin_url("fairboard"), autocommit=True) as connection:
        connection.execute("SELECT pg_drop_replication_slot(%s)", (replica.slot,))
        for _ in range(3):
            connection.execute("INSERT INTO notes VALUES ('missed')")
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CHECKPOINT")
    replica.start()
    eventually(replica.cannot_follow)
    replica.rebuild()
    replica.wait_until_answers()
    eventually(lambda: shows(replica, "missed"))
    eventually(lambda: not replica.cannot_follow())


def test_replay_can_be_paused(primary: Postgres, replica: Replica) -> None:
    eventually(replica.is_streaming)
    replica.pause_replay()
    write(primary, "not yet")
    eventually(replica.lag_bytes)
    assert not shows(replica, "not yet")
    replica.resume_replay()
    eventually(lambda: shows(replica, "not yet"))


@pytest.fixture(scope="module")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    folder = tmp_path_factory.mktemp("redis-cluster")
    with RedisCluster(folder, folder / "log") as cluster:
        yield cluster


def client(cluster: RedisCluster) -> Any:
    url = f"redis://:{cluster.password}@127.0.0.1:{cluster.nodes[-1].port}"
    return redis.cluster.RedisCluster.from_url(url, decode_responses=True)


def test_three_masters_share_all_keys_and_each_has_a_replica(redis_cluster: RedisCluster) -> None:
    names = [node.name for node in redis_cluster.masters()]
    assert names == ["redis-1", "redis-2", "redis-3"]
    assert len(redis_cluster.replicas()) == 3
    cluster = client(redis_cluster)
    for number in range(100):
        cluster.set(f"key {number}", number)
    sizes = [node.ask("DBSIZE") for node in redis_cluster.masters()]
    assert sum(sizes) == 100
    assert all(sizes)


def test_no_node_answers_who_does_not_know_the_password(redis_cluster: RedisCluster) -> None:
    for node in redis_cluster.nodes:
        with (
            redis.Redis.from_url(f"redis://127.0.0.1:{node.port}") as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_when_a_master_is_killed_its_replica_takes_over_and_it_comes_back_as_a_replica(
    redis_cluster: RedisCluster,
) -> None:
    cluster, victim = client(redis_cluster), redis_cluster.masters()[0]
    cluster.set("before", "kept")
    victim.kill()
    eventually(lambda: len(redis_cluster.masters()) == 3)
    eventually(lambda: [cluster.set(f"after {number}", number) for number in range(20)])
    victim.start()
    eventually(redis_cluster.is_whole)
    assert victim.role() == "replica"
    assert client(redis_cluster).get("before") == "kept"


def test_a_second_start_is_the_same_cluster_even_where_ports_were_taken_meanwhile(redis_cluster: RedisCluster) -> None:
    client(redis_cluster).set("before", "kept")
    ports = [node.port for node in redis_cluster.nodes]
    redis_cluster.kill()
    again = RedisCluster(redis_cluster.data, redis_cluster.data / "log")
    assert again.password == redis_cluster.password
    with socket.create_server(("127.0.0.1", ports[0])), again:
        moved = [node.port for node in again.nodes]
        assert moved[0] != ports[0]
        assert moved[1:] == ports[1:]
        assert client(again).get("before") == "kept"


def test_the_application_is_no_superuser_and_owns_what_an_earlier_version_made(primary: Postgres) -> None:
    with psycopg.connect(primary.admin_url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE earlier")
    with psycopg.connect(primary.admin_url("earlier")) as connection:
        connection.execute("CREATE TABLE plays (id bigserial, number bigint GENERATED ALWAYS AS IDENTITY)")
        connection.execute("CREATE SEQUENCE versions")
        connection.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        connection.execute("CREATE TRIGGER refuse BEFORE DELETE ON plays EXECUTE FUNCTION refuse()")
    for _ in range(2):  # create_database runs at each start
        primary.create_database("earlier")
    with psycopg.connect(primary.database_url("earlier")) as connection:
        assert connection.execute("SELECT current_setting('is_superuser')").fetchone() == ("off",)
        connection.execute("ALTER TABLE plays ADD COLUMN note text")
        connection.execute("DROP TRIGGER refuse ON plays")
        connection.execute("DROP FUNCTION refuse")
        connection.execute("DROP SEQUENCE versions")
        connection.execute("CREATE TABLE more (id int)")
        connection.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY more FROM PROGRAM 'id'")
