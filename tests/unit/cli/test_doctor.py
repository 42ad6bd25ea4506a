from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis.exceptions
import sqlalchemy.exc

from app.domain.webhooks import Webhook
from app.launcher_files import how_to_load
from app.services.operations.broker_checks import beat, broker, late_relay, workers
from app.services.operations.checks import (
    Check,
    ClockReading,
    background,
    clocks,
    redis_cluster,
    redis_node,
    replica,
    webhooks_found,
)
from app.services.operations.error_messages import explain, without_environment
from app.settings import Settings
from app.stores.operations.beat_lock import BeatState
from app.stores.operations.probes import ClusterState, RedisState
from app.stores.operations.webhook_deliveries import DeliveryBacklog
from app.stores.postgres.replica import NO_STANDBY
from app.stores.postgres.replicas import ReplicaStatus
from app.stores.server_addresses import address

GOOD = RedisState("", "7.2.4", "master", "noeviction", True, [], None)
REPLICA = ReplicaStatus("there", True, "0" * 24, 0, 0.0)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@cache:6379/0", "redis://cache:6379/0"),
        ("redis://cache/0?password=secret", "redis://cache/0"),
        ("postgresql+psycopg://me:secret@db:5432/fairboard", "postgresql://db:5432/fairboard"),
        ("postgresql+psycopg://me@/fairboard?host=/run/pg&port=5433", "postgresql:///run/pg:5433/fairboard"),
        ("postgresql://me:secret@/f?host=a:1&host=b:2", "postgresql://a:1,b:2/f"),
        ("amqp://u:secret@[::1]:5672//", "amqp://[::1]:5672//"),
    ],
)
def test_an_address_tells_where_and_no_secret(url: str, shown: str) -> None:
    assert address(url) == shown


def test_a_fault_is_one_line_with_the_part_and_what_to_do_and_no_secret() -> None:
    settings = Settings.from_env({"APP_ENV": "development", "REDIS_URL": "redis://:secret@cache:6379/0"})
    output = explain(redis.exceptions.ConnectionError("Error 111.\nmore"), settings)
    assert output == "Redis at redis://cache:6379/0 fails: Error 111. Start it, or set REDIS_URL; then run this again."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.DeadlockDetected("deadlock detected\nDETAIL: more"), "deadlock detected"),
        (psycopg.errors.SerializationFailure("could not serialize"), "could not serialize"),
        (psycopg.errors.LockNotAvailable("lock timeout"), "lock timeout"),
        (psycopg.errors.QueryCanceled("statement timeout"), "statement timeout"),
    ],
)
def test_a_command_that_other_transactions_kept_from_its_end_is_to_be_run_again(
    error: psycopg.Error, words: str
) -> None:
    settings = Settings.from_env({"APP_ENV": "development", "DATABASE_URL": "postgresql://me:secret@db:5432/f"})
    output = explain(sqlalchemy.exc.OperationalError(None, None, error), settings)
    assert output == f"PostgreSQL at postgresql://db:5432/f was busy with other work: {words}. Run the command again."


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (GOOD, "ok"),
        (replace(GOOD, append_only=False), "note"),
        (replace(GOOD, version="6.0.16"), "wrong"),
        (replace(GOOD, version="6.2.5"), "ok"),
        (replace(GOOD, version="10.0.1"), "ok"),
        (replace(GOOD, role="slave"), "wrong"),
        (replace(GOOD, policy="allkeys-lru"), "wrong"),
        (replace(GOOD, write_errors=["aof_last_write_status"]), "wrong"),
        (replace(GOOD, memory_used=0.95), "wrong"),
        (replace(GOOD, memory_used=0.5), "ok"),
    ],
)
def test_redis_is_judged_by_what_it_says_about_itself(state: RedisState, verdict: str) -> None:
    finding = redis_node(state, "redis://cache")
    assert finding.state == verdict
    assert bool(finding.advice) == (verdict != "ok")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (REPLICA, "ok"),
        (replace(REPLICA, lag_bytes=100, lag_seconds=4.0), "ok"),
        (replace(REPLICA, lag_bytes=100, lag_seconds=6.0), "wrong"),
        (replace(REPLICA, lag_bytes=100, lag_seconds=None), "wrong"),
        (replace(REPLICA, lag_bytes=None, lag_seconds=None), "unknown"),
        (ReplicaStatus("there", False, None, None, None, NO_STANDBY), "wrong"),
        (ReplicaStatus("there", False, None, None, None, "refused"), "wrong"),
    ],
)
def test_a_replica_must_answer_follow_and_keep_up(status: ReplicaStatus, verdict: str) -> None:
    finding = replica("replica 1", status, 5.0)
    assert finding.state == verdict
    assert bool(finding.advice) == (verdict == "wrong")


@pytest.mark.parametrize(
    ("alive", "consumers", "verdict"),
    [
        (["celery@a"], (None, None), "ok"),
        (["celery@a"], (1, 1), "ok"),
        (["celery@a"], (1, 0), "wrong"),
        ([], (1, 1), "note"),
        ([], (1, 0), "wrong"),
        ([], (0, 0), "wrong"),
        ([], (None, None), "wrong"),
    ],
)
def test_a_worker_must_answer_and_each_queue_be_taken_from(
    alive: list[str], consumers: tuple[int | None, int | None], verdict: str
) -> None:
    queues = {name: {"consumers": count} for name, count in zip(("leaderboard", "analytics"), consumers, strict=True)}
    finding = workers({"workers": alive, "queues": queues})
    assert finding.state == verdict
    assert ("analytics" in finding.message) == (bool(any(consumers)) and 0 in consumers)


@pytest.mark.parametrize(("dead", "verdicts"), [(None, []), (0, ["ok"]), (1, ["wrong"])])
def test_a_dead_letter_is_wrong_where_there_can_be_one(dead: int | None, verdicts: list[str]) -> None:
    queues = {"leaderboard": {"waiting": 0, "consumers": 1}}
    status = {"product": "RabbitMQ", "version": "3.10", "workers": ["celery@a"], "queues": queues, "dead": dead}
    findings = broker("amqp://here", status, production=True)
    assert [finding.state for finding in findings if finding.part == "dead letters"] == verdicts


@pytest.mark.parametrize(
    ("state", "done_ago", "verdict"),
    [
        (BeatState(is_held=True, last_sent_ago=2.0), 3, "ok"),
        (BeatState(is_held=False, last_sent_ago=2.0), 3, "wrong"),
        (BeatState(is_held=True, last_sent_ago=None), 3, "wrong"),
        (BeatState(is_held=True, last_sent_ago=90.0), 3, "wrong"),
        (BeatState(is_held=True, last_sent_ago=2.0), 90, "wrong"),
        (BeatState(is_held=True, last_sent_ago=2.0), None, "wrong"),
    ],
)
def test_beat_must_have_the_turn_send_and_be_obeyed(state: BeatState, done_ago: int | None, verdict: str) -> None:
    finding = beat(state, done_ago)
    assert finding.state == verdict
    assert bool(finding.advice) == (verdict == "wrong")


@pytest.mark.parametrize(
    ("skew", "doubt", "verdict"),
    [(0.9, 0.01, "ok"), (-1.2, 0.01, "wrong"), (1.2, 0.3, "ok"), (1.5, 1.4, "note"), (5.0, 1.4, "wrong")],
)
def test_a_clock_is_wrong_only_by_more_than_a_slow_answer_explains(skew: float, doubt: float, verdict: str) -> None:
    finding = clocks({"PostgreSQL": ClockReading(skew, doubt), "Redis": ClockReading(0.0, 0.01)})
    assert finding.state == verdict
    assert bool(finding.advice) == (verdict != "ok")


WHOLE = ClusterState(True, 16_384, {"a:1": 1, "b:2": 1, "c:3": 1}, [])


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (WHOLE, "ok"),
        (replace(WHOLE, replicas={"a:1": 1, "b:2": 0, "c:3": 2}), "note"),
        (replace(WHOLE, failing=["d:4"]), "wrong"),
        (replace(WHOLE, slots=10_923, replicas={"a:1": 1, "b:2": 1}), "wrong"),
        (replace(WHOLE, well=False), "wrong"),
    ],
)
def test_a_redis_cluster_serves_every_slot_and_can_lose_any_master(state: ClusterState, verdict: str) -> None:
    finding = redis_cluster(state)
    assert finding.state == verdict
    assert bool(finding.advice) == (verdict != "ok")
    assert all(name in finding.message for name in state.failing)


@pytest.mark.parametrize(("age", "verdict"), [(None, "wrong"), (-0.2, "ok"), (60.0, "ok"), (901.0, "wrong")])
def test_work_in_the_background_must_have_been_done_lately(age: float | None, verdict: str) -> None:
    finding = background("analytics", age)
    assert finding.state == verdict
    assert ("'analytics'" in finding.advice) == (verdict == "wrong")


@pytest.mark.parametrize("answers", [True, False])
def test_the_advice_for_one_that_sends_nothing_fits_the_state_of_the_broker(answers: bool) -> None:
    silent = BeatState(is_held=True, last_sent_ago=90.0)
    for finding in (late_relay("1 listening", broker_answers=answers), beat(silent, 3, broker_answers=answers)):
        assert finding.state == "wrong"
        assert ("restart it" in finding.advice) == answers
        assert ("fix that first" in finding.advice) == (not answers)


def test_workers_are_late_by_the_last_tick_that_they_were_sent() -> None:
    sent = BeatState(is_held=True, last_sent_ago=50.0)
    assert [beat(sent, age).state for age in (52, 100, 115, None)] == ["ok", "ok", "wrong", "wrong"]


def test_workers_that_hang_are_not_taken_for_absent_ones_alone() -> None:
    silent = workers({"workers": [], "queues": {"leaderboard": {"consumers": None}}})
    taking = workers({"workers": [], "queues": {"leaderboard": {"consumers": 1}}})
    assert all("hang" in finding.advice for finding in (silent, taking))


def test_a_terminal_without_settings_is_told_how_to_load_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert how_to_load(tmp_path) == ""
    for name in ("var/env", "var/cluster/env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        assert f". {tmp_path / name};" in how_to_load(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert how_to_load(tmp_path) == "'set -a; . var/env; set +a' or 'set -a; . var/cluster/env; set +a'"
    assert "make run" in without_environment(Settings()) or how_to_load() in without_environment(Settings())
    elsewhere = Settings(database_url="postgresql+psycopg://db/x")
    assert without_environment(elsewhere) == ""


def test_webhooks_are_late_without_a_worker_and_fail_with_their_receiver() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    webhook = Webhook(uuid4(), "https://example.org/secret", ["case.opened"], [], True, now, "cli:x", None, None)
    good, late = DeliveryBacklog(0, 0.0), DeliveryBacklog(3, 90.0)
    assert webhooks_found([webhook], good) == Check("webhooks", "ok", "1 webhook, 0 waiting")
    assert webhooks_found([webhook], late).state == "wrong"
    failing = replace(webhook, failing_since=now)
    check = webhooks_found([webhook, failing], late)
    assert (check.state, check.message) == (
        "note",
        "2 webhooks, 3 waiting; https://example.org fails since 2026-11-27T00:00:00.000Z",
    )
