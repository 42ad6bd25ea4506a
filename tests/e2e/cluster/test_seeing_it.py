"""What operators see of the whole: one trail through all processes, every metric that is watched, every part."""

from __future__ import annotations

import json
import re
from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families

from devstack.child import ROOT
from tests.parts.client import Api
from tests.parts.cluster import ClusterProduct
from tests.parts.subscriber import subscribed
from tests.parts.waiting import eventually

_WATCHED = re.compile(r"\bfairboard_[a-z0-9_]+")


def _watched() -> set[str]:
    """Every metric that the dashboard or an alert asks for."""
    dashboard = json.loads((ROOT / "deploy/grafana/fairboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    return {name for text in [*queries, alerts] for name in _WATCHED.findall(text)}


def _scraped(cluster: ClusterProduct) -> set[str]:
    """Every sample's name; those of a histogram as Prometheus keeps them."""
    api = Api(cluster.url)
    text = api.get("//metrics").text
    api.close()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def _logged(cluster: ClusterProduct, kind: str, event: str, own_id: str) -> bool:
    """Whether a process of this kind has told of the event with the id, as one JSON object."""
    for log in (cluster.stack.folder.path / "log").glob(f"{kind}*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if own_id in line and json.loads(line)["event"] == event:
                return True
    return False


def test_every_metric_that_is_watched_is_there(cluster: ClusterProduct, api: Api) -> None:
    player = api.register()
    with subscribed(cluster.url, player.access_token) as socket:
        player.score_once()
        socket.until_change(player.user_id, 1, within=30)
        api.get("/leaderboard/top")
        eventually(lambda: _watched() - _scraped(cluster) == set(), within=120, every=0.5)
    assert len(_watched()) > 15


def test_one_id_runs_through_all_processes(cluster: ClusterProduct, api: Api) -> None:
    own_id, player = f"whole-{uuid4().hex}", api.register()
    with subscribed(cluster.url, player.access_token):
        action = player.issue()
        path = f"/actions/{action['action_id']}/complete"
        done = player.post(path, {"token": action["token"]}, headers={"X-Request-ID": own_id})
        assert done.status == 200
        assert cluster.one("SELECT request_id FROM score_events WHERE action_id = %s", action["action_id"]) == own_id
        trail = {"api": "request", "relay": "published", "worker-leaderboard": "board_refreshed", "ws": "board_pushed"}
        eventually(lambda: [kind for kind, event in trail.items() if not _logged(cluster, kind, event, own_id)] == [])
    eventually(lambda: own_id in cluster.cluster.nginx.access_log.read_text())  # which it writes once a second


def test_the_doctor_examines_every_part_and_finds_all_well(cluster: ClusterProduct) -> None:
    def well() -> set[str]:
        done = cluster.flask("doctor", "--json")
        found = {finding["part"]: finding["state"] for finding in json.loads(done.stdout)["parts"]}
        assert done.returncode == 0, done.stdout
        return set(found)

    parts = eventually(well, within=120, every=1)
    assert {"postgresql", "replica 1", "replica 2", "redis cluster", "redis", "clocks", "relay", "beat"} <= parts
    assert {"broker", "workers", "analytics work", "anticheat work", "board main", "online main"} <= parts
