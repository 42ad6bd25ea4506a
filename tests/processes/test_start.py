"""The modules that a process of ours loads before it does anything."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

from devstack.child import ROOT


def test_no_process_loads_what_only_migrations_need() -> None:
    code = (
        "import sys, wsgi, workers.app, workers.relay; print({'alembic', 'mako', 'flask', 'celery'} & {*sys.modules})"
    )
    env = {"PATH": os.environ["PATH"], "APP_ENV": "development", "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ast.literal_eval(ended.stdout) == {"flask", "celery"}


def test_help_and_completion_load_no_driver_and_no_web_application() -> None:
    code = """
import atexit, runpy, sys
atexit.register(lambda: print({"sqlalchemy", "redis", "pydantic", "app.factory", "app.settings"} & {*sys.modules}))
sys.argv = ["flask", "--app", "wsgi", "--help"]
runpy.run_path("app/result_sink.py", run_name="__main__")
"""
    env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\n  users " in ended.stdout
    assert ended.stdout.endswith("\nset()\n")
