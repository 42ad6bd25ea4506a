"""The product on a Redis Cluster that loses nodes and data: all promises hold, and it recovers unaided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.domain.action_token import digest_of
from app.domain.boards import MAIN
from app.domain.redemption import RedemptionRequest
from app.domain.times import utc
from app.errors import TokenAlreadyUsed, Unauthorized
from app.factory import create_app
from app.services.play.actions import Issued
from app.settings import Settings
from app.stores.operations.probes import RedisProbe
from app.stores.play.claim_results import Claimed
from app.stores.postgres.engine import UNAVAILABLE
from devstack.child import free_port
from devstack.redis_cluster import RedisCluster, RedisNode
from devstack.stack import Stack
from tests.integration.redis.nodes import fail_over, holder, replica_of
from tests.parts.waiting import eventually


@pytest.fixture
def redis_url(cluster: RedisCluster) -> str:
    """Put the container on the cluster."""
    return cluster.url


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
    player = next(candidate for candidate in iter(uuid4, None) if holder(cluster, f"{{{candidate}}}") is master)
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
    master = holder(cluster, f"{{{season.tag}}}")
    anna, ben = _add_player_on(container, cluster, master), _add_player_on(container, cluster, master)
    play(ben)
    container.board_sync.repair()
    annas, bens = _sign_in(container, anna), _sign_in(container, ben)
    action = container.actions.issue(anna, "tap")
    replica = replica_of(cluster, master)
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


def test_after_a_failover_no_time_of_the_former_clock_is_measured(cluster: RedisCluster, container: Container) -> None:
    player = uuid4()
    container.players.add(player, "alice", "alice", "no password fits this", "player")

    def is_measurable(issued: Issued) -> bool:
        action_id, digest = issued.promise.action_id, digest_of(issued.token)
        claim = container.action_claims.claim(str(player), action_id, digest, key=None, fingerprint="")
        assert isinstance(claim, Claimed)
        return not claim.is_unmeasurable

    before, between = (container.actions.issue(player, "tap") for _ in range(2))
    assert is_measurable(before)
    master = holder(cluster, f"history:{{{player}}}")
    replica = replica_of(cluster, master)
    eventually(lambda: fail_over(replica, master), within=40, every=2)
    assert not is_measurable(between)
    assert is_measurable(container.actions.issue(player, "tap"))
