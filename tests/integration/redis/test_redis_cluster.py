"""Clients of a Redis Cluster that loses nodes and moves slots: they follow, and recover unaided."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.crc import key_slot

from app.stores.boards.board_events import BoardChanged, Listening, Message, Subscription, publish_board
from app.stores.postgres.engine import UNAVAILABLE
from app.stores.redis.client import Client, SingleClient, connect, direct_connection
from devstack.child import free_port
from devstack.redis_cluster import RedisCluster, RedisNode
from devstack.stack import Stack
from tests.integration.redis.nodes import fail_over, holder, replica_of
from tests.parts.waiting import eventually

CHANGE = BoardChanged("main", 7, [], [])
KEYS = [f"key:{number}" for number in range(24)]  # on every master


@pytest.fixture
def client(cluster: RedisCluster) -> Iterator[Client]:
    client = connect(cluster.url, 0.4)
    yield client
    client.close()


def _write_all(client: Client) -> bool:
    return all(client.set(key, 1) for key in KEYS)


def test_one_seed_that_answers_is_enough(cluster: RedisCluster) -> None:
    login, hosts = cluster.url.split("@")
    client = connect(f"{login}@127.0.0.1:{free_port()},{hosts.split(',')[3]},127.0.0.1:{free_port()}", 0.4)
    assert _write_all(client)
    assert client.mget("{tag}a", "{tag}b") == [None, None]
    client.close()


def test_a_slot_that_has_moved_is_followed_without_an_error(cluster: RedisCluster, client: Client) -> None:
    assert _write_all(client)
    master = holder(cluster, KEYS[0])
    replica = replica_of(cluster, master)
    eventually(lambda: fail_over(replica, master), within=40, every=2)
    pipeline = client.pipeline()
    for key in KEYS:
        pipeline.incr(key)
    assert pipeline.execute() == [2] * len(KEYS)


def test_a_slot_on_the_move_is_served_by_both_its_nodes(cluster: RedisCluster, client: Client) -> None:
    source, slot = holder(cluster, "{moving}"), key_slot(b"moving")
    target = next(node for node in cluster.masters() if node is not source)
    client.set("{moving}:old", "stays")
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID"))
    try:
        assert client.set("{moving}:new", "goes there")
        assert client.get("{moving}:new") == "goes there"
        assert client.get("{moving}:old") == "stays"
        with pytest.raises(UNAVAILABLE):  # one key on each node: no node can answer for both now
            client.mget("{moving}:old", "{moving}:new")
        client.delete("{moving}:new")
    finally:
        for node in (source, target):
            node.ask("CLUSTER", "SETSLOT", slot, "STABLE")


def test_a_master_that_stands_still_holds_up_nobody_else_and_is_replaced(cluster: RedisCluster, client: Client) -> None:
    assert _write_all(client)
    # Not the shard of the test before: a cluster elects a second master for a shard only after some seconds.
    healthy, stalled = KEYS[0], next(key for key in KEYS if holder(cluster, key) is not holder(cluster, KEYS[0]))
    master = holder(cluster, stalled)
    master.pause()
    try:
        for _ in range(3):
            with pytest.raises(UNAVAILABLE):
                client.set(stalled, 2)
            assert client.set(healthy, 2)
        with pytest.raises(UNAVAILABLE):  # both nodes get their command at once; the healthy one has executed its own
            client.direct.call_together([("SET", stalled, 3), ("SET", healthy, 3)])
        assert client.get(healthy) == "3"
        eventually(lambda: _write_all(client), within=30)
    finally:
        master.resume()


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_listener_moves_to_another_node_when_its_own_is_gone(cluster: RedisCluster, client: Client, how: str) -> None:
    listener = Subscription(client)
    listener.open()
    assert eventually(lambda: listener.next(0.2)) == Listening()
    (node,) = [candidate for candidate in cluster.nodes if _has_listener(candidate)]
    getattr(node, how)()
    try:
        with pytest.raises(redis.RedisError):
            _listen_on(listener)
        listener.close()
        again = Subscription(client)
        again.open()
        assert eventually(lambda: again.next(0.2)) == Listening()
        assert eventually(lambda: _publish_and_receive(client, again)) == CHANGE
        again.close()
    finally:
        if how == "pause":
            node.resume()


def _publish_and_receive(client: Client, listener: Subscription) -> Message | None:
    publish_board(client, CHANGE)  # through a node that may be dead without the client knowing it yet
    return listener.next(0.2)


def _listen_on(listener: Subscription) -> None:
    for _ in range(75):
        listener.next(0.2)


def _has_listener(node: RedisNode) -> bool:
    counts: dict[str, int] = dict(node.ask("PUBSUB NUMSUB", "fairboard:board"))
    return counts["fairboard:board"] > 0


def test_a_lane_outlives_more_connections_than_a_pool_may_make(servers: Stack) -> None:
    url = servers.env["REDIS_URL"]
    client, killer = SingleClient.from_url(url, max_connections=2, socket_timeout=1), redis.Redis.from_url(url)
    direct = direct_connection(client)
    for _ in range(6):
        killer.client_kill_filter(_id=eventually(lambda: direct.call("CLIENT", "ID")))
    assert eventually(lambda: direct.call("ECHO", "here") == b"here")
    client.close()
    killer.close()
