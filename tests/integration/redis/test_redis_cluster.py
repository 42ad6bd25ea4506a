"""A Redis Cluster that loses nodes, moves its slots and forgets: what stays promised, and that it heals by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from app.stores.redis.client import Client, Single, connect, lane_of
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
    cluster.kill()  # nobody needs what it would write before it ends


@pytest.fixture
def cluster(_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """One that a test may break; whole again for the next."""
    yield _cluster
    for node in _cluster.nodes:
        if not node.running:
            node.start()
    eventually(_cluster.whole, within=30)


@pytest.fixture
def redis_url(cluster: RedisCluster) -> str:
    return cluster.url


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    client = connect(redis_url, 0.4)
    yield client
    client.close()


def _holder(cluster: RedisCluster, key: str) -> RedisNode:
    """The master that has a key's slot."""

    def holds(node: RedisNode) -> bool:
        try:
            node.asked("EXISTS", key)
        except redis.ResponseError:
            return False
        return True

    return next(node for node in cluster.masters() if holds(node))


def _replica(cluster: RedisCluster, master: RedisNode) -> RedisNode:
    return next(node for node in cluster.replicas() if node.asked("ROLE")[2] == master.port)


def _writes(client: Client) -> bool:
    return all(client.set(key, 1) for key in KEYS)


def test_one_seed_that_answers_is_enough(cluster: RedisCluster) -> None:
    login, hosts = cluster.url.split("@")
    client = connect(f"{login}@127.0.0.1:{free_port()},{hosts.split(',')[3]},127.0.0.1:{free_port()}", 0.4)
    assert _writes(client)
    assert client.mget("{tag}a", "{tag}b") == [None, None]
    client.close()


def test_a_slot_that_has_moved_is_followed_without_an_error(cluster: RedisCluster, client: Client) -> None:
    assert _writes(client)
    master = _holder(cluster, KEYS[0])
    replica = _replica(cluster, master)
    eventually(lambda: _moved(replica, master), within=40, every=2)
    pipeline = client.pipeline()
    for key in KEYS:
        pipeline.incr(key)
    assert pipeline.execute() == [2] * len(KEYS)


def _moved(replica: RedisNode, master: RedisNode) -> bool:
    """Ask for it, again if need be: on a busy machine a failover by hand may give up after its five seconds."""
    if replica.role() == "master":
        return master.role() == "replica"
    replica.asked("CLUSTER", "FAILOVER")
    return False


def test_a_slot_on_the_move_is_served_by_both_its_nodes(cluster: RedisCluster, client: Client) -> None:
    here, slot = _holder(cluster, "{moving}"), key_slot(b"moving")
    there = next(node for node in cluster.masters() if node is not here)
    client.set("{moving}:old", "stays")
    there.asked("CLUSTER", "SETSLOT", slot, "IMPORTING", here.asked("CLUSTER", "MYID"))
    here.asked("CLUSTER", "SETSLOT", slot, "MIGRATING", there.asked("CLUSTER", "MYID"))
    try:
        assert client.set("{moving}:new", "goes there")
        assert client.get("{moving}:new") == "goes there"
        assert client.get("{moving}:old") == "stays"
        with pytest.raises(UNAVAILABLE):  # one key here, one there: nobody can answer that now
            client.mget("{moving}:old", "{moving}:new")
        client.delete("{moving}:new")
    finally:
        for node in (here, there):
            node.asked("CLUSTER", "SETSLOT", slot, "STABLE")


def test_a_master_that_stands_still_holds_up_nobody_else_and_is_replaced(cluster: RedisCluster, client: Client) -> None:
    assert _writes(client)
    # Not the shard of the test before: a cluster elects no two masters for one shard within some seconds.
    other, one = KEYS[0], next(key for key in KEYS if _holder(cluster, key) is not _holder(cluster, KEYS[0]))
    master = _holder(cluster, one)
    master.pause()
    try:
        for _ in range(3):
            with pytest.raises(UNAVAILABLE):
                client.set(one, 2)
            assert client.set(other, 2)
        with pytest.raises(UNAVAILABLE):  # both are asked at once; the one that answers has done it
            client.lane.together([("SET", one, 3), ("SET", other, 3)])
        assert client.get(other) == "3"
        eventually(lambda: _writes(client), within=30)
    finally:
        master.resume()


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_listener_moves_to_another_node_when_its_own_is_gone(cluster: RedisCluster, client: Client, how: str) -> None:
    listener = Subscription(client)
    listener.open()
    assert eventually(lambda: listener.next(0.2)) == Listening()
    (node,) = [each for each in cluster.nodes if _listens(each)]
    getattr(node, how)()
    try:
        with pytest.raises(redis.RedisError):
            _listen_on(listener)
        listener.close()
        again = Subscription(client)
        again.open()
        assert eventually(lambda: again.next(0.2)) == Listening()
        assert eventually(lambda: _heard(client, again)) == CHANGE
        again.close()
    finally:
        if how == "pause":
            node.resume()


def _heard(client: Client, listener: Subscription) -> Message | None:
    publish_board(client, CHANGE)  # through a node of which nobody knows yet whether it lives
    return listener.next(0.2)


def _listen_on(listener: Subscription) -> None:
    for _ in range(75):
        listener.next(0.2)


def _listens(node: RedisNode) -> bool:
    counts: dict[str, int] = dict(node.asked("PUBSUB NUMSUB", "fairboard:board"))
    return counts["fairboard:board"] > 0


def test_a_cluster_that_was_away_is_found_again_and_hears_what_was_decided_meanwhile(
    cluster: RedisCluster, container: Container
) -> None:
    player = uuid4()
    container.players.add(player, "mallory", "mallory", "no password fits this", "player")
    login = _signed_in(container, player)
    cluster.kill()
    late = Container(container.settings)
    assert set(late.health.down()) == {"redis"}
    for question in (
        late.subscription,
        RedisProbe(late.redis, late.scripts).states,
        lambda: late.sessions.check(player, login),
    ):
        with pytest.raises(UNAVAILABLE):
            question()
    assert container.moderation.suspend(player, "test"), "the database decides"
    cluster.start()
    eventually(lambda: late.health.down() == {})
    container.moderation.restate()
    assert late.logins.states([(player, login)]) == ["suspended"]
    assert container.moderation.reinstate(player, "test")
    assert late.logins.states([(player, login)]) == ["active"]
    late.close()


def test_a_lane_outlives_more_connections_than_a_pool_may_make(servers: Stack) -> None:
    url = servers.env["REDIS_URL"]
    client, killer = Single.from_url(url, max_connections=2), redis.Redis.from_url(url)
    lane = lane_of(client)
    for _ in range(6):
        killer.client_kill_filter(_id=eventually(lambda: lane.call("CLIENT", "ID")))
    assert eventually(lambda: lane.call("ECHO", "here") == b"here")
    client.close()
    killer.close()


@contextmanager
def _out_of_step(replica: RedisNode) -> Iterator[None]:
    """Its master's writes reach it no more: what is written now is lost by a failover."""
    replica.asked("CONFIG", "SET", "masterauth", "wrong")
    replica.asked("CLIENT", "KILL", "TYPE", "master")
    try:
        yield
    finally:
        replica.asked("CONFIG", "SET", "masterauth", replica.password)


def _player_of(container: Container, cluster: RedisCluster, master: RedisNode) -> UUID:
    """A new player whose keys lie on this master."""
    player = next(one for one in iter(uuid4, None) if _holder(cluster, f"{{{one}}}") is master)
    container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
    return player


def _signed_in(container: Container, player: UUID) -> UUID:
    """A login that Redis knows as active."""
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
    anna, ben = _player_of(container, cluster, master), _player_of(container, cluster, master)
    play(ben)
    container.refresh.repair()
    annas, bens = _signed_in(container, anna), _signed_in(container, ben)
    action = container.actions.issue(anna, "tap")
    replica = _replica(cluster, master)
    eventually(cluster.whole)
    with _out_of_step(replica):
        assert _complete(container, anna, action).rank == 1
        container.logins.end(anna, annas, "signed out")
        container.moderation.suspend(ben, "test")
        master.kill()
        eventually(lambda: replica.role() == "master", within=30)
        pairs = [(anna, annas), (ben, bens)]
        lost = eventually(lambda: container.logins.states(pairs), within=30)
    assert lost == ["active", "active"], "or this test shows nothing: nothing was lost"
    assert container.redis.zscore(f"leaderboard:scores:{{{season.tag}}}", str(anna)) is None
    with pytest.raises(TokenAlreadyUsed):
        _complete(container, anna, action)

    container.moderation.restate()
    assert container.logins.states(pairs) == ["ended", "suspended"]
    with pytest.raises(Unauthorized):
        container.sessions.check(anna, annas)
    assert container.refresh.verify(season) != []
    assert container.refresh.repair() == [MAIN]
    assert container.refresh.verify(season) == []
    assert container.standings.one(anna).rank == 1


def test_one_master_that_refuses_is_named_and_the_others_go_on(container: Container, cluster: RedisCluster) -> None:
    for master in cluster.masters():
        assert container.health.down() == {}
        master.asked("CONFIG", "SET", "maxmemory", 1)
        down = container.health.down()
        master.asked("CONFIG", "SET", "maxmemory", 0)
        assert down["redis"].startswith("refuses: OOM command not allowed")
    assert len(container.redis.keys("leaderboard:probe*")) == 3


def test_an_app_starts_while_its_cluster_is_away(servers: Stack) -> None:
    nowhere = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    app = create_app(replace(Settings.from_env(servers.env), redis_url=nowhere))
    web = app.test_client()
    assert web.get("/healthz").status_code == 200
    assert web.get("/readyz").status_code == 503
    answer = web.get("/api/v1/action-types")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "unavailable")
    app.extensions["fairboard"].close()
