"""Segments: players move between them, and their sorted sets are repaired."""

from __future__ import annotations

from uuid import UUID

from app.domain.attributes import Segment
from app.domain.boards import Season
from app.stores.boards.reconcile_progress import ReconcileProgress, ReconcileProgressStore
from tests.integration.boards.page_world import (
    SEGMENTS,
    World,
    database,
    move,
    original,
    rows_of,
    truth_of,
    world,
)
from tests.parts.kinds import ON_BOTH

__all__ = ["database", "original", "world"]  # fixtures


@ON_BOTH
def test_a_move_to_another_segment_takes_all_points_along(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    japan, brazil = SEGMENTS[1:3]

    def place(segment: Segment | None) -> int | None:
        return world.container.board_pages.around_player(season, player, 0, segment).rank

    assert place(japan) is not None
    assert place(brazil) is None
    move(world, player, "BR")
    world.deliver()
    assert (place(japan), place(brazil)) == (None, truth_of(world, season, brazil).rank(_score(world, season, player)))
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]
    world.container.moderation.suspend(player, "r", by="cli:tests")
    world.deliver()
    assert _keys_with(world, season, player) == []


def _score(world: World, season: Season, player: UUID) -> int:
    public = world.folds(season)[player].public
    assert public
    return public.score


def _keys_with(world: World, season: Season, player: UUID) -> list[str]:
    """Return the ordered sets that have the player, without prefix and board."""
    redis = world.container.redis
    tag = f":{{{season.tag}}}"
    keys = [key for key in redis.keys("leaderboard:order:*") if tag in key]
    with_player = [key for key in keys if any(member.endswith(str(player)) for member in redis.zrange(key, 0, -1))]
    return sorted(key.replace("leaderboard:", "").replace(tag, "") for key in with_player)


def test_a_refresh_that_read_earlier_does_not_move_a_player_back(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    stale = world.container.standing_store.members(season, [player])
    move(world, player, "BR")
    world.deliver()
    world.container.rankings.orders.arrange(season, stale)
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]


def test_the_proof_puts_back_a_player_whose_refresh_was_lost(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    move(world, player, "BR")
    world.container.database.rows("DELETE FROM outbox RETURNING id")
    assert _keys_with(world, season, player) == ["order", "order:country:JP"]
    world.container.reconciler.reconcile(pause=0)
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]


def test_the_proof_puts_back_a_player_who_has_not_changed_lately(world: World) -> None:
    season, player, redis = world.season_list()[0], world.players[15], world.container.redis
    assert _keys_with(world, season, player) == ["order"]
    world.container.rankings.orders.remove(season, [str(player)])
    (newest,) = world.container.database.rows("SELECT max(id) AS id FROM score_events")
    progress = ReconcileProgress(run=world.container.bulk_rankings.run_id(season), event=newest.id)
    ReconcileProgressStore(redis).store(season, progress)
    world.container.reconciler.reconcile(pause=0)
    assert _keys_with(world, season, player) == ["order"]


def test_a_board_that_lost_its_entries_keeps_no_stranger_in_a_segment(world: World) -> None:
    season, player = world.season_list()[0], world.players[1]
    world.container.redis.delete(f"leaderboard:arranged:{{{season.tag}}}")
    move(world, player, "BR")
    world.container.board_sync.rebuild(season)
    assert _keys_with(world, season, player) == ["order", "order:country:BR"]


@ON_BOTH
def test_nothing_of_a_season_that_was_cleared_stays_in_redis(world: World) -> None:
    season = world.season_list()[0]
    world.container.standings.top()
    world.container.reconciler.reconcile(pause=0)
    world.container.rankings.clear(season)
    keys = world.container.redis.keys(f"*{{{season.tag}}}*")
    assert [key for key in keys if world.container.redis.ttl(key) < 0] == []


def test_a_board_from_before_there_was_an_order_is_rebuilt(world: World) -> None:
    season = world.season_list()[0]
    world.container.redis.delete(*world.container.redis.keys("leaderboard:order:*"))
    world.container.redis.delete(*world.container.redis.keys("leaderboard:arranged:*"))
    assert season.board in world.container.board_sync.repair()
    truth = truth_of(world, season, SEGMENTS[1])
    assert len(truth.rows) > 3
    assert rows_of(world.container.board_pages.page(season, 100, None, SEGMENTS[1]).standings) == truth.rows
