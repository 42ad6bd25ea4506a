"""The plays of accounts from the ledger and the traits that they share, for comparing accounts. Needs numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from anticheat.link_data import DAY, Account, ActionTimes
from anticheat.rules import Cadence
from anticheat.traits import MOST_POOL, Trait, burst_traits
from app.stores.accounts.sightings import RETENTION_DAYS
from app.stores.postgres.engine import Database
from app.stores.postgres.past_times import past
from app.stores.postgres.rows import Row

LEAST_PLAYS = 30

# Play of before a person's last decision on the player is not compared again.
_PLAYS = f"""
    SELECT e.player_id, array_agg(e.action_type_id) AS action_types,
           array_agg(extract(epoch FROM coalesce(judged_at, e.created_at))::float8) AS times
    FROM score_events e LEFT JOIN (
        SELECT player_id, greatest({past("cleared_at")}, decided_at) AS decided_at FROM suspicion FULL JOIN (
            SELECT player_id, max({past("decided_at")}) AS decided_at FROM cases GROUP BY player_id
        ) c USING (player_id)
    ) d USING (player_id)
    WHERE kind = 'redeem' AND api_key_id IS NULL AND e.created_at >= :since AND e.created_at < :until
      AND (decided_at IS NULL OR coalesce(judged_at, e.created_at) > decided_at)
      AND (CAST(:players AS uuid[]) IS NULL OR e.player_id = ANY(CAST(:players AS uuid[])))
    GROUP BY e.player_id HAVING count(*) >= {LEAST_PLAYS}
"""

# `since` is the first day on which a player has a trait, if the player was seen without it before; else 0.
_TRAITS = """
    WITH days AS (
        SELECT player_id, week, network, {device} AS device, min(day) AS day,
               min(min(day)) OVER (PARTITION BY player_id, week) AS first_day
        FROM sightings WHERE day >= :day GROUP BY player_id, week, network, {device}
    )
    SELECT array_agg(player_id) AS players,
           array_agg(CASE WHEN day > first_day THEN day ELSE 0 END) AS since, count(*) AS members,
           array_agg(extract(epoch FROM p.created_at)::float8) AS registered
    FROM days JOIN players p ON p.id = player_id GROUP BY week, network, device
    HAVING count(*) > 1 AND (count(*) <= :most OR :bursts)
"""


class AccountLedger:
    """One snapshot of the ledger and of the sightings."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def accounts(self, since: datetime, until: datetime, players: Sequence[UUID] | None = None) -> list[Account]:
        """Return these players, or all, that have at least LEAST_PLAYS plays in this time."""
        rows = self._connection.execute(sa.text("SELECT id, slug, cadence FROM action_types"))
        types: dict[int, tuple[str, Cadence]] = {row.id: (row.slug, row.cadence) for row in rows}
        streamed = self._connection.execution_options(stream_results=True, max_row_buffer=100)
        values = {"since": since, "until": until, "players": None if players is None else list(players)}
        return [_account(row, types) for row in streamed.execute(sa.text(_PLAYS), values)]

    def traits(self, until: datetime) -> list[Trait]:
        """Return the traits that few players share: a network, a kind of client on it, a burst of registrations."""
        day = int(until.timestamp() // DAY) - RETENTION_DAYS
        values = {"day": day, "most": MOST_POOL, "bursts": False}
        kinds = {"from one network": "''::bytea", "from one network, with one kind of client": "device"}
        traits = [
            Trait(words, [str(player) for player in row.players], _since(row))
            for words, device in kinds.items()
            for row in self._connection.execute(sa.text(_TRAITS.format(device=device)), values)
        ]
        wide = self._connection.execute(sa.text(_TRAITS.format(device="''::bytea")), {**values, "bursts": True})
        for row in wide:
            registered = dict(zip(map(str, row.players), row.registered, strict=True))
            lately = {player: at for player, at in registered.items() if at >= day * DAY}
            traits += burst_traits("from one network, registered within minutes", lately, _since(row))
        # Registrations can follow each other for days; a pool that no evidence suffices for need not be loaded.
        return [trait for trait in (*traits, *self._bursts(day)) if len(trait.members) <= MOST_POOL]

    def _bursts(self, day: int) -> list[Trait]:
        rows = self._connection.execute(
            sa.text(
                """
                SELECT id, extract(epoch FROM created_at)::float8 AS at FROM players
                WHERE created_at >= to_timestamp(:since) ORDER BY created_at
                """
            ),
            {"since": day * DAY},
        )
        return burst_traits("registered within minutes", {str(row.id): row.at for row in rows}, {})


def _account(row: Row, types: dict[int, tuple[str, Cadence]]) -> Account:
    numbers, times = np.array(row.action_types), np.array(row.times)
    order = np.argsort(times, kind="stable")
    numbers, times = numbers[order], times[order]
    plays = {types[number][0]: ActionTimes(times[numbers == number], types[number][1]) for number in np.unique(numbers)}
    return Account(str(row.player_id), plays)


def _since(row: Row) -> dict[str, float]:
    return {str(player): day * DAY for player, day in zip(row.players, row.since, strict=True)}


@contextmanager
def account_ledger(source: Database) -> Iterator[AccountLedger]:
    """Yield a snapshot of the ledger on `source`, the primary or a replica."""
    with source.snapshot() as connection:
        yield AccountLedger(connection)
