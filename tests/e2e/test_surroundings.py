"""`make run` on other people's machines: their shells, the names of their folders, and output without a reader."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import processes
from tests.parts.doctor import PARTS
from tests.parts.making import MakeRun, copy_project
from tests.parts.waiting import eventually

FOLDER = 'Smith, John\'s "work" \\ $HOME [x] #1;50% ü\n2nd line'
ELSEWHERE = "redis://127.0.0.1:1/9"
LIBPQ = {
    "PGSERVICE": "nowhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c nonsense=on",
    "PGTARGETSESSIONATTRS": "read-only",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "LATIN1",
}
OTHER_PROJECTS = {
    **LIBPQ,
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGSSLMODE": "verify-full",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "CELERY_BROKER_URL": ELSEWHERE,
    "CELERY_BROKER_READ_URL": ELSEWHERE,
    "CELERY_BROKER_WRITE_URL": ELSEWHERE,
    "CELERY_WORKER_QUEUES": "others",
    "DJANGO_SETTINGS_MODULE": "nowhere.settings",
    "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:1 --nonsense",
    "WEB_CONCURRENCY": "none",
    "FLASK_APP": "nowhere",
    "FLASK_DEBUG": "1",
    "PROMETHEUS_MULTIPROC_DIR": "/nowhere",
    "PSYCOPG_IMPL": "nonsense",
    "DISABLE_SQLALCHEMY_CEXT_RUNTIME": "1",
    "GEVENT_RESOLVER": "nonsense",
    "PYTHONSAFEPATH": "1",
    "PYTHONHOME": "/nowhere",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
    "PIP_TARGET": "/nowhere",
    "PIP_DRY_RUN": "1",
    "LC_ALL": "POSIX",
    "TZ": "Nowhere/Nothing",
    "TMPDIR": "/nowhere",
    "CDPATH": "/tmp:/",
    "BASH_ENV": "/nowhere",
    "VIRTUAL_ENV": "/nowhere",
    "TERM": "",
    "http_proxy": "http://127.0.0.1:1",
    "all_proxy": "http://127.0.0.1:1",
    "GEVENT_LOOP": "nowhere",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeRun]:
    """Start `make run | head -1` in a folder with an odd name, in a shell full of other projects' variables."""
    base = tmp_path_factory.mktemp("odd")
    folder = copy_project(base / FOLDER)
    evil = base / "evil"
    evil.mkdir()
    for name in ("redis", "json", "typing"):
        (evil / f"{name}.py").write_text("raise SystemExit('another project')\n")
    run = MakeRun(folder, {**OTHER_PROJECTS, "PYTHONPATH": str(evil)}, reader="head -1")
    try:
        eventually(lambda: run.call("/readyz"), within=90)
        yield run
    finally:
        run.kill()
    eventually(lambda: not processes.holders(folder / "var" / "parts.lock"))


def _flask(run: MakeRun, line: str) -> subprocess.CompletedProcess[str]:
    """Run a flask command in another terminal, as the documents say."""
    script = f"set -a; . var/env; set +a; .venv/bin/python -m flask {line}"
    env = {"PATH": "/usr/bin:/bin", **LIBPQ, "CELERY_BROKER_URL": ELSEWHERE, "FLASK_DEBUG": "1"}
    return subprocess.run(["sh", "-c", script], cwd=run.folder, env=env, capture_output=True, text=True)


def test_it_starts_whatever_the_shell_holds_and_all_its_parts_find_each_other(run: MakeRun) -> None:
    def healthy() -> list[str]:
        result = _flask(run, "doctor --json")
        assert result.returncode == 0, result.stdout + result.stderr
        return [finding["part"] for finding in json.loads(result.stdout)["parts"]]

    assert eventually(healthy, within=60) == PARTS, "docs/operations/README.md shows other parts than there are"


def test_one_who_reads_a_line_of_its_output_and_leaves_does_not_end_it(run: MakeRun) -> None:
    assert run.output().count("\n") == 1
    assert run.call("/api/v1/leaderboard/top") == []


def test_it_ends_in_peace_without_a_reader(run: MakeRun) -> None:
    family = run.family()
    run.interrupt()
    eventually(lambda: not [member for member in family if member.is_alive()])
    assert (run.folder / "var" / "run.lock").exists()


def test_settings_of_the_last_run_in_a_terminal_do_not_reach_the_next_one(run: MakeRun, tmp_path: Path) -> None:
    loaded = (run.folder / "var" / "env").read_text()
    script = f"{loaded}\nset +a; exec .venv/bin/python -c '{_PRINT_SETTINGS}'"
    env = {"PATH": "/usr/bin:/bin", "LOG_LEVEL": "debug"}
    result = subprocess.run(["sh", "-ac", script], cwd=run.folder, env=env, capture_output=True, text=True)
    assert result.stdout.split() == ["LOG_LEVEL", "PORT"], result.stderr


_PRINT_SETTINGS = (
    "import os; from devstack.user_settings import user_settings; print(*sorted(user_settings(os.environ)))"
)
