"""One beat is active at a time, and a missed tick is sent late."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy.exc

from app.containers.container import Container
from app.stores.operations.beat_lock import BeatLock
from celeryconfig import beat_schedule
from devstack.apps import Beat
from devstack.child import ROOT
from tests.parts.waiting import eventually

TO_LEADERBOARD = ("leaderboard", "maintenance")


def _terminate(container: Container) -> None:
    """End beat's session, as a lost connection does."""
    with container.database.statement() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'fairboard beat%%' AND datname = current_database()"
        )


def test_who_has_lost_the_turn_sends_nothing_and_another_has_it(container: Container) -> None:
    turn, standby = BeatLock(container.settings.database_url), BeatLock(container.settings.database_url)
    assert turn.take()
    assert not standby.take()
    assert turn.take(), "it is still ours"
    assert container.beat_lock.state().is_held
    standby.release()
    _terminate(container)
    ticks: list[str] = []
    with pytest.raises(sqlalchemy.exc.OperationalError), turn.record_send("repair"):
        ticks.append("repair")
    assert ticks == []
    eventually(standby.take)
    assert not turn.take()
    turn.release()
    standby.release()
    eventually(lambda: not container.beat_lock.state().is_held)  # the session ends only when the server notices


def test_what_could_not_be_sent_is_still_due(container: Container) -> None:
    turn = BeatLock(container.settings.database_url)
    assert turn.take()
    with turn.record_send("repair"):
        pass
    before = _sent(container)
    with pytest.raises(OSError, match="away"), turn.record_send("repair"):
        raise OSError("the broker is away")
    assert _sent(container) == before
    turn.release()


def _sent(container: Container) -> dict[str, datetime]:
    rows = container.database.rows("SELECT name, sent_at FROM ticks")
    return {row.name: row.sent_at for row in rows}


def test_two_beats_send_each_tick_once_and_one_takes_over_from_the_other(
    container: Container, beats: list[Beat], ready: Callable[[str], int]
) -> None:
    """Let pruning fall due an hour ago, while no beat ran."""
    with container.database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO ticks VALUES ('prune', clock_timestamp() - interval '70 minutes')")
    for beat in beats:
        beat.start()
    eventually(lambda: set(_sent(container)) == set(beat_schedule), within=60)
    eventually(lambda: all("Starting" in beat.log.read_text() for beat in beats), within=60)
    of_leaderboard = [entry for entry in beat_schedule.values() if str(entry["task"]).startswith(TO_LEADERBOARD)]
    assert ready("leaderboard") == len(of_leaderboard), "each once, the missed one too"

    holder, waiting = sorted(beats, key=lambda beat: "beat_lock_taken" not in beat.log.read_text())
    assert "beat_lock_taken" not in waiting.log.read_text()
    holder.pause()
    with container.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE ticks SET sent_at = sent_at - interval '20 seconds' WHERE name = 'repair'")
    first = _sent(container)
    holder.kill()
    eventually(lambda: "beat_lock_taken" in waiting.log.read_text())
    eventually(lambda: _sent(container)["repair"] > first["repair"], within=30)
    assert _sent(container)["prune"] == first["prune"], "what the other one sent is not sent again"


def test_a_lock_that_was_lost_and_taken_again_is_logged(container: Container, beats: list[Beat]) -> None:
    beat = beats[0]
    beat.start()
    eventually(lambda: _events(beat, "beat_lock_taken") == 1, within=60)
    assert _events(beat, "beat_lock_lost") == 0
    _terminate(container)
    eventually(lambda: _events(beat, "beat_lock_taken") == 2, within=60)
    assert _events(beat, "beat_lock_lost") == 1


def test_a_lock_that_was_lost_at_a_send_is_logged_too(container: Container, beats: list[Beat]) -> None:
    beat = beats[0]
    beat.start()
    eventually(lambda: _events(beat, "tick_sent") >= len(beat_schedule), within=60)
    with container.database.transaction() as connection:  # a tick is sent while this is held back, and then fails
        connection.exec_driver_sql("LOCK TABLE ticks IN ACCESS EXCLUSIVE MODE")
        eventually(lambda: _is_sending(container), within=60)
        _terminate(container)
    eventually(lambda: _events(beat, "beat_lock_taken") == 2, within=60)
    assert _events(beat, "beat_lock_lost") == 1


def _events(beat: Beat, event: str) -> int:
    return beat.log.read_text().count(event) if beat.log.exists() else 0


def _is_sending(container: Container) -> bool:
    query = (
        "SELECT 1 FROM pg_stat_activity "
        "WHERE application_name LIKE 'fairboard beat%%' AND query LIKE '%INSERT INTO ticks%'"
    )
    return bool(container.database.rows(f"{query} AND wait_event_type = 'Lock'"))


_SIGNALLED = """
import os, signal
from workers.app import app
from workers.beat import OneBeat

class Last:
    def __del__(self):  # Python ignores what a signal handler raises in here
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass

class Signalled(OneBeat):
    def _work(self):
        Last()
        return 3600.0

app.Beat(scheduler_cls=Signalled, loglevel="INFO", quiet=True).run()
"""


def test_a_signal_inside_a_destructor_stops_it(env: dict[str, str]) -> None:
    command, surroundings = [sys.executable, "-c", _SIGNALLED], {**os.environ, **env}
    ended = subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "Exception ignored" not in ended.stderr
