"""Another program has written to the sorted sets of a board and its segments: reads go on, and they are mended."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.boards import MAIN
from app.services.accounts.player_changes import PlayerChange
from tests.integration.boards.test_scorings import redeem
from tests.integration.http.games import Game, game
from tests.integration.unavailability.test_foreign_values import SPOIL, Key
from tests.parts.waiting import eventually

__all__ = ["game"]  # a fixture

_NAMES = ("order:{main/1}", "arranged:{main/1}", "segments:{main/1}", "order:{main/1}:country:JP")


def _reads(game: Game) -> dict[str, Any]:
    """Return the answers of every kind of read of the order; each is 200, or says that a part is down."""
    paths = [
        f"/leaderboard/{path}"
        for part in ("", "&segment=country:JP", "&segment=country:BR")
        for path in (
            f"top?limit=20{part}",
            f"around?rank=1{part}",
            f"around?score=35{part}",
            f"around?user_id={game.players[1]}{part}",
        )
    ]
    answers = {path: game.get(path) for path in paths}
    assert all(status in (200, 503) for status, _ in answers.values()), answers
    return {path: (status, body.get("data")) for path, (status, body) in answers.items()}


def _mend(game: Game) -> None:
    game.deliver()
    game.container.board_sync.repair()
    game.container.reconciler.reconcile(pause=0.0)


@pytest.mark.parametrize("kind", [*SPOIL, "gone"])
@pytest.mark.parametrize("name", _NAMES)
def test_reads_go_on_and_tell_the_truth_once_it_is_mended(game: Game, name: str, kind: str) -> None:
    container = game.container
    key = Key(container.redis, f"leaderboard:{name}", container.redis.type(f"leaderboard:{name}"))
    assert key.kind != "none"
    if kind in SPOIL:
        SPOIL[kind](key)
    else:
        container.redis.delete(key.name)
    _reads(game)
    change = PlayerChange(attributes={"country": "BR"})
    container.player_changes.change(game.players[1], change, by="cli:tests", request_id="r")
    redeem(container, game.players[3], 100)
    _reads(game)
    for _ in range(3):
        _mend(game)
    # A list stays public to the end of its second.
    first = str(game.players[3])
    eventually(lambda: game.get("/leaderboard/top?limit=20")[1]["data"][0]["user_id"] == first)
    mended = _reads(game)
    season = container.standings.season(MAIN)
    container.rankings.orders.clear(season)
    container.redis.delete(*container.redis.keys("leaderboard:order:*"))
    game.restart()
    assert mended == _reads(game), "what PostgreSQL says, without any sorted set of an order"
