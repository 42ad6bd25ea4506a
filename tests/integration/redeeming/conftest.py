"""One process on gevent that redeems, a database of its own, and the lines that both write."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.boards import MAIN
from app.settings import Settings
from devstack.child import ROOT
from devstack.stack import Stack
from tests.integration.boards.test_scorings import add_board
from tests.integration.conftest import database_copy
from tests.parts.waiting import eventually

_PROGRAM = "tests.integration.redeeming.program"
_numbers = itertools.count(1)

_REFUSE_AT_COMMIT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END';;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON score_events DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (new.player_id = '{player}') EXECUTE FUNCTION refuse()
"""

Answer: TypeAlias = tuple[Any, bool | None]
"""The scores by board, the name of an error or None, and whether the error says that nothing was changed."""


@dataclass(frozen=True)
class Redemption:
    number: int
    player: UUID
    action: UUID
    key: str | None
    type: int


class World:
    """The process, and a container of this process to look into its database."""

    def __init__(self, container: Container, process: subprocess.Popen[str]) -> None:
        self.container, self._process = container, process
        add_board(container, "cup", "best")
        self.both = self.add_type("both")
        self.main_season = container.standings.season(MAIN).id
        self.name = sa.make_url(container.settings.database_url).database

    def add_type(self, slug: str, *boards: str) -> int:
        """Add an action type that feeds these boards, by default main and cup; return its id."""
        query = """
            INSERT INTO action_types (slug, name, board_id, more_boards, points)
            SELECT :slug, :slug, ids[1], ids[2:], 1
            FROM (SELECT array_agg(id ORDER BY id) AS ids FROM boards WHERE slug = ANY(:boards)) boards RETURNING id
        """
        return int(self.container.database.rows(query, slug=slug, boards=list(boards or ("main", "cup")))[0].id)

    def redemption(
        self,
        *,
        player: UUID | None = None,
        action: UUID | None = None,
        key: str | None = None,
        keyed: bool = False,
        action_type: int = 1,
    ) -> Redemption:
        """Return a redemption: of a new player and a new action, without a key, that feeds main, unless given."""
        if player is None:
            player = uuid4()
            self.container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
        key = key or (f"key-{next(_numbers)}" if keyed else None)
        return Redemption(next(_numbers), player, action or uuid4(), key, action_type)

    def redemptions(self, count: int, *, keyed: bool = False, action_type: int = 1) -> list[Redemption]:
        """Return redemptions of as many new players."""
        return [self.redemption(keyed=keyed, action_type=action_type) for _ in range(count)]

    def again(self, redemptions: Sequence[Redemption], *, anew: bool = False) -> list[Redemption]:
        """Return the same actions, to be sent once more, or `anew` further actions of the same players."""
        actions = [uuid4() if anew else redemption.action for redemption in redemptions]
        return [
            replace(redemption, number=next(_numbers), action=action)
            for redemption, action in zip(redemptions, actions, strict=True)
        ]

    def send(self, redemptions: Sequence[Redemption]) -> None:
        """Let these come at the same moment, in this order: the first one goes alone."""
        self.command([[r.number, str(r.player), str(r.action), r.key, r.type] for r in redemptions])

    def command(self, command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def read(self, count: int) -> dict[int, Answer]:
        """Return the next answers by number."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(60, self._process.kill)  # ends the wait for an answer that doesn't come
        watchdog.start()
        lines = [json.loads(self._process.stdout.readline()) for _ in range(count)]
        watchdog.cancel()
        return {number: (answer, certain) for number, answer, certain in lines}

    def redeem(self, redemptions: Sequence[Redemption]) -> list[Answer]:
        """Let these come at the same moment, and return their answers."""
        self.send(redemptions)
        answers = self.read(len(redemptions))
        return [answers[redemption.number] for redemption in redemptions]

    def transactions(self, redemptions: Sequence[Redemption]) -> list[int]:
        """Return how many events of these were committed together, for each transaction; the smallest first."""
        rows = self.container.database.rows(
            "SELECT count(*) AS size FROM score_events WHERE action_id = ANY(:ids) GROUP BY xmin ORDER BY 1",
            ids=[redemption.action for redemption in redemptions],
        )
        return [row.size for row in rows]

    def events(self, redemption: Redemption) -> int:
        (row,) = self.container.database.rows(
            "SELECT count(*) AS size FROM score_events WHERE action_id = :id", id=redemption.action
        )
        return int(row.size)

    def check(self) -> None:
        """Assert that all standings are those of the ledger."""
        assert list(self.container.corrections.find_unsound()) == []

    def remove_standing(self, redemption: Redemption) -> None:
        """Remove what a test wrote without an event."""
        self.container.database.rows(
            "DELETE FROM standings WHERE player_id = :player RETURNING 1", player=redemption.player
        )

    @contextmanager
    def refused_at_commit(self, redemption: Redemption) -> Iterator[None]:
        """Let the commit of this redemption fail, after all statements."""
        with self.container.database.transaction() as connection:
            for statement in _REFUSE_AT_COMMIT.format(player=redemption.player).split(";;"):
                connection.execute(sa.text(statement))
        yield
        self.container.database.run(lambda connection: connection.execute(sa.text("DROP FUNCTION refuse CASCADE")))

    @contextmanager
    def locked(self, redemption: Redemption) -> Iterator[None]:
        """Hold the lock on the standing of this redemption's player."""
        self.container.database.rows(
            """
            INSERT INTO standings (season_id, player_id, score, changes) VALUES (:season, :player, 0, 0)
            ON CONFLICT (season_id, player_id) DO UPDATE SET changes = standings.changes RETURNING 1
            """,
            season=self.main_season,
            player=redemption.player,
        )
        with self.container.database.transaction() as connection:
            lock = "SELECT FROM standings WHERE player_id = :player FOR UPDATE"
            connection.execute(sa.text(lock), {"player": redemption.player})
            yield

    def waiting(self, event: str, *, least: int = 1) -> list[int]:
        """Wait until sessions of the process wait for this; return their process ids."""
        query = """
            SELECT pid FROM pg_stat_activity
            WHERE wait_event_type || ':' || wait_event LIKE :event AND datname = current_database()
        """
        return eventually(
            lambda: (
                pids
                if len(pids := [row.pid for row in self.container.database.rows(query, event=event)]) >= least
                else None
            ),
            every=0.005,
        )


@pytest.fixture(scope="package")
def redeeming(servers: Stack, migrated: str) -> Iterator[World]:
    """Yield a process that redeems. The tests share it and its database, and take new players."""
    with database_copy(servers, migrated) as url:
        # What a test commits itself waits for no standby.
        own_url = f"{url}&options=-c%20synchronous_commit%3Dlocal"
        container = Container(Settings.from_env({**servers.env, "DATABASE_URL": own_url}))
        env = {**os.environ, **servers.env, "DATABASE_URL": url}
        command = [sys.executable, "-m", _PROGRAM]
        with subprocess.Popen(
            command, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield World(container, process)
        assert process.returncode == 0
        container.close()


@pytest.fixture
def world(redeeming: World) -> Iterator[World]:
    yield redeeming
    redeeming.check()


@pytest.fixture
def admin(servers: Stack) -> Iterator[psycopg.Connection[Any]]:
    """Yield a superuser's connection, which waits for no standby."""
    with psycopg.connect(servers.postgres.admin_url("postgres"), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        yield connection
