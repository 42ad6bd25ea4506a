"""Pruning deletes old rows in batches and parts, and nothing else."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.stores.accounts.logins import PRUNE_SECONDS


@pytest.fixture
def player(container: Container) -> UUID:
    return container.accounts.create("Anna", "a good password").id


def _expires(container: Container, player: UUID, number: int, age: str) -> None:
    container.database.rows(
        "INSERT INTO logins (id, player_id, refresh_id, expires_at) SELECT gen_random_uuid(), :player, :refresh,"
        " now() - CAST(:age AS interval) FROM generate_series(1, :number) RETURNING 1",
        player=player,
        refresh=uuid4(),
        age=age,
        number=number,
    )


def _count(container: Container, table: str) -> int:
    return len(container.database.rows(f"SELECT 1 FROM {table}"))


def test_a_small_table_of_logins_is_pruned_at_once(container: Container, player: UUID) -> None:
    _expires(container, player, 5, "2 days")
    _expires(container, player, 3, "1 hour")
    assert container.logins.prune(datetime.now().astimezone().timestamp()) == 5
    assert _count(container, "logins") == 3


def test_the_runs_of_a_day_prune_all_of_a_large_table(container: Container, player: UUID) -> None:
    _expires(container, player, 300, "2 days")
    with container.database.statement() as connection:
        connection.exec_driver_sql("ANALYZE logins")
    pruned = [container.logins.prune(run * PRUNE_SECONDS, part_rows=100) for run in range(4)]
    assert max(pruned) < 300
    assert sum(pruned) == 300
    assert _count(container, "logins") == 0


def test_keys_are_pruned_in_batches_after_their_day(container: Container, player: UUID) -> None:
    for age, number in (("25 hours", 12), ("23 hours", 3)):
        container.database.rows(
            "INSERT INTO idempotency (player_id, key, fingerprint, action_id, outcome, created_at)"
            " SELECT :player, :age || n, '', gen_random_uuid(), 'scored', now() - CAST(:age AS interval)"
            " FROM generate_series(1, :number) AS n RETURNING 1",
            player=player,
            age=age,
            number=number,
        )
    assert container.first_answers.prune_keys(batch=5) == 12
    assert _count(container, "idempotency") == 3
