"""Players' days as the learned model sees them, each beside everybody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from anticheat.features import WINDOW_SECONDS, Vector, features, world_of
from anticheat.model import THRESHOLD, Model, scores
from app.stores.moderation.play_history import PlayLedger, play_ledger
from app.stores.postgres.engine import Database

DAY = timedelta(seconds=WINDOW_SECONDS)


def first_part(source: Database, since: datetime) -> list[tuple[UUID, Vector]]:
    """Of a busy day, so many players as fit into memory: who they are is random, and always the same."""
    with play_ledger(source) as ledger:
        return list(_day(ledger, since + DAY, 0, ledger.parts(since, since + DAY)))


def strange_days(
    source: Database, model: Model, until: datetime, done: Callable[[int], None]
) -> tuple[int, list[tuple[UUID, Vector, float]]]:
    """How many players were looked at, and whoever is at the model's threshold, with the score."""
    found, players = [], 0
    with play_ledger(source) as ledger:
        parts = ledger.parts(until - DAY, until)
        for part in range(parts):
            shown = list(_day(ledger, until, part, parts))
            of_each = scores(model, [vector for _, vector in shown])
            found += [(*one, score) for one, score in zip(shown, of_each, strict=True) if score >= THRESHOLD]
            players += len(shown)
            done(players)
    return players, found


def vector_of(source: Database, player_id: UUID, until: datetime) -> Vector | None:
    """One player's day up to `until`; None for too few plays."""
    with play_ledger(source) as ledger:
        parts = ledger.parts(until - DAY, until)
        return dict(_day(ledger, until, (player_id.int >> 96) % parts, parts)).get(player_id)


def _day(ledger: PlayLedger, until: datetime, part: int, parts: int) -> Iterator[tuple[UUID, Vector]]:
    """Of each player of this part, the day up to `until`, beside the others of the part."""
    windows = ledger.windows(until - DAY, until, part, parts)
    world = world_of([window.plays for window in windows])
    for window in windows:
        vector = features(window.plays, world, until.timestamp())
        if vector is not None:
            yield window.player_id, vector
