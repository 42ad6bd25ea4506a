"""One beat is active at a time, and a missed tick is sent late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
import sqlalchemy.exc

from app.containers.container import Container
from app.stores.operations.beat_lock import BeatLock
from celeryconfig import beat_schedule
from devstack.apps import Beat
from tests.parts.waiting import eventually

TO_LEADERBOARD = ("leaderboard", "maintenance")


def _terminate(container: Container) -> None:
    """End beat's session, as a lost connection does."""
    with container.database.statement() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'fairboard beat' AND datname = current_database()"
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
