"""Where and with what it was measured: versions and cores, no names and no paths."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import psycopg
import redis

from devstack.stack import Stack

_PACKAGES = ("gunicorn", "gevent", "flask", "sqlalchemy", "psycopg", "redis", "celery", "flask-limiter")


def describe(stack: Stack) -> dict[str, str]:
    """Name to version, the machine first."""
    found = {
        "machine": f"{os.cpu_count()} cores ({_cpu_model()}), {_memory_gb():.0f} GB",
        "Linux": platform.release().split("-")[0],
        "Python": platform.python_version(),
        "PostgreSQL": _postgres(stack),
        "Redis": _redis(stack),
    }
    if stack.broker == "rabbitmq":
        found["broker"] = "RabbitMQ"
    return found | {name: version(name) for name in _PACKAGES}


def _postgres(stack: Stack) -> str:
    with psycopg.connect(stack.postgres.url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0]).split()[0]


def _redis(stack: Stack) -> str:
    with redis.Redis.from_url(stack.env["REDIS_URL"], decode_responses=True) as client:
        return str(client.info("server")["redis_version"])


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
