"""The machine and the versions that were measured, without names and paths."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
import redis

from devstack.stack import Stack

_PACKAGES = ("gunicorn", "gevent", "flask", "sqlalchemy", "psycopg", "redis", "celery", "flask-limiter")


def describe(stack: Stack) -> dict[str, str]:
    """Return versions by name, the machine first."""
    versions = {
        "machine": name(),
        "Linux": platform.release().split("-")[0],
        "Python": platform.python_version(),
        "PostgreSQL": _postgres(stack),
        "Redis": _redis(stack),
    }
    if stack.broker == "rabbitmq":
        versions["broker"] = "RabbitMQ"
    return versions | {name: version(name) for name in _PACKAGES}


def name() -> str:
    """Return the cores and the memory of this machine, by which its runs are told from those of others."""
    return f"{os.cpu_count()} cores ({_cpu_model()}), {_memory_gb():.0f} GB"


def _postgres(stack: Stack) -> str:
    with psycopg.connect(stack.postgres.url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0]).split()[0]


def _redis(stack: Stack) -> str:
    with redis.Redis.from_url(stack.env["REDIS_URL"], decode_responses=True) as client:
        return str(client.info("server")["redis_version"])


def _cpu_model() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _memory_gb() -> float:
    return psutil.virtual_memory().total / 1e9
