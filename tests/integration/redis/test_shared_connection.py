"""The greenlets of a process share one connection to each Redis node, and none ever gets another's answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.child import ROOT
from devstack.redis_cluster import RedisCluster
from devstack.stack import Stack
from tests.parts.edge import make_certificate


def _failures(url: str, *names: str, **env: str) -> dict[str, str]:
    """Run scenarios of greenlets.py in a process on gevent; return the tracebacks of those that failed, by name."""
    command = [sys.executable, "-m", "tests.integration.redis.greenlets", url, *names]
    process = subprocess.run(
        command, env={**os.environ, **env}, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120, check=True
    )
    return {name: failure for name, failure in json.loads(process.stdout).items() if failure}


@pytest.mark.parametrize("kind", ["single", "cluster"])
def test_each_greenlet_gets_its_own_answer_or_an_error(
    kind: str, servers: Stack, request: pytest.FixtureRequest
) -> None:
    if kind == "single":
        url = servers.env["REDIS_URL"]
    else:
        cluster: RedisCluster = request.getfixturevalue("redis_cluster")
        url = cluster.url
    assert _failures(url) == {}


def test_the_shared_connection_signs_in_as_the_url_says_and_may_use_tls(servers: Stack, tmp_path: Path) -> None:
    certificate, key = map(str, make_certificate(tmp_path))
    url = servers.env["REDIS_URL"]
    assert _failures(url, "a_user_signs_in_over_tls", CERTIFICATE=certificate, KEY=key) == {}
