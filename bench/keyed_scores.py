"""What a score costs that a game's server submits: alone and in a batch of 1,000, as CPU of all processes.

`python -m bench.keyed_scores` starts PostgreSQL and Redis, and serves in its own process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.settings import Settings
from app.stores.postgres import migrations
from devstack.stack import Stack

_PLAYERS, _SINGLES, _BATCHES, _SIZE = 500, 500, 5, 1000


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of all that it has started."""
    process = psutil.Process()
    times = [child.cpu_times() for child in (process, *process.children(recursive=True))]
    return float(sum(part.user + part.system for part in times))


def _cost(scores: int, submit: Callable[[], None]) -> float:
    """Return the CPU milliseconds of each of so many scores."""
    before = _cpu_seconds()
    submit()
    return 1000 * (_cpu_seconds() - before) / scores


class _GameServer:
    """Submits scores of players of its own; every key is new. The CPU time of a real client would count here too."""

    def __init__(self, app: Flask, key: str) -> None:
        self._client: FlaskClient = app.test_client()
        self._headers = {"Authorization": f"Bearer {key}"}
        self._submitted = 0

    def add_players(self) -> None:
        for number in range(_PLAYERS):
            self._post("/players", {"external_id": f"u{number}", "username": f"player-{number}"})

    def submit(self, count: int) -> None:
        for _ in range(count):
            score = self._score()
            self._post("/scores", score, {"Idempotency-Key": str(score.pop("key"))})

    def submit_batches(self, count: int) -> None:
        for _ in range(count):
            self._post("/scores/batch", {"scores": [self._score() for _ in range(_SIZE)]})

    def _score(self) -> dict[str, object]:
        self._submitted += 1
        player = f"ext:u{self._submitted % _PLAYERS}"
        return {"key": str(self._submitted), "player": player, "action_type": "tap"}

    def _post(self, path: str, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        answer = self._client.post(f"/api/v1{path}", json=body, headers={**self._headers, **(headers or {})})
        assert answer.status_code in (200, 201), answer.text


def main() -> None:
    """Print the cost of a score in both ways, after a few of each."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), parts=()) as stack:
        settings = Settings.from_env(stack.env).model_copy(update={"rate_limit_keys": "1000000/second"})
        migrations.upgrade(settings.database_url)
        app = create_app(settings)
        container = app.extensions["fairboard"]
        shown = container.api_keys.create("bench", ["players", "score"], by="cli:bench", request_id="bench")
        server = _GameServer(app, shown.text)
        server.add_players()
        container.board_sync.rebuild(container.standings.season("main"))
        server.submit(50)
        server.submit_batches(1)
        alone = _cost(_SINGLES, lambda: server.submit(_SINGLES))
        batched = _cost(_BATCHES * _SIZE, lambda: server.submit_batches(_BATCHES))
        print(f"alone {alone:.2f} ms, in a batch {batched:.2f} ms of CPU each: {alone / batched:.1f} times cheaper")
        container.close()


if __name__ == "__main__":
    main()
