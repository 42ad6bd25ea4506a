"""Players' days as the learned model reads them, each compared with the days of all others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from anticheat.features import WINDOW_SECONDS, Vector, features, population_of
from anticheat.model import THRESHOLD, Model, scores
from app.stores.moderation.play_history import PlayLedger, play_ledger
from app.stores.postgres.engine import Database

DAY = timedelta(seconds=WINDOW_SECONDS)


def first_part(source: Database, since: datetime) -> list[tuple[UUID, Vector]]:
    """Return players with their vectors; of a busy day, a part that fits into memory: random, and always the same."""
    with play_ledger(source) as ledger:
        return list(_vectors(ledger, since + DAY, 0, ledger.parts(since, since + DAY), is_judged=False))


def strange_days(
    source: Database, model: Model, until: datetime, on_progress: Callable[[int], None]
) -> tuple[int, list[tuple[UUID, Vector, float]]]:
    """Return the number of players judged, and those at or above the model's threshold, with vectors and scores."""
    strange_players, count = [], 0
    with play_ledger(source) as ledger:
        parts = ledger.parts(until - DAY, until)
        for part in range(parts):
            vectors = list(_vectors(ledger, until, part, parts, is_judged=True))
            day_scores = scores(model, [vector for _, vector in vectors])
            strange_players += [
                (*player_vector, score)
                for player_vector, score in zip(vectors, day_scores, strict=True)
                if score >= THRESHOLD
            ]
            count += len(vectors)
            on_progress(count)
    return count, strange_players


def vector_of(source: Database, player_id: UUID, until: datetime) -> Vector | None:
    """Return a player's day up to `until`, or `None` for too few plays."""
    with play_ledger(source) as ledger:
        parts = ledger.parts(until - DAY, until)
        return dict(_vectors(ledger, until, (player_id.int >> 96) % parts, parts, is_judged=True)).get(player_id)


def _vectors(
    ledger: PlayLedger, until: datetime, part: int, parts: int, *, is_judged: bool
) -> Iterator[tuple[UUID, Vector]]:
    """Yield the day up to `until` of each player in this part, compared with the others in it."""
    windows = ledger.windows(until - DAY, until, part, parts, is_judged=is_judged)
    world = population_of([window.plays for window in windows])
    for window in windows:
        vector = features(window.plays, world, until.timestamp())
        if vector is not None:
            yield window.player_id, vector
