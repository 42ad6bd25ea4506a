"""A board of some thousand standings, which counts as large here."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from app.services.boards.reconcile import Reconciler
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.recent_changes import RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore

STANDINGS = 3000
SHARE, BATCH = 500, 100

_FILL = """
    WITH players AS (
        INSERT INTO players (id, username, username_key, password_hash)
        SELECT lpad(to_hex(:standings - n + 1), 32, '0')::uuid, 'player-' || n, 'player-' || n, '-'
        FROM generate_series(1, :standings) AS n
        RETURNING id, username
    )
    INSERT INTO standings (season_id, player_id, score, changes, achieved_at)
    SELECT :season, id, 10 + substr(username, 8)::bigint, 3, now() FROM players RETURNING player_id
"""


@pytest.fixture
def season(container: Container) -> Season:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    return season


@pytest.fixture
def players(container: Container, season: Season) -> list[UUID]:
    """Return players with one standing each, in the order in which the walk meets them: highest score first."""
    rows = container.database.rows(_FILL, standings=STANDINGS, season=season.id)
    return sorted(row.player_id for row in rows)


@pytest.fixture
def board(container: Container, season: Season, players: list[UUID]) -> Container:
    """Return the container after a rebuild: Redis has the same standings as the database."""
    container.board_sync.rebuild(season)
    return container


@pytest.fixture
def reconciler(container: Container) -> Reconciler:
    """Return a reconciler that compares a sixth of this board at each run."""
    return make_reconciler(container)


def make_reconciler(container: Container, rankings: BulkRankings | None = None, share: int = SHARE) -> Reconciler:
    """Return a reconciler on another client, or with another share."""
    return Reconciler(
        container.catalog,
        container.standing_store,
        RecentChangeStore(container.database),
        rankings or container.bulk_rankings,
        ReconcileProgressStore(container.redis),
        container.board_sync,
        clock=container.clock,
        share=share,
        batch=BATCH,
    )


@pytest.fixture
def expected_scores(container: Container, season: Season) -> Callable[[], dict[str, int]]:
    """Return a function that reads the scores that the sorted set should have now."""

    def expected_scores() -> dict[str, int]:
        rows = container.database.rows(
            "SELECT player_id, score FROM standings WHERE season_id = :season AND listed AND score > 0",
            season=season.id,
        )
        return {str(row.player_id): row.score for row in rows}

    return expected_scores


@pytest.fixture
def redis_scores(container: Container, season: Season) -> Callable[[], dict[str, int]]:
    """Return a function that reads the scores that the sorted set has."""
    return lambda: dict(container.rankings.members(season))
