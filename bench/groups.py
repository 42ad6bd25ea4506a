"""`python -m bench.groups`: PostgreSQL alone, by pgbench, with the product's statement in groups of one to eight.

A group is one transaction, as redemptions that wait at the same moment in a web process are. Nothing else runs: no
HTTP, no Redis, no relay that reads the outbox. pgbench prepares each statement of its script apart, and plans it for
its first executions: of larger groups, a run of seconds would measure little else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from app.tables import markdown_table
from bench import machine
from bench.load import BenchFailed
from bench.pgbench import DATABASE, PgBench
from bench.stage import stage
from devstack.child import CannotStart
from devstack.postgres import Postgres

_PLAYERS = 32_000  # so many that groups seldom wait for each other
_CONNECTIONS = 16
_GROUPS = (1, 2, 8)
_TURNS = 3
_WRITES = """
    SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'),
           (SELECT count(*) FROM score_events)
"""


@dataclass(frozen=True, slots=True)
class Group:
    """A size of groups: redemptions a second, and for each redemption CPU milliseconds, WAL bytes and WAL flushes."""

    size: int
    rate: float
    cpu_ms: float
    wal_bytes: float
    flushes: float


def measure(seconds: int) -> list[Group]:
    """Measure all sizes in turns, each for `seconds` in a turn."""
    with stage("redis", _say, parts=()) as stack:
        pgbench = PgBench(stack, _PLAYERS)
        pgbench.prepare()
        pgbench.run(_CONNECTIONS, seconds)
        turns = [_measure(stack.postgres, pgbench, size, seconds) for _ in range(_TURNS) for size in _GROUPS]
    return [_median([turn for turn in turns if turn.size == size]) for size in _GROUPS]


def _measure(postgres: Postgres, pgbench: PgBench, size: int, seconds: int) -> Group:
    wal, flushes, events = _writes(postgres)
    floor = pgbench.run(_CONNECTIONS, seconds, size)
    wal_after, flushes_after, events_after = _writes(postgres)
    count = events_after - events
    group = Group(size, floor.rate, floor.cpu_ms, (wal_after - wal) / count, (flushes_after - flushes) / count)
    _say(str(group))
    return group


def _median(turns: Sequence[Group]) -> Group:
    return sorted(turns, key=lambda turn: turn.cpu_ms)[len(turns) // 2]


def _writes(postgres: Postgres) -> list[float]:
    with psycopg.connect(postgres.database_url(DATABASE), autocommit=True) as connection:
        row = connection.execute(_WRITES).fetchone()
    assert row is not None
    return [float(value) for value in row]


def table(groups: Sequence[Group]) -> str:
    """Return the figures as a table."""
    rows = [
        (
            str(group.size),
            f"{group.rate:,.0f}",
            f"{group.cpu_ms:.3f} ms",
            f"{group.wal_bytes:,.0f}",
            f"{group.flushes:.3f}",
        )
        for group in groups
    ]
    return markdown_table(
        rows, ("redeems in a commit", "redeems/s", "CPU of PostgreSQL", "bytes of WAL", "flushes of WAL")
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Run `python -m bench.groups`; its --help lists the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.groups", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=4, help="for each size in a turn (default 4)")
    try:
        groups = measure(parser.parse_args().seconds)
    except (BenchFailed, CannotStart) as error:
        sys.exit(f"bench: {error}")
    print(f"{machine.name()}; {_CONNECTIONS} connections\n\n{table(groups)}")


if __name__ == "__main__":
    main()
