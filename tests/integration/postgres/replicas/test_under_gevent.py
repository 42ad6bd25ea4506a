"""The API's processes run on gevent, where waiting is ours: a silent replica must not block other greenlets."""

from __future__ import annotations

import os
import subprocess
import sys
from uuid import UUID

from app.containers.container import Container
from devstack.child import ROOT
from devstack.replica import Replica
from tests.integration.postgres.replicas.parts import redeem

# Reads, waits for a line, reads again while another greenlet counts; prints the score and whether that one ran on.
_READER = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from uuid import UUID
from app.containers.container import Container
from app.settings import Settings
container, player = Container(Settings.from_env()), UUID(sys.argv[1])
readers = [gevent.spawn(container.standings.standing, player) for _ in range(8)]
print(*{reader.get().score for reader in readers}, flush=True)
sys.stdin.readline()
ticks = []
def count():
    while True:
        gevent.sleep(0.01)
        ticks.append(1)
counter = gevent.spawn(count)
readers = [gevent.spawn(container.standings.standing, player) for _ in range(8)]
gevent.joinall(readers, timeout=20)
print(*{reader.get(block=False).score for reader in readers}, len(ticks) > 5)
"""


def test_stalled_replicas_hold_up_no_greenlet_for_long(
    near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    settings = near.settings
    env = {
        **os.environ,
        "APP_ENV": "development",
        "DATABASE_URL": settings.database_url,
        "DATABASE_REPLICA_URLS": ",".join(settings.database_replica_urls),
        "REDIS_URL": settings.redis_url,
    }
    command = [sys.executable, "-c", _READER, str(ready[0])]
    with subprocess.Popen(
        command, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "10\n"
        for replica in replicas:
            replica.pause()
        redeem(near, ready[0], 100)
        output, _ = reader.communicate("now\n", timeout=60)
    assert output.splitlines()[-1] == "110 True"
