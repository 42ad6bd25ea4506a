"""The product on a Redis Cluster that loses a master under load, and then all its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import redis

from devstack.redis_cluster import RedisCluster, RedisNode
from tests.faults.conftest import ENV
from tests.parts.client import Api, Player
from tests.parts.product import Product, running, wait_until_settled
from tests.parts.steady import SteadyLoad, Tally
from tests.parts.waiting import eventually


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    cluster = RedisCluster(folder, folder)
    cluster.start()
    yield cluster
    cluster.kill()  # a clean stop would write data that is not needed any more


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory, cluster: RedisCluster) -> Iterator[Product]:
    """Start two gevent workers, a relay and a worker on the cluster; Celery's messages have a Redis of their own."""
    env = {**ENV, "REDIS_URL": cluster.url, "WEB_WORKERS": "2"}
    with running(tmp_path_factory.mktemp("clustered"), env, broker="redis") as product:
        yield product


@pytest.fixture
def players(clustered: Product) -> Iterator[list[Player]]:
    """Register eight players: by all odds, some on every master."""
    api = Api(clustered.url)
    yield [api.register() for _ in range(8)]
    api.close()


def _ledger(product: Product, players: list[Player]) -> Counter[str]:
    """Count how often each action of these players was scored."""
    with product.database() as connection:
        rows = connection.execute(
            "SELECT action_id::text FROM score_events WHERE player_id::text = ANY(%s)",
            [[player.user_id for player in players]],
        ).fetchall()
    return Counter(row[0] for row in rows)


def _check_scores(product: Product, players: list[Player], tally: Tally) -> None:
    """Check that every 200 is in the ledger exactly once, and that every failure is an answer of docs/api.md."""
    events = _ledger(product, players)
    assert set(tally.scored) <= set(events)
    assert set(events.values()) == {1}
    for failure in tally.failures:
        assert failure.endswith((" 503 unavailable", " 401 invalid_token", " 403 token_already_used")), tally.failures


def _serve_all(players: list[Player]) -> bool:
    for player in players:
        player.score_once()
        player.me()
    return True


def _master_of(cluster: RedisCluster, player: Player) -> RedisNode:
    """Return the master without which this player can't be served."""

    def holds(node: RedisNode) -> bool:
        try:
            node.ask("EXISTS", f"{{{player.user_id}}}")
        except redis.ResponseError:
            return False
        return True

    return next(node for node in cluster.masters() if holds(node))


def test_a_master_killed_under_load_every_answer_holds_and_service_comes_back(
    clustered: Product, cluster: RedisCluster, players: list[Player]
) -> None:
    with SteadyLoad(clustered.url, players, pause=0.1) as tally:
        eventually(lambda: len(tally.scored) > 50)
        master = _master_of(cluster, players[0])
        master.kill()
        eventually(lambda: len(cluster.masters()) == 3)
        eventually(lambda: _serve_all(players))
        before = len(tally.scored)
        eventually(lambda: len(tally.scored) > before + 50)
        master.start()
        eventually(cluster.is_whole)
    assert tally.failures, "or the kill was noticed by nobody, and nothing is shown"
    _check_scores(clustered, players, tally)
    wait_until_settled(clustered)


def test_a_cluster_emptied_under_load_scores_nothing_twice_and_its_ranks_come_back(
    clustered: Product, cluster: RedisCluster, players: list[Player]
) -> None:
    with SteadyLoad(clustered.url, players, pause=0.1) as tally:
        eventually(lambda: len(tally.scored) > 50)
        for master in cluster.masters():
            master.ask("FLUSHALL")
        before = len(tally.scored)
        eventually(lambda: len(tally.scored) > before + 50)
    _check_scores(clustered, players, tally)
    wait_until_settled(clustered)
