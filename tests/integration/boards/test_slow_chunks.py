"""Comparisons of whole boards where a chunk of standings takes longer than a statement may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.boards import MAIN
from app.services.boards.comparison import Comparison
from app.services.moderation.ledger_audit import unsound_standings
from app.services.operations.retries import Retries
from app.stores.boards.ledger_audit import UNREADABLE, LedgerAuditStore
from app.stores.boards.standings import StandingStore
from app.stores.postgres.engine import Database
from tests.integration.boards.test_scorings import redeem
from tests.integration.players import add_player

PLAYERS, READABLE_SECONDS, STATEMENT_SECONDS = 6, 0.1, 0.25
# A view before the table: each player's rows take a while, and those of the player in `stuck` longer than a statement.
_SLOW = f"""
    CREATE SCHEMA slow;
    CREATE TABLE slow.stuck (player_id uuid);
    CREATE FUNCTION slow.wait(player uuid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(CASE WHEN player IN (SELECT player_id FROM slow.stuck) THEN 9 ELSE {READABLE_SECONDS} END);
        RETURN true;
    END $$;
    CREATE VIEW slow.score_events AS SELECT * FROM public.score_events e WHERE slow.wait(e.player_id);
    CREATE VIEW slow.player_attributes AS SELECT * FROM public.player_attributes a WHERE slow.wait(a.player_id);
"""


@dataclass(frozen=True)
class SlowBoard:
    """A board in Redis, its players in the order of their ids, and a database that is slow to read it."""

    container: Container
    players: list[UUID]
    database: Database

    def stick(self, player: UUID) -> None:
        """Make the player's rows unreadable."""
        self.container.database.rows("INSERT INTO slow.stuck VALUES (:player) RETURNING 1", player=player)


@pytest.fixture
def slow(container: Container) -> Iterator[SlowBoard]:
    container.database.rows("UPDATE boards SET segments = '{country}' WHERE slug = 'main' RETURNING id")
    players = sorted(add_player(container, f"player {number}") for number in range(PLAYERS))
    for player in players:
        redeem(container, player, 5)
        container.database.rows(
            "INSERT INTO player_attributes VALUES (:player, 'country', 'JP') RETURNING name", player=player
        )
    container.board_sync.rebuild(container.standings.season(MAIN))
    with container.database.transaction() as connection:
        connection.exec_driver_sql(_SLOW)
    url = sa.make_url(container.settings.database_url).update_query_dict({"options": "-csearch_path=slow,public"})
    database = Database(url.render_as_string(hide_password=False), statement_seconds=STATEMENT_SECONDS)
    yield SlowBoard(container, players, database)
    database.close()


def test_the_ledger_is_added_up_in_smaller_chunks_and_only_one_player_is_not(slow: SlowBoard) -> None:
    store, counts = LedgerAuditStore(slow.database), list[int]()
    assert list(unsound_standings(store, counts.append)) == []
    assert counts[-1] == PLAYERS
    assert len(counts) > 2, "the chunks were smaller"
    wrong, stuck = slow.players[1], slow.players[3]
    slow.stick(stuck)
    slow.container.database.rows("UPDATE standings SET score = 6 WHERE player_id = :id RETURNING 1", id=wrong)
    differences = list(unsound_standings(store, counts.append))
    assert [(item["player"], item["what"]) for item in differences] == [
        (str(wrong), "score"),
        (str(stuck), UNREADABLE),
    ]
    assert counts[-1] == PLAYERS


def test_redis_is_compared_in_smaller_chunks_and_only_one_player_is_not(slow: SlowBoard) -> None:
    container, season = slow.container, slow.container.standings.season(MAIN)
    comparison = Comparison(StandingStore(slow.database), container.bulk_rankings)
    assert list(comparison.find_differences(season, lambda count: None, Retries(), 0.0)) == []
    wrong, stuck = slow.players[1], slow.players[3]
    slow.stick(stuck)
    container.redis.zadd(f"leaderboard:scores:{{{season.tag}}}", {str(wrong): 6})
    after, suspects, unreadable = UUID(int=0), list[str](), list[UUID | None]()
    while (part := comparison.suspects_after(season, after, Retries())).last is not None:
        after = part.last
        suspects += part.suspects
        unreadable.append(part.unreadable)
    assert (after, suspects) == (slow.players[-1], [str(wrong)])
    assert [player for player in unreadable if player is not None] == [stuck]
