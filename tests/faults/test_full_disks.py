"""A full disk, for the logs alone or for everything, changes no answer that can be given and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bench.faults import disk
from devstack import processes
from devstack.child import Child
from tests.faults.conftest import ENV
from tests.parts.client import Api, fresh_name
from tests.parts.making import MakeRun, copy_project
from tests.parts.product import UNLIMITED, Product
from tests.parts.waiting import eventually

PARTS = ("relay", "beat", "worker", "web")
# Celery's worker gives up on a Redis broker that refuses to write; the launcher restarts it until Redis does.
LASTING = ("gunicorn", "beat", "workers.relay")


@pytest.fixture
def speechless(fragile: Product) -> Iterator[Product]:
    """Send the standard output and error of all its processes to a disk that is always full."""
    children = [fragile.process(part) for part in PARTS]
    logs = [child.log for child in children]
    _restart(fragile, children, [Path("/dev/full")] * len(children))
    yield fragile
    _restart(fragile, children, logs)


def _restart(product: Product, children: list[Child], logs: list[Path]) -> None:
    """Restart all children at the same time, each with its output in the log at the same place of the list."""
    for child, log in zip(children, logs, strict=True):
        child.kill()  # they have nothing to finish
        child.log = log
        child.launch()
    eventually(product.ready, within=60)


def test_processes_that_cannot_log_answer_and_work_as_ever(speechless: Product, api: Api) -> None:
    anna = api.register()
    assert api.login(anna.username).user_id == anna.user_id
    assert api.post("/auth/login", {"username": anna.username, "password": "wrong one"}).status == 401
    assert api.post("/auth/register", raw=b"{").status == 400
    action = anna.issue()
    assert anna.complete(action).status == 200
    assert anna.complete(action).code == "token_already_used"
    ticked = speechless.query_value("SELECT max(sent_at) FROM ticks")
    eventually(lambda: speechless.query_value("SELECT count(*) FROM outbox") == 0)
    eventually(lambda: speechless.query_value("SELECT max(sent_at) FROM ticks") > ticked, within=30)
    assert all(speechless.process(part).is_running for part in PARTS)
    metrics = requests.get(f"{speechless.url}/metrics", timeout=10).text
    dropped = [line for line in metrics.splitlines() if line.startswith("fairboard_log_lines_dropped_total")]
    assert float(dropped[0].split()[1]) > 5


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    """Start `make run` with everything that it writes on a small disk."""
    if not disk.may_mount():
        pytest.skip("only root may mount a small disk")
    folder = copy_project(tmp_path)
    with disk.small(folder / "var", "400m"):
        run = MakeRun(folder, {**UNLIMITED, **ENV})
        try:
            yield run.started(within=180)
        finally:
            run.kill()
            eventually(lambda: not processes.holders(folder / "var" / "parts.lock"))


def _lasting_pids(run: MakeRun) -> set[int]:
    """Return the pids of the product's own processes, except the workers."""
    commands = {member.pid: " ".join(member.facts.cmdline()) for member in run.family()}
    return {pid for pid, command in commands.items() if any(name in command for name in LASTING)}


def test_a_full_disk_ends_no_process_and_everything_goes_on_when_there_is_room(make_run: MakeRun) -> None:
    api = Api(f"http://127.0.0.1:{make_run.port}")
    anna = api.register()
    scored = anna.score_once()["score"]["current"]
    before, answered = _lasting_pids(make_run), 0
    with disk.full(make_run.folder / "var"):
        for number in range(40):
            api.call("GET" if number % 2 else "POST", f"//path-{number}", {"any": "thing"})
            api.get(f"/leaderboard/users/{anna.user_id}")
            assert requests.get(f"{api.url}/metrics", timeout=30).status_code == 200
            issued = anna.post("/actions", {"action_type": "tap"})
            completed = anna.complete(issued.data) if issued.status == 201 else issued
            if completed.status == 200:
                answered += completed.data["points"]
        assert _lasting_pids(make_run) == before, make_run.output()
    eventually(lambda: api.get("//readyz").status == 200, within=60)
    eventually(lambda: api.register(fresh_name()).score_once(), within=60)
    assert anna.me()["score"] >= scored + answered
    eventually(anna.score_once, within=60)
    path = f"/leaderboard/users/{anna.user_id}"
    eventually(lambda: api.get(path).data["score"] == anna.me()["score"], within=60)
    assert _lasting_pids(make_run) == before
    api.close()
