"""The fate of a task whose worker is stopped or killed, of one that kills, and of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import amqp
import pytest
from celery import Celery

from app.containers.broker_processes import BrokerProcesses
from app.containers.container import Container
from app.services.operations.queues import BrokerError, Choice, Queues
from devstack.child import free_port
from devstack.rabbitmq import RabbitMQ
from tests.integration.workers.conftest import OddWorker
from tests.parts.odd_names import BUG, POISON, WAIT
from tests.parts.waiting import eventually
from workers.queues import DELIVERY_LIMIT


class Notes:
    """The lines that the tasks wrote to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def count(self, line: str) -> int:
        return self.lines().count(line)


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


def test_a_stopped_worker_finishes_what_is_short_and_gives_back_what_is_long_and_a_killed_one_gives_it_back_too(
    worker: OddWorker, celery: Celery, notes: Notes, tmp_path: Path, ready: Callable[[str], int]
) -> None:
    soon, late = tmp_path / "soon", tmp_path / "late"
    for name, until in (("short", soon), ("long", late)):
        celery.send_task(WAIT, kwargs={"notes": str(notes.path), "name": name, "until": str(until)})
    worker.start()
    eventually(lambda: {"short began", "long began"} <= set(notes.lines()))
    worker.ask_to_stop()
    eventually(lambda: "Warm shutdown" in worker.log.read_text())
    soon.touch()
    eventually(lambda: worker.exit_code == 0, within=30)
    assert notes.count("short ended") == 1
    assert ready("leaderboard") == 1, "the long one, and not the short one"

    worker.start()
    eventually(lambda: notes.count("long began") == 2)
    worker.kill()
    assert notes.count("long ended") == 0
    worker.start()
    eventually(lambda: notes.count("long began") == 3)
    late.touch()
    eventually(lambda: notes.count("long ended") == 1)
    assert notes.count("short began") == 1
    worker.stop()
    assert ready("leaderboard") == 0


def test_what_fails_or_kills_becomes_a_dead_letter_and_the_others_are_done(
    worker: OddWorker, celery: Celery, notes: Notes, queues: Queues, tmp_path: Path, ready: Callable[[str], int]
) -> None:
    poison = celery.send_task(POISON, kwargs={"notes": str(notes.path)}).id
    bug = celery.send_task(BUG, kwargs={"request_ids": ["r-1", "r-2"]}).id
    signal_file = tmp_path / "done"
    signal_file.touch()
    for number in range(10):
        celery.send_task(WAIT, kwargs={"notes": str(notes.path), "name": f"{number}", "until": str(signal_file)})
    worker.start()
    eventually(lambda: ready("dead") == 2, within=60)
    # The broker redelivers the killing task first each time, so on a busy machine the others may come after it.
    eventually(lambda: all(notes.count(f"{number} ended") == 1 for number in range(10)), within=60)
    assert notes.count("poison began") == DELIVERY_LIMIT + 1

    letters = {letter["id"]: letter for letter in queues.peek(Choice())}
    assert letters[poison]["reason"] == "delivery_limit"
    failed = letters[bug]
    assert (failed["task"], failed["queue"], failed["reason"], failed["deaths"]) == (BUG, "leaderboard", "rejected", 1)
    assert failed["error"] == "LookupError: there is no such thing"
    assert failed["request_ids"] == ["r-1", "r-2"]
    assert failed["died_at"]

    assert queues.replay(Choice(task=BUG)) == 1
    eventually(lambda: ready("dead") == 2)
    assert [letter["deaths"] for letter in queues.peek(Choice(id=bug))] == [2]
    counts = {row["queue"]: row for row in queues.status()["queues"]}
    assert counts["dead"]["ready"] == 2, "looking has left them where they were"
    assert counts["leaderboard"] == {"queue": "leaderboard", "ready": 0, "unacked": 0, "consumers": 1}
    worker.stop()
    assert queues.purge(Choice(task=POISON, limit=5)) == 1
    assert ready("dead") == 1


def test_a_broker_that_is_away_is_one_line(container: Container) -> None:
    away = container.settings.model_copy(update={"broker_url": f"amqp://me:secret@127.0.0.1:{free_port()}//"})
    with pytest.raises(BrokerError, match="refused"):
        Queues(away, container.failures, BrokerProcesses(away.broker_url)).status()
    with pytest.raises(BrokerError, match="RabbitMQ keeps them"):
        container.queues.peek(Choice())


def test_the_log_of_the_broker_is_plain_text_without_clients_that_end(rabbitmq: RabbitMQ) -> None:
    address = f"127.0.0.1:{rabbitmq.port}"
    connection = amqp.Connection(address, "fairboard", rabbitmq.password)
    connection.connect()
    connection.transport.sock.close()
    with pytest.raises(amqp.AccessRefused), amqp.Connection(address, "fairboard", "wrong", connect_timeout=2):
        pass
    log = eventually(lambda: text if "refused" in (text := rabbitmq.log.read_text()) else None)
    assert "closed TCP connection" not in log
    assert "\x1b" not in log
