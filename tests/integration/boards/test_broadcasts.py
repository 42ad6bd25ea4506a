"""A board has at most so many broadcasts, however many workers there are, and none of them omits a change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN
from app.services.boards.broadcasts import BroadcastCause
from app.services.boards.outbox import BoardChange
from app.stores.boards.board_events import BoardChanged
from tests.parts.waiting import eventually

TIMES, INTERVAL = 18, 0.1  # one broadcast names at least this many requests


@pytest.fixture
def paced(container: Container) -> Iterator[list[Container]]:
    """Yield the containers of four workers that keep the rate."""
    containers = [Container(container.settings.model_copy(update={"broadcast_seconds": INTERVAL})) for _ in range(4)]
    yield containers
    for worker in containers:
        worker.close()


def test_four_workers_together_keep_the_rate_and_tell_every_request(
    container: Container, paced: list[Container]
) -> None:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    container.board_sync.repair()
    listener = container.subscription()
    listener.open()
    received: list[BoardChanged] = []

    def heard() -> list[BoardChanged]:
        while (message := listener.next(0.05)) is not None:
            if isinstance(message, BoardChanged) and message.request_ids:
                received.append(message)
        return received

    def announce(number: int) -> int:
        worker = paced[number % len(paced)]
        change = BoardChange(season.id, MAIN, float(number), request_ids=[f"r-{number}"])
        return worker.board_sync.sync([change])[season.id]

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(announce, range(TIMES)))
    lasted = time.monotonic() - began

    def everything() -> bool:
        return {request for message in heard() for request in message.request_ids} == {f"r-{n}" for n in range(TIMES)}

    eventually(everything)
    assert len(received) <= lasted / INTERVAL + 2
    assert len(received) < TIMES, "they were merged"
    assert {message.version for message in received} >= {max(versions)}
    assert min(message.committed_at or 0.0 for message in received) == 0.0
    listener.close()


def test_what_one_that_died_left_behind_is_told_by_the_next(container: Container, paced: list[Container]) -> None:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    container.board_sync.repair()
    cause = BroadcastCause((), ("r-left",))
    container.redis.sadd(f"leaderboard:pending:{{{season.tag}}}", json.dumps(asdict(cause)))
    listener = container.subscription()
    listener.open()
    paced[0].board_sync.sync([BoardChange(season.id, MAIN, None, request_ids=["r-own"])])

    def told() -> tuple[str, ...] | None:
        message = listener.next(0.2)
        return message.request_ids if isinstance(message, BoardChanged) else None

    assert set(eventually(told)) == {"r-left", "r-own"}
    listener.close()
