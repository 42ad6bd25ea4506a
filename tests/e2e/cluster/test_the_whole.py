"""The whole architecture works through nginx, and a process that is killed comes back."""

from __future__ import annotations

import os
import signal
from uuid import uuid4

import pytest

from devstack import cluster_map
from devstack.status import ClusterExaminer
from devstack.watch import Watch
from tests.parts.client import Api, Player
from tests.parts.cluster import ClusterProduct
from tests.parts.product import wait_until_settled
from tests.parts.subscriber import subscribed
from tests.parts.waiting import eventually

# At most one process of each kind is killed at a time.
AT_ONCE = (
    ("api-1", "ws-1", "replica-1", "redis-1", "worker-leaderboard", "beat", "epmd"),
    ("api-2", "ws-2", "replica-2", "redis-2", "worker-analytics", "relay", "nginx"),
    ("api-3", "postgres", "redis-3", "worker-anticheat", "worker-webhooks", "rabbitmq"),
    ("redis-4", "redis-5", "redis-6"),
)


def unwell(cluster: ClusterProduct) -> list[str]:
    """Return the parts that are not well, as `make cluster-status` sees them."""
    states = ClusterExaminer(cluster.cluster.folder.path).examine(cluster_map.parts_of(cluster.cluster))
    return [f"{state.name}: {state.note}" for state in states if not state.well]


def redeemed(player: Player) -> int:
    """Redeem once; while parts come back, retry with the same key. Returns the score after it."""
    action, key = eventually(player.issue, within=60), str(uuid4())
    answer = eventually(lambda: (attempt := player.complete(action, key=key)).status == 200 and attempt, within=60)
    return int(answer.data["score"]["current"])


def test_the_page_a_redemption_and_its_push_work_through_nginx(cluster: ClusterProduct, api: Api) -> None:
    page = api.get("//")
    assert page.status == 200
    assert "text/html" in page.headers["Content-Type"]
    player = api.register()
    with subscribed(cluster.url, player.access_token) as socket:
        assert redeemed(player) == 1
        socket.until_change(player.user_id, 1, within=30)
    top = eventually(lambda: [row for row in api.get("/leaderboard/top?limit=100").data if row["score"] == 1])
    assert player.user_id in {row["user_id"] for row in top}


def test_every_part_is_well(cluster: ClusterProduct) -> None:
    eventually(lambda: unwell(cluster) == [], within=60)


def test_it_runs_with_the_settings_of_production(cluster: ClusterProduct) -> None:
    assert cluster.env["APP_ENV"] == "production"
    assert cluster.env["REDIS_URL"].startswith("redis+cluster://")
    assert cluster.env["BROKER_URL"].startswith("amqp://")
    assert len(cluster.env["DATABASE_REPLICA_URLS"].split(",")) == 2
    assert cluster.env["TRUSTED_PROXIES"] == "1"


def test_every_process_is_killed_by_one_of_the_tests_here(cluster: ClusterProduct) -> None:
    assert sorted(name for names in AT_ONCE for name in names) == sorted(cluster.stack.processes)


@pytest.mark.parametrize("names", AT_ONCE, ids=lambda names: names[0])
def test_what_is_killed_is_started_again_and_play_goes_on(
    cluster: ClusterProduct, api: Api, names: tuple[str, ...]
) -> None:
    lines: list[str] = []
    watch = Watch(cluster.cluster, lines.append)
    player = api.register()
    before = redeemed(player)
    pids = {name: cluster.process(name).pid for name in names}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)

    def all_well() -> bool:
        watch.step()
        assert [name for name in names if not cluster.process(name).is_running] == []
        assert unwell(cluster) == []
        return True

    try:
        eventually(all_well, within=180)
        assert all(cluster.process(name).pid != pid for name, pid in pids.items())
        assert {line.split()[0] for line in lines if "has ended (killed by SIGKILL)" in line} >= set(names)
        assert redeemed(player) == before + 1
    finally:
        watch.close()


def test_the_books_agree_after_all_that(cluster: ClusterProduct) -> None:
    wait_until_settled(cluster)
