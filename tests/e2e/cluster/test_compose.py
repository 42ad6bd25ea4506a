"""The compose file has the processes, commands and settings of the cluster that runs here."""

from __future__ import annotations

import secrets
import sys
from functools import cache
from typing import Any

import pytest
from ruamel.yaml import YAML

from app.settings import Settings
from devstack.apps import App, Web
from devstack.child import ROOT
from devstack.postgres import Postgres
from devstack.redis_cluster import RedisNode
from tests.parts.cluster import ClusterProduct

# A part of Erlang; in the compose file it runs inside RabbitMQ's container.
ONLY_HERE = {"epmd"}
# Services that run once, at the start, and services that only observe.
ONLY_THERE = {"migrate", "roles", "redis-cluster", "prometheus", "grafana"}
NAMES = {name.upper() for name in Settings.model_fields}


@cache
def _services() -> dict[str, Any]:
    services: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "compose.yaml")["services"]
    return services


def _apps(cluster: ClusterProduct) -> dict[str, App]:
    return {name: child for name, child in cluster.stack.processes.items() if isinstance(child, App)}


def test_the_same_processes_run(cluster: ClusterProduct) -> None:
    assert set(_services()) - ONLY_THERE == set(cluster.stack.processes) - ONLY_HERE


def test_the_same_commands_run(cluster: ClusterProduct) -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    for name, child in _apps(cluster).items():
        compose_command = _services()[name].get("command")
        command = [word.replace(sys.executable, "python") for word in child.command()]
        if isinstance(child, Web):
            assert compose_command is None, "what the image runs by itself"
            assert "CMD [" + ", ".join(f'"{word}"' for word in command) + "]" in dockerfile
        else:
            assert compose_command == command, name


def test_the_same_settings_are_given(cluster: ClusterProduct) -> None:
    names = {name for name in cluster.env if name in NAMES} - set(cluster.stack.user_settings)
    for name, child in _apps(cluster).items():
        environment = _services()[name]["environment"]
        assert set(environment) - {"METRICS_PORT"} == names, name
        for setting in ("APP_ENV", "TRUSTED_PROXIES", "WEB_WORKERS"):
            assert environment[setting] == child.environment[setting]
    for setting in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"):
        assert _services()["api-1"]["environment"][setting].split(":")[0] == cluster.env[setting].split(":")[0]


def test_what_the_compose_file_gives_is_accepted() -> None:
    for name, service in _services().items():
        environment = {key: value for key, value in service.get("environment", {}).items() if key in NAMES}
        if environment:
            filled = {
                key: value.replace("${", "x").replace(":?see env.example}", "y" * 32)
                for key, value in environment.items()
            }
            filled |= {key: f"a:{secrets.token_hex(32)}" for key in ("JWT_KEYS", "ACTION_TOKEN_KEYS")}
            settings = Settings.from_env(filled)
            assert len(settings.database_replica_urls) == 2, name


@pytest.mark.parametrize("name", ["postgres", "replica-1", "replica-2"])
def test_postgresql_is_told_the_same(cluster: ClusterProduct, name: str) -> None:
    server = cluster.process(name)
    assert isinstance(server, Postgres)
    command = _services()[name]["command"]
    compose_settings = dict(word.split("=", 1) for word in command[2::2])
    # The container of a replica sets these when it copies the primary.
    own = {"primary_conninfo", "primary_slot_name", "cluster_name"}
    assert compose_settings == {key: value for key, value in server.settings.items() if key not in own}


def test_redis_is_told_the_same(cluster: ClusterProduct) -> None:
    node = cluster.process("redis-1")
    assert isinstance(node, RedisNode)
    own = {"bind", "port", "requirepass", "masterauth", "dir", "daemonize", "cluster-announce-ip"}
    for number in range(1, 7):
        command = _services()[f"redis-{number}"]["command"][-1].split()
        for key, value in node.settings().items():
            if key not in own:
                place = command.index(f"--{key}")
                assert command[place + 1].strip("'\"") == value.strip("'\""), key
