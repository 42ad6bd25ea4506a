"""The tasks that get the relay's batches of score events, as workers register them."""

from __future__ import annotations

import subprocess
import sys

from devstack.child import ROOT
from workers.queues import KINDS, SCORE_EVENT_TASKS, queue_of

# In a process of its own: the import of the tasks reads the settings and sets up the output of a worker.
_BIND = """
import inspect
from workers.app import app
from workers.queues import SCORE_EVENT_TASKS
app.loader.import_default_modules()
board = {"season_id": 1, "players": [], "events": [], "request_ids": [], "committed_at": 0.0}
batch = {"boards": [board], "request_ids": []}
print([name for name in SCORE_EVENT_TASKS if inspect.signature(app.tasks[name].run).bind(**batch)])
"""


def test_tasks_for_score_events_take_a_batch_and_have_a_queue() -> None:
    env = {"APP_ENV": "development"}
    run = subprocess.run([sys.executable, "-c", _BIND], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == str(list(SCORE_EVENT_TASKS)), run.stderr
    assert {queue_of(name) for name in SCORE_EVENT_TASKS} <= set(KINDS)
