"""devstack/surroundings.py and given.py: the variables of a shell that reach the processes started here."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from devstack import surroundings
from devstack.child import ROOT
from devstack.user_settings import MARKER, marker_value, user_settings

FOREIGN = [
    "CELERY_BROKER_URL",
    "CELERY_WORKER_QUEUES",
    "CONFIG_MODULE",
    "LOADER",
    "DJANGO_SETTINGS_MODULE",
    "GUNICORN_CMD_ARGS",
    "WEB_CONCURRENCY",
    "PGSERVICE",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPORT",
    "PGSSLMODE",
    "PGREQUIREAUTH",
    "PIP_TARGET",
    "PIP_INDEX_URL",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
    "PYTHONOPTIMIZE",
    "PYTHONWARNINGS",
    "FLASK_DEBUG",
    "FLASK_APP",
    "PROMETHEUS_MULTIPROC_DIR",
    "RABBITMQ_NODENAME",
    "ERL_FLAGS",
    "http_proxy",
    "HTTPS_PROXY",
    "LANG",
    "LANGUAGE",
    "LC_CTYPE",
    "TZ",
    "CDPATH",
    "BASH_ENV",
    "ENV",
    "GEVENT_LOOP",
    "VIRTUAL_ENV",
    "DATABASE_URL",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_private_part_inherits_no_variable_but_those_that_every_process_needs(name: str) -> None:
    environ = {"PATH": "/bin", "HOME": "/home/me", "LD_LIBRARY_PATH": "/opt/lib", name: "/elsewhere"}
    expected = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LD_LIBRARY_PATH": "/opt/lib",
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
    }
    assert surroundings.for_parts(environ) == expected


@pytest.mark.parametrize(
    "name",
    [
        "PIP_TARGET",
        "PIP_DRY_RUN",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_USER",
        "PIP_NO_DEPS",
        "PYTHONPATH",
        "PGSERVICE",
        "PSYCOPG_IMPL",
    ],
)
def test_pip_and_the_launcher_put_nothing_elsewhere(name: str) -> None:
    assert surroundings.for_tools({name: "x"}) == {}


@pytest.mark.parametrize(
    "name", ["PIP_INDEX_URL", "PIP_CERT", "PIP_PROXY", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PYTHON"]
)
def test_pip_still_gets_packages_from_where_the_shell_says(name: str) -> None:
    assert surroundings.for_tools({name: "x", "https_proxy": "y"}) == {name: "x", "https_proxy": "y"}


def test_a_terminal_that_has_loaded_a_runs_settings_does_not_give_them_to_the_next_run() -> None:
    run_settings = {"DATABASE_URL": "postgresql://fairboard@/fairboard?host=/ü", "METRICS_DIR": "/here"}
    loaded = {
        **run_settings,
        MARKER: marker_value(run_settings),
        "PATH": "/bin",
        "LOG_LEVEL": "debug",
        "REDIS_URL": " ",
    }
    assert user_settings(loaded) == {"LOG_LEVEL": "debug"}
    assert user_settings({**loaded, "METRICS_DIR": "/there"}) == {"METRICS_DIR": "/there", "LOG_LEVEL": "debug"}


def test_make_takes_the_same_variables_from_every_command_that_it_runs(tmp_path: Path) -> None:
    names = ["PYTHONPATH", "PYTHONHOME", "PGSERVICE", "CELERY_BROKER_URL", "GUNICORN_CMD_ARGS", "FLASK_DEBUG"]
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nenv\n")
    script.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", **dict.fromkeys(names, "/elsewhere")}
    process = subprocess.run(["make", f"PYTHON={script}", "run"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert "PATH=" in process.stdout, process.stderr
    assert [name for name in names if f"{name}=" in process.stdout] == []


_BROKERS = (
    "from workers.app import app; print(app.conf.broker_url, app.conf.broker_read_url, app.conf.broker_write_url)"
)


def test_relay_and_workers_use_the_same_broker_whatever_celery_would_read() -> None:
    env = {"PATH": "/usr/bin:/bin", "APP_ENV": "development", "BROKER_URL": "redis://127.0.0.1:1/7"}
    env |= dict.fromkeys(
        ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"), "redis://elsewhere/0"
    )
    process = subprocess.run([sys.executable, "-c", _BROKERS], cwd=ROOT, env=env, capture_output=True, text=True)
    assert process.stdout.split() == ["redis://127.0.0.1:1/7"] * 3, shlex.quote(process.stderr)
