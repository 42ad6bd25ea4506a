"""Helpers of the replica tests: replicas, players and redemptions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import make_url

from app.containers.container import Container
from app.domain.action_token import Promise
from app.domain.boards import MAIN, Season
from devstack.postgres import Postgres
from devstack.replica import Replica
from devstack.stack import Stack


def new_replica(servers: Stack, folder: Path, name: str) -> Replica:
    """Return one more replica, not started."""
    return Replica(folder / name, folder / f"{name}.log", primary=servers.postgres, name=name)


def near_to(container: Container, servers: Sequence[Postgres], **changes: Any) -> Container:
    """Return a container on the same servers that may read on `servers`."""
    urls = tuple(
        server.database_url(database_of(container)).replace("postgresql:", "postgresql+psycopg:") for server in servers
    )
    return Container(container.settings.model_copy(update={"database_replica_urls": urls, **changes}))


def database_of(container: Container) -> str:
    """Return the name of the container's database."""
    return str(make_url(container.settings.database_url).database)


def season_of(container: Container) -> Season:
    """Return the main board's open season."""
    season = container.catalog.open_season(MAIN)
    assert season is not None
    return season


def player_in(container: Container) -> UUID:
    """Add a player, and return their id."""
    player = uuid4()
    container.players.add(player, f"p-{player}"[:32], str(player), "no password fits this", "player")
    return player


def commit(container: Container, player: UUID, points: int) -> list[int]:
    """Score in the database alone, as a process that dies right after. Return the arguments for `record`."""
    season, now = season_of(container), int(time.time() * 1000)
    promise = Promise(str(uuid4()), str(player), "tap", 1, points, MAIN, season.id, season.number, now, now + 1000)
    redemption = container.ledger.redeem(promise, request_id="test", key=None, fingerprint="")
    assert redemption
    (change,) = redemption.changes
    return [change.previous or 0, change.score, change.change]


def record(container: Container, player: UUID, scores: list[int]) -> None:
    """Write to Redis as a redemption does after its commit."""
    name, keys, arguments = container.rankings.record_call(season_of(container), str(player), *scores)
    container.scripts.run(name, keys, arguments)


def redeem(container: Container, player: UUID, points: int) -> None:
    """Score as the product does, in the database and in Redis."""
    record(container, player, commit(container, player, points))


def refresh(container: Container) -> None:
    """Deliver all changes in the outbox, as relay and worker do."""

    def deliver(changes: Any) -> None:
        container.board_sync.sync(changes)

    container.outbox.drain(deliver)


def scores_of(container: Container) -> list[int]:
    """Return the board's scores as a process reads them that has nothing cached."""
    container.rankings.note_change(season_of(container))
    return [row["score"] or 0 for row in container.standings.snapshot(MAIN)["data"]]
