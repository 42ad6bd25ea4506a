"""The whole cluster as operators see it: one trail through all processes, every watched metric, every part."""

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

_METRIC = re.compile(r"\bfairboard_[a-z0-9_]+")


def _watched_metrics() -> set[str]:
    """Return the metrics that the dashboard or an alert asks for."""
    dashboard = json.loads((ROOT / "deploy/grafana/fairboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    return {name for text in [*queries, alerts] for name in _METRIC.findall(text)}


def _scraped_metrics(cluster: ClusterProduct) -> set[str]:
    """Return the name of every sample; histograms have the names that Prometheus stores."""
    api = Api(cluster.url)
    text = api.get("//metrics").text
    api.close()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def _has_logged(cluster: ClusterProduct, kind: str, event: str, own_id: str) -> bool:
    """Return whether a process of this kind has logged the event with the id, as one JSON object."""
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
        eventually(lambda: _watched_metrics() - _scraped_metrics(cluster) == set(), within=120, every=0.5)
    assert len(_watched_metrics()) > 15


def test_one_id_runs_through_all_processes(cluster: ClusterProduct, api: Api) -> None:
    own_id, player = f"whole-{uuid4().hex}", api.register()
    with subscribed(cluster.url, player.access_token):
        action = player.issue()
        path = f"/actions/{action['action_id']}/complete"
        answer = player.post(path, {"token": action["token"]}, headers={"X-Request-ID": own_id})
        assert answer.status == 200
        assert (
            cluster.query_value("SELECT request_id FROM score_events WHERE action_id = %s", action["action_id"])
            == own_id
        )
        trail = {"api": "request", "relay": "published", "worker-leaderboard": "board_refreshed", "ws": "board_pushed"}
        eventually(
            lambda: [kind for kind, event in trail.items() if not _has_logged(cluster, kind, event, own_id)] == []
        )
    eventually(lambda: own_id in cluster.cluster.nginx.access_log.read_text())  # nginx writes its log once a second


def test_the_doctor_examines_every_part_and_finds_all_well(cluster: ClusterProduct) -> None:
    def well() -> set[str]:
        result = cluster.flask("doctor", "--json")
        states = {finding["part"]: finding["state"] for finding in json.loads(result.stdout)["parts"]}
        assert result.returncode == 0, result.stdout
        return set(states)

    parts = eventually(well, within=120, every=1)
    assert {"postgresql", "replica 1", "replica 2", "redis cluster", "redis", "clocks", "relay", "beat"} <= parts
    assert {"broker", "workers", "analytics work", "anticheat work", "board main", "online main"} <= parts
