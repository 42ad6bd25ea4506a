"""A Redis Cluster that loses nodes, moves slots and loses data: all promises hold, and it recovers unaided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from redis.crc import key_slot

from app.containers.container import Container
from app.domain.boards import MAIN
from app.domain.redemption import RedemptionRequest
from app.domain.times import utc
from app.errors import TokenAlreadyUsed, Unauthorized
from app.factory import create_app
from app.services.play.actions import Issued
from app.settings import Settings
from app.stores.boards.board_events import BoardChanged, Listening, Message, Subscription, publish_board
from app.stores.operations.probes import RedisProbe
from app.stores.postgres.engine import UNAVAILABLE
from app.stores.redis.client import Client, SingleClient, connect, direct_connection
from devstack.child import free_port
from devstack.redis_cluster import RedisCluster, RedisNode
from devstack.stack import Stack
from tests.parts.waiting import eventually

CHANGE = BoardChanged("main", 7, [], [])
KEYS = [f"key:{number}" for number in range(24)]  # on every master


@pytest.fixture(scope="module")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    folder = tmp_path_factory.mktemp("breakable")
    cluster = RedisCluster(folder, folder)
    cluster.start()
    yield cluster
    cluster.kill()  # a clean stop would first write data to disk


@pytest.fixture
def cluster(_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """Yield a cluster that a test may break; it is whole again for the next test."""
    yield _cluster
    for node in _cluster.nodes:
        if not node.is_running:
            node.start()
    eventually(_cluster.is_whole, within=30)


@pytest.fixture
def redis_url(cluster: RedisCluster) -> str:
    return cluster.url


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    client = connect(redis_url, 0.4)
    yield client
    client.close()


def _holder(cluster: RedisCluster, key: str) -> RedisNode:
    """Return the master that has a key's slot."""

    def holds(node: RedisNode) -> bool:
        try:
            node.ask("EXISTS", key)
        except redis.ResponseError:
            return False
        return True

    return next(node for node in cluster.masters() if holds(node))


def _replica(cluster: RedisCluster, master: RedisNode) -> RedisNode:
    return next(node for node in cluster.replicas() if node.ask("ROLE")[2] == master.port)


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
    master = _holder(cluster, KEYS[0])
    replica = _replica(cluster, master)
    eventually(lambda: _fail_over(replica, master), within=40, every=2)
    pipeline = client.pipeline()
    for key in KEYS:
        pipeline.incr(key)
    assert pipeline.execute() == [2] * len(KEYS)


def _fail_over(replica: RedisNode, master: RedisNode) -> bool:
    """Return whether the replica has become master; else ask for a failover, which may time out on a busy machine."""
    if replica.role() == "master":
        return master.role() == "replica"
    replica.ask("CLUSTER", "FAILOVER")
    return False


def test_a_slot_on_the_move_is_served_by_both_its_nodes(cluster: RedisCluster, client: Client) -> None:
    source, slot = _holder(cluster, "{moving}"), key_slot(b"moving")
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
    healthy, stalled = KEYS[0], next(key for key in KEYS if _holder(cluster, key) is not _holder(cluster, KEYS[0]))
    master = _holder(cluster, stalled)
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


def test_a_cluster_that_was_away_is_found_again_and_hears_what_was_decided_meanwhile(
    cluster: RedisCluster, container: Container
) -> None:
    player = uuid4()
    container.players.add(player, "mallory", "mallory", "no password fits this", "player")
    login = _sign_in(container, player)
    cluster.kill()
    late = Container(container.settings)
    assert set(late.health.faults()) == {"redis"}
    for question in (
        late.subscription,
        RedisProbe(late.redis, late.scripts).states,
        lambda: late.sessions.check(player, login),
    ):
        with pytest.raises(UNAVAILABLE):
            question()
    assert container.moderation.suspend(player, "test"), "the database decides"
    cluster.start()
    eventually(lambda: late.health.faults() == {})
    container.moderation.resend_changes()
    assert late.logins.states([(player, login)]) == ["suspended"]
    assert container.moderation.reinstate(player, "test")
    assert late.logins.states([(player, login)]) == ["active"]
    late.close()


def test_a_lane_outlives_more_connections_than_a_pool_may_make(servers: Stack) -> None:
    url = servers.env["REDIS_URL"]
    client, killer = SingleClient.from_url(url, max_connections=2), redis.Redis.from_url(url)
    direct = direct_connection(client)
    for _ in range(6):
        killer.client_kill_filter(_id=eventually(lambda: direct.call("CLIENT", "ID")))
    assert eventually(lambda: direct.call("ECHO", "here") == b"here")
    client.close()
    killer.close()


@contextmanager
def _without_replication(replica: RedisNode) -> Iterator[None]:
    """Stop replication from the master: a failover loses all writes of this block."""
    replica.ask("CONFIG", "SET", "masterauth", "wrong")
    replica.ask("CLIENT", "KILL", "TYPE", "master")
    try:
        yield
    finally:
        replica.ask("CONFIG", "SET", "masterauth", replica.password)


def _add_player_on(container: Container, cluster: RedisCluster, master: RedisNode) -> UUID:
    """Add a player whose keys lie on this master."""
    player = next(candidate for candidate in iter(uuid4, None) if _holder(cluster, f"{{{candidate}}}") is master)
    container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
    return player


def _sign_in(container: Container, player: UUID) -> UUID:
    """Open a login that Redis knows as active, and return it."""
    login = uuid4()
    container.logins.open(login, player, uuid4(), utc(container.clock() + 3600))
    container.sessions.check(player, login)
    return login


def _complete(container: Container, player: UUID, issued: Issued) -> Any:
    action = issued.promise.action_id
    return container.redemptions.complete(RedemptionRequest(str(player), action, issued.token, None, f"test-{action}"))


@pytest.fixture
def play(container: Container) -> Callable[[UUID], None]:
    return lambda player: _complete(container, player, container.actions.issue(player, "tap"))


def test_what_a_failover_loses_costs_no_promise_and_comes_back(
    cluster: RedisCluster, container: Container, play: Callable[[UUID], None]
) -> None:
    season = container.standings.season(MAIN)
    master = _holder(cluster, f"{{{season.tag}}}")
    anna, ben = _add_player_on(container, cluster, master), _add_player_on(container, cluster, master)
    play(ben)
    container.board_sync.repair()
    annas, bens = _sign_in(container, anna), _sign_in(container, ben)
    action = container.actions.issue(anna, "tap")
    replica = _replica(cluster, master)
    eventually(cluster.is_whole)
    with _without_replication(replica):
        assert _complete(container, anna, action).rank == 1
        container.logins.end(anna, annas, "signed out")
        container.moderation.suspend(ben, "test")
        master.kill()
        eventually(lambda: replica.role() == "master", within=30)
        pairs = [(anna, annas), (ben, bens)]
        states = eventually(lambda: container.logins.states(pairs), within=30)
    assert states == ["active", "active"], "or this test shows nothing: nothing was lost"
    assert container.redis.zscore(f"leaderboard:scores:{{{season.tag}}}", str(anna)) is None
    with pytest.raises(TokenAlreadyUsed):
        _complete(container, anna, action)

    container.moderation.resend_changes()
    assert container.logins.states(pairs) == ["ended", "suspended"]
    with pytest.raises(Unauthorized):
        container.sessions.check(anna, annas)
    assert container.board_sync.verify(season) != []
    assert container.board_sync.repair() == [MAIN]
    assert container.board_sync.verify(season) == []
    assert container.standings.standing(anna).rank == 1


def test_one_master_that_refuses_is_named_and_the_others_go_on(container: Container, cluster: RedisCluster) -> None:
    for master in cluster.masters():
        assert container.health.faults() == {}
        master.ask("CONFIG", "SET", "maxmemory", 1)
        down = container.health.faults()
        master.ask("CONFIG", "SET", "maxmemory", 0)
        assert down["redis"].startswith("refuses: OOM command not allowed")
    assert len(container.redis.keys("leaderboard:probe*")) == 3


def test_an_app_starts_while_its_cluster_is_away(servers: Stack) -> None:
    nowhere = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    app = create_app(Settings.from_env(servers.env).model_copy(update={"redis_url": nowhere}))
    web = app.test_client()
    assert web.get("/healthz").status_code == 200
    assert web.get("/readyz").status_code == 503
    answer = web.get("/api/v1/action-types")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "unavailable")
    app.extensions["fairboard"].close()
