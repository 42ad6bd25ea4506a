"""The floor under a redemption: pgbench running the same statement on the same PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.domain.boards import MAX_SCORE
from app.settings import Settings
from app.stores.play.redeem_statement import REDEEM_SUM
from app.stores.postgres.migrations import upgrade
from bench.accounts import cpu_of
from bench.load import BenchFailed
from devstack import surroundings
from devstack.stack import Stack

DATABASE = "pgbench"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_NONE_FAILED = "number of failed transactions: 0 "
# pgbench has numbers only, so the statement makes ids from them: two calls more than the product's, for less than 1 %
# of its time. The rest is the product's statement to the letter, prepared as in the product.
_UUID = "lpad(to_hex(CAST(:{} AS bigint)), 32, '0')::uuid"
_VALUES = {
    "player": _UUID.format("player"),
    "result": ":points",
    "most": str(MAX_SCORE),
    "action": _UUID.format("action"),
    "type": ":type",
    "issued": ":issued",
    "judged": ":issued",
    "request": ":request",
    "metadata": "NULL",
}


@dataclass(frozen=True, slots=True)
class Floor:
    """Statements a second, and CPU milliseconds of PostgreSQL for each."""

    rate: float
    cpu_ms: float


def script(players: int, group: int = 1) -> str:
    """Return the product's statement as a pgbench script: a random player, a random action.

    A `group` of them is one transaction with one round trip. As in the product its players are in order, so that two
    groups never wait for each other both: each is of the next part of the players.
    """
    part = players // group
    statements = [
        f"\\set player random({number * part + 1}, {(number + 1) * part})\n"
        f"\\set action random(1, 9000000000000000000)\n{REDEEM_SUM % _VALUES};\n"
        for number in range(group)
    ]
    return statements[0] if group == 1 else "\n".join(["\\startpipeline", *statements, "\\endpipeline", ""])


class PgBench:
    """pgbench on a database of its own, beside the product's, with as many players."""

    def __init__(self, stack: Stack, players: int) -> None:
        self._stack, self._players = stack, players
        self._program = self._find()

    def prepare(self) -> None:
        """Make the database with the product's migrations, and its players."""
        postgres = self._stack.postgres
        postgres.create_database(DATABASE)
        url = postgres.database_url(DATABASE)
        upgrade(Settings.from_env({"APP_ENV": "development", "DATABASE_URL": url}).database_url)
        with psycopg.connect(url) as connection:
            rows = [(uuid.UUID(int=number), f"player {number}") for number in range(1, self._players + 1)]
            connection.cursor().executemany(
                "INSERT INTO players (id, username, username_key, password_hash) VALUES (%s, %s, %s, 'none')",
                [(player_id, name, name) for player_id, name in rows],
            )

    def run(self, connections: int, seconds: int, group: int = 1) -> Floor:
        """Run pgbench for `seconds`, with groups of so many statements. Raises `BenchFailed` if it fails."""
        postgres = self._stack.postgres
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "redeem.sql")
            file.write_text(script(self._players, group))
            before = cpu_of(postgres.pid)
            result = subprocess.run(
                [*self._command(connections, seconds), "-f", str(file), DATABASE],
                env=surroundings.for_parts(os.environ) | {"PGHOST": str(postgres.sockets), "PGUSER": postgres.user},
                capture_output=True,
                text=True,
            )
        match = _TPS.search(result.stdout)
        if result.returncode or match is None or _NONE_FAILED not in result.stdout:
            raise BenchFailed(f"pgbench: {(result.stderr.strip() or result.stdout.strip())[-500:]}")
        rate = float(match[1]) * group
        return Floor(rate, (cpu_of(postgres.pid) - before) / (rate * seconds) * 1000)

    def _command(self, connections: int, seconds: int) -> list[str]:
        threads = str(min(2, connections))
        values = {
            "points": "1",
            "type": "1",
            "issued": "2026-01-01 00:00:00+00",
            "request": uuid.uuid4().hex,
        }
        variables = [argument for name, value in values.items() for argument in ("-D", f"{name}={value}")]
        options = ["-n", "-M", "prepared", "-c", str(connections), "-j", threads, "-T", str(seconds)]
        return [self._program, *options, *variables]

    def _find(self) -> str:
        """Return pgbench from the wheel that PostgreSQL came with, else from the system."""
        wheel_program = self._stack.postgres.program("pgbench")
        places = [wheel_program, *sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)]
        program = next((str(place) for place in places if os.access(place, os.X_OK)), None) or shutil.which("pgbench")
        if program is None:
            raise BenchFailed("pgbench is missing: install it, such as with apt-get install postgresql-contrib")
        return program
