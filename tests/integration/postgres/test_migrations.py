"""The migrations make the tables that the models describe, and go down and up again on data."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app.stores.postgres import migrations
from app.stores.postgres.moderation_schema import metadata
from app.stores.postgres.schema import is_partition


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool)


def _differences(url: str) -> list[Any]:
    with _engine(url).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "target_metadata": metadata,
                "include_name": lambda name, kind, _: kind != "table" or not is_partition(name),
            },
        )
        return list(compare_metadata(context, metadata))


def _checks(connection: sa.Connection) -> dict[str, str]:
    rows = connection.execute(
        sa.text("SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE contype IN ('c', 'f', 'u')")
    )
    return {row.conname: row.text for row in rows}


def _indexes(connection: sa.Connection) -> dict[str, str]:
    rows = connection.execute(
        sa.text("SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    )
    indexes = {row.indexname: row.indexdef for row in rows if not is_partition(row.tablename)}
    return {name: definition for name, definition in indexes.items() if name != "alembic_version_pkc"}


def test_models_and_migrations_do_not_drift(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    assert _differences(empty_database) == []


def test_the_comparison_would_notice(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    with _engine(empty_database).begin() as connection:
        connection.execute(sa.text("ALTER TABLE players ADD COLUMN surprise text"))
    assert _differences(empty_database) != []


def test_constraints_and_indexes_are_the_models_too(servers: Any, empty_database: str) -> None:
    """Compare the parts that Alembic ignores: checks, and the conditions of indexes."""
    migrations.upgrade(empty_database)
    servers.postgres.create_database(models_database := f"models_{uuid4().hex[:8]}")
    url = servers.postgres.database_url(models_database).replace("postgresql://", "postgresql+psycopg://")
    metadata.create_all(_engine(url))
    with _engine(empty_database).connect() as migrated, _engine(url).connect() as modelled:
        assert _checks(migrated) == _checks(modelled)
        assert _indexes(migrated) == _indexes(modelled)


def _play(url: str) -> dict[str, Any]:
    """Add a player with one scored action. Return the rows that the tables have of them."""
    player, action = uuid4(), uuid4()
    with _engine(url).begin() as connection:
        connection.execute(
            sa.text(
                """INSERT INTO players (id, username, username_key, password_hash) VALUES (:p, 'Anna', 'anna', 'x')"""
            ),
            {"p": player},
        )
        season = connection.execute(sa.text("SELECT id FROM seasons WHERE ends_at IS NULL")).scalar_one()
        connection.execute(sa.text("INSERT INTO standings VALUES (:s, :p, 7, 1, now())"), {"s": season, "p": player})
        connection.execute(
            sa.text(
                """INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score,
                   score, issued_at, created_at, request_id)
                   VALUES (:a, :p, :s, 1, 7, 0, 7, now(), now(), 'r')"""
            ),
            {"a": action, "p": player, "s": season},
        )
    return _books(url)


def _books(url: str) -> dict[str, Any]:
    with _engine(url).connect() as connection:
        return {
            table: connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1")).all()
            for table in ("players", "boards", "seasons", "standings", "score_events", "action_types")
        }


def test_up_down_and_up_again(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    _play(empty_database)
    migrations.downgrade(empty_database, "base")
    with _engine(empty_database).connect() as connection:
        tables = connection.execute(
            sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
        ).all()
    assert tables == []
    migrations.upgrade(empty_database)
    assert _differences(empty_database) == []
    assert _play(empty_database)["score_events"]


def test_each_step_back_and_forth_keeps_the_data_of_the_steps_before(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    before = _play(empty_database)
    migrations.downgrade(empty_database, "0002")
    migrations.upgrade(empty_database)
    after = _books(empty_database)
    for table in ("players", "boards", "seasons", "standings", "score_events"):
        assert after[table] == before[table]


def test_names_that_look_alike_already_stop_no_migration_and_the_first_keeps_the_look(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    migrations.upgrade(empty_database, "0010")
    names = ["player1", "playerl", "Anna", "\u0410nna", "Anna\ufe0f"]
    with _engine(empty_database).begin() as connection:
        connection.execute(
            sa.text(
                """INSERT INTO players (id, username, username_key, password_hash, created_at)
                   SELECT gen_random_uuid(), name, name, 'x', to_timestamp(number)
                   FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS given (name, number)
                   UNION ALL
                   SELECT gen_random_uuid(), 'p-' || n, 'p-' || n, 'x', now() FROM generate_series(1, 2500) n"""
            ),
            {"names": names},
        )
    migrations.upgrade(empty_database)
    with _engine(empty_database).connect() as connection:
        rows = connection.execute(
            sa.text(
                """SELECT p.username, count(s.player_id) AS skeletons FROM players p
                   LEFT JOIN username_skeletons s ON s.player_id = p.id GROUP BY p.id"""
            )
        )
        skeletons = {row.username: row.skeletons for row in rows}
    assert [skeletons[name] for name in names] == [2, 1, 2, 0, 0]
    assert sum(skeletons.values()) == 2 * 2500 + 2 + 1 + 2
    warned = [record.getMessage() for record in caplog.records if "username_looks_alike" in record.message]
    assert len(warned) == 3


def test_skeletons_by_older_rules_are_made_again(empty_database: str) -> None:
    migrations.upgrade(empty_database, "0011")
    with _engine(empty_database).begin() as connection:
        connection.execute(
            sa.text(
                """WITH given AS (
                       INSERT INTO players (id, username, username_key, password_hash, created_at)
                       SELECT gen_random_uuid(), name, name, 'x', to_timestamp(number)
                       FROM unnest(ARRAY['will', 'vvill']) WITH ORDINALITY AS names (name, number)
                       RETURNING id, username
                   ) INSERT INTO username_skeletons (skeleton, player_id)
                   SELECT form || username, id FROM given, unnest(ARRAY['written:', 'capitals:']) AS form"""
            )
        )
    migrations.upgrade(empty_database)
    with _engine(empty_database).connect() as connection:
        rows = connection.execute(
            sa.text("SELECT skeleton, username FROM username_skeletons JOIN players ON id = player_id ORDER BY 1")
        ).all()
    assert [tuple(row) for row in rows] == [("capitals:VVlLL", "will"), ("written:vvill", "will")]


def test_going_up_twice_changes_nothing(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    before = _play(empty_database)
    migrations.upgrade(empty_database)
    assert _books(empty_database) == before


@pytest.mark.parametrize("change", ["UPDATE score_events SET points = 8", "DELETE FROM score_events"])
def test_the_ledger_cannot_be_changed(empty_database: str, change: str) -> None:
    migrations.upgrade(empty_database)
    _play(empty_database)
    with pytest.raises(sa.exc.DBAPIError), _engine(empty_database).begin() as connection:
        connection.execute(sa.text(change))


def test_an_action_cannot_score_twice_whatever_the_code_does(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    _play(empty_database)
    with pytest.raises(sa.exc.IntegrityError), _engine(empty_database).begin() as connection:
        connection.execute(
            sa.text(
                """INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score,
                   score, issued_at, request_id)
                   SELECT action_id, player_id, season_id, action_type_id, points, score, score + points, issued_at, 'x'
                   FROM score_events LIMIT 1"""
            )
        )
