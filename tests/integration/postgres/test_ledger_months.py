"""The ledger's partitions: an action scores once in all of them, and months are there before they begin."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.corrections import Selection
from app.services.operations.checks import Check, ledger
from app.stores.boards.counting import NEWEST_REVERSAL
from app.stores.operations.ledger_months import MONTHS_AHEAD, Partition
from app.stores.play.imported_events import ImportedEvent, ImportedEventStore
from app.stores.play.ledger import AlreadyRedeemed
from app.stores.play.redeem_statement import REDEEM_SUM
from devstack.child import ROOT
from devstack.stack import Stack
from tests.integration.players import add_player

_DAY = timedelta(days=1)
_BY = {"actor": "cli:tests", "reason": "a test", "request_id": "r"}


@dataclass
class _Months:
    """The ledger of a container, which is told when actions were issued."""

    container: Container

    @property
    def partitions(self) -> list[Partition]:
        return self.container.ledger_months.partitions()

    def promise(self, player: UUID, issued_at: datetime, action: UUID | None = None) -> Promise:
        season = self.container.standings.season("main")
        issued_ms = int(issued_at.timestamp() * 1000)
        ids = str(action or uuid4()), str(player), "tap", 1
        return Promise(*ids, 5, "main", season.id, season.number, issued_ms, issued_ms + 1)

    def redeem(self, promise: Promise) -> None:
        assert self.container.ledger.redeem(promise, request_id="r", key=None, fingerprint="f") is not None

    def drop(self, *partitions: Partition) -> None:
        for partition in partitions:
            with self.container.database.transaction() as connection:
                connection.execute(sa.text(f"ALTER TABLE score_events DETACH PARTITION {partition.name}"))
                connection.execute(sa.text(f"DROP TABLE {partition.name}"))

    def check(self, at: datetime | None = None) -> Check:
        store = self.container.ledger_months
        return ledger(store.partitions(), store.rest(most=10), at or datetime.now(UTC))


@pytest.fixture
def months(container: Container) -> _Months:
    return _Months(container)


def _times(partitions: list[Partition]) -> dict[str, datetime]:
    """Return a time of issue for each partition."""
    end = max(partition.ends_at for partition in partitions if partition.ends_at)
    times = {partition.name: partition.ends_at - _DAY for partition in partitions if partition.ends_at}
    return times | {partitions[-1].name: end + 400 * _DAY}


def test_an_action_scores_once_in_each_partition_and_is_voided_and_restored_there(months: _Months) -> None:
    player, container = add_player(months.container, "Anna"), months.container
    promises = {name: months.promise(player, at) for name, at in _times(months.partitions).items()}
    assert len(promises) >= 3, "the partition of before, a month, and the rest"
    for promise in promises.values():
        months.redeem(promise)
        with pytest.raises(AlreadyRedeemed):
            months.redeem(promise)
    before = container.standings.standing(player)
    assert before.score == 5 * len(promises)
    void = container.corrections.void(Selection(player_id=player), **_BY)
    assert container.corrections.work(void).state == "done"
    assert container.standings.standing(player).score == 0
    restore = container.corrections.restore(void, **_BY)
    assert container.corrections.work(restore).state == "done"
    assert container.standings.standing(player) == before
    assert list(container.corrections.find_unsound()) == []
    rows = container.database.rows("SELECT tableoid::regclass::text AS name, action_id, kind FROM score_events")
    homes = {(row.name, str(row.action_id), row.kind) for row in rows}
    kinds = ("redeem", "void", "restore")
    assert homes == {(name, promise.action_id, kind) for name, promise in promises.items() for kind in kinds}


def test_an_import_finds_an_action_in_every_partition(months: _Months) -> None:
    """The file has another time of issue than the ledger, which no unique index would notice."""
    player, store = add_player(months.container, "Anna"), ImportedEventStore()
    times = list(_times(months.partitions).values())
    promises = [months.promise(player, at) for at in times]
    for promise in promises:
        months.redeem(promise)
    now = datetime.now(UTC)
    ids = [UUID(promise.action_id) for promise in promises]
    lines = [
        ImportedEvent(action, player, 1, 5, now, at, None)
        for action, at in zip(ids, times[1:] + times[:1], strict=True)
    ]
    new = ImportedEvent(uuid4(), player, 1, 5, now, times[0], None)
    with months.container.database.transaction() as connection:
        written = store.write(connection, [*lines, new], import_id=uuid4(), request_id="r")
    assert written == {new.action_id}
    assert months.container.standings.standing(player).score == 5 * (len(times) + 1)


@pytest.mark.parametrize("change", ["UPDATE {} SET points = 8", "DELETE FROM {}", "TRUNCATE {}"])
def test_no_partition_can_be_changed_by_its_own_name(months: _Months, change: str) -> None:
    for partition in months.partitions:
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), months.container.database.transaction() as changes:
            changes.execute(sa.text(change.format(partition.name)))


def test_metadata_can_only_be_emptied_in_each_partition(months: _Months) -> None:
    player, database = add_player(months.container, "Anna"), months.container.database
    for at in _times(months.partitions).values():
        months.redeem(months.promise(player, at))
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            database.rows("UPDATE score_events SET metadata = '{}' RETURNING id")
    assert len(database.rows("UPDATE score_events SET metadata = NULL RETURNING id")) == len(months.partitions)


def test_months_are_added_ahead_of_time_and_once(months: _Months) -> None:
    _, *added, _ = months.partitions
    assert added[-1].ends_at is not None
    assert added[-1].ends_at > datetime.now(UTC) + 28 * MONTHS_AHEAD * _DAY
    assert months.check().state == "ok"
    assert months.container.ledger_months.add_missing() == []
    assert months.check(added[-1].ends_at - 20 * _DAY).state == "wrong", "the next month is missing then"
    months.drop(*added)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: months.container.ledger_months.add_missing(), range(2)))
    assert sorted(both[0] + both[1]) == [partition.name.removeprefix("score_events_") for partition in added]
    assert [partition.name for partition in months.partitions[1:-1]] == [partition.name for partition in added]
    assert all(partition.is_unique for partition in months.partitions)


def test_the_task_adds_months_and_gathers_statistics(months: _Months, servers: Stack) -> None:
    last = months.partitions[-2]
    months.drop(last)
    settings = months.container.settings
    env = {**servers.env, "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    script = "from workers.tasks import prune; prune.run()"
    process = subprocess.run([sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert months.partitions[-2].name == last.name
    assert not months.container.ledger_months.analyze(), "the task has done that"


def test_a_month_whose_events_lie_in_the_rest_stays_out_and_the_next_one_comes(months: _Months) -> None:
    _, *added, _ = months.partitions
    months.drop(*added[-2:])
    promise = months.promise(add_player(months.container, "Anna"), _times(added)[added[-2].name])
    months.redeem(promise)
    assert [f"score_events_{part}" for part in months.container.ledger_months.add_missing()] == [added[-1].name]
    assert (months.check().state, months.container.ledger_months.rest(most=10)) == ("note", 1)
    with pytest.raises(AlreadyRedeemed):
        months.redeem(promise)


def test_no_month_waits_for_a_long_reader_or_holds_up_a_redemption(months: _Months) -> None:
    last = months.partitions[-2]
    months.drop(last)
    player, url = add_player(months.container, "Anna"), months.container.settings.database_url.replace("+psycopg", "")
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM score_events")
        assert months.container.ledger_months.add_missing() == []
        months.redeem(months.promise(player, datetime.now(UTC)))
    assert [f"score_events_{part}" for part in months.container.ledger_months.add_missing()] == [last.name]


def test_a_partition_without_its_unique_index_is_reported(months: _Months) -> None:
    before = months.partitions[0]
    assert before.name == "score_events_before"
    with months.container.database.transaction() as connection:
        connection.execute(sa.text("DROP INDEX uq_score_events_action"))
    check = months.check()
    assert (check.state, "score_events_before" in check.message) == ("wrong", True)


def test_statistics_of_the_whole_ledger_are_gathered_once_a_day(months: _Months) -> None:
    months.redeem(months.promise(add_player(months.container, "Anna"), datetime.now(UTC)))
    assert months.container.ledger_months.analyze()
    assert not months.container.ledger_months.analyze()
    assert months.container.database.rows(
        "SELECT FROM pg_stats WHERE tablename = 'score_events' AND attname = 'player_id' AND inherited"
    )


def test_a_redemption_reads_no_partition_but_its_own(months: _Months) -> None:
    """The plan of the statement names the ledger alone, so its cost doesn't grow with the months."""
    with psycopg.connect(months.container.settings.database_url.replace("+psycopg", "")) as connection:
        promise = months.promise(add_player(months.container, "Anna"), datetime.now(UTC))
        values = {"player": promise.player_id, "result": 5, "most": 2**53 - 1, "action": promise.action_id, "type": 1}
        values |= {"issued": datetime.now(UTC), "judged": None, "request": "r", "metadata": None}
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {REDEEM_SUM}", values))
    assert "Insert on score_events" in plan
    assert "score_events_" not in plan


def test_the_reversals_of_an_action_are_looked_up_in_one_partition(months: _Months) -> None:
    months.redeem(months.promise(add_player(months.container, "Anna"), datetime.now(UTC)))
    query = f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT reversal.id FROM score_events_before e {NEWEST_REVERSAL}"
    with months.container.database.transaction() as connection:
        (explained,) = connection.execute(sa.text(query)).scalar_one()
    scans = [plan for plan in _plans(explained["Plan"]) if plan.get("Alias", "").startswith("r_")]
    assert len(scans) == len(months.partitions)
    assert [plan["Relation Name"] for plan in scans if plan["Actual Loops"]] == ["score_events_before"]


def _plans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _plans(child)
