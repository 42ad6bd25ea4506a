"""Groups that a lock or a commit holds up, and groups whose session or whose member's greenlet is ended."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from app.stores.play.redeem_groups import MAX_WAITING
from tests.integration.boards.test_scorings import add_board
from tests.integration.redeeming.conftest import Answer, World

SCORED: Answer = ({"main": 1}, None)
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid"
_TERMINATE_ACTIVE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active'"
_CANCEL = "SELECT pg_cancel_backend(pid) FROM unnest(%s) AS pid"
"""Ends the wait for a standby: the commit stands."""


@pytest.fixture
def slow_commits(admin: psycopg.Connection[Any], redeeming: World) -> Iterator[Callable[[], list[int]]]:
    """Let commits of the process wait for a standby that isn't there. Yield a function that waits for such a wait."""
    world = redeeming
    world.redeem(world.redemptions(4))
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    admin.execute("SELECT pg_reload_conf()")
    yield lambda: world.waiting("IPC:SyncRep")
    admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
    admin.execute("SELECT pg_reload_conf()")


def test_a_lock_holds_up_its_own_player_alone(world: World) -> None:
    locked, *others = world.redemptions(30)
    with world.locked(locked):
        world.send([*others[:10], locked, *others[10:]])
        answers = world.read(len(others))
        assert answers == {redemption.number: SCORED for redemption in others}
        # While that player waits, further ones of theirs wait alone, and groups go as ever.
        again, later = world.redemption(player=locked.player), world.redemptions(12)
        world.send([later[0], again, *later[1:]])
        assert world.read(len(later)) == {redemption.number: SCORED for redemption in later}
        assert world.transactions(later) == [1, 11]
    scores = [answer for answer, _ in world.read(2).values()]
    assert sorted(score["main"] for score in scores) == [1, 2]


def test_a_redemption_that_was_alone_when_it_met_the_lock_holds_nobody_up(world: World) -> None:
    locked, *others = world.redemptions(9)
    with world.locked(locked):
        world.send([locked, *others])
        assert world.read(len(others)) == {redemption.number: SCORED for redemption in others}
        assert world.transactions(others) == [8]
    assert world.read(1) == {locked.number: SCORED}


def test_a_group_locks_player_by_player(world: World) -> None:
    first, last = sorted(world.redemptions(2), key=lambda redemption: redemption.player)
    world.redeem([first, last])
    with world.locked(first):
        world.send(world.again([world.redemption(), last, first], anew=True))
        pids = world.waiting("Lock:%")
        is_free = world.container.database.rows(
            "SELECT 1 FROM standings WHERE player_id = :player FOR UPDATE SKIP LOCKED", player=last.player
        )
        assert is_free or world.waiting("Lock:%") != pids, "the group has the last lock while it waits for the first"
    world.read(3)


def test_the_queue_is_bounded_as_the_pool_is(world: World) -> None:
    locked, *others = world.redemptions(1 + MAX_WAITING + 20)
    with world.locked(locked):
        world.send([locked, *others])
        answers = world.read(len(others))
    world.read(1)
    assert [answers[redemption.number] for redemption in others[MAX_WAITING:]] == [("TimeoutError", True)] * 20
    assert [answers[redemption.number] for redemption in others[:MAX_WAITING]] == [SCORED] * MAX_WAITING


def test_a_session_that_is_ended_before_the_commit_leaves_nothing(world: World, admin: psycopg.Connection[Any]) -> None:
    locked, *others = world.redemptions(10)
    with world.locked(locked):
        world.send([*others[:5], locked, *others[5:]])
        admin.execute(_TERMINATE, [world.waiting("Lock:%")])
        answers = world.read(10)
    assert answers.pop(others[0].number) == SCORED
    assert set(answers.values()) == {("AdminShutdown", False)}
    assert world.transactions([*others, locked]) == [1]
    assert world.redeem(world.again([locked, *others[1:]])) == [SCORED] * 9


def test_a_session_that_is_ended_after_the_commit_tells_nobody_that_nothing_was_changed(
    world: World, admin: psycopg.Connection[Any], slow_commits: Callable[[], list[int]]
) -> None:
    redemptions = world.redemptions(9)
    world.send(redemptions)
    admin.execute(_TERMINATE, [slow_commits()])
    first = world.read(1)
    admin.execute(_TERMINATE, [slow_commits()])
    answers = first | world.read(8)
    assert {certain for _, certain in answers.values()} == {False}
    assert world.transactions(redemptions) == [1, 8]
    again = world.again(redemptions)
    world.send(again)
    assert {answer for answer, _ in world.read(9).values()} == {"AlreadyRedeemed"}


def test_a_season_is_not_final_before_the_groups_that_count_in_it_have_ended(
    world: World, admin: psycopg.Connection[Any], slow_commits: Callable[[], list[int]]
) -> None:
    add_board(world.container, "race", ends="now() + interval '1 hour'")
    season = world.container.standings.season("race").id
    first, *group = world.redemptions(9, action_type=world.add_type("race", "race"))
    world.send([first, *group])
    admin.execute(_CANCEL, [slow_commits()])
    assert world.read(1) == {first.number: ({"race": 1}, None)}
    grouped = slow_commits()
    world.container.database.rows(
        "UPDATE seasons SET ends_at = clock_timestamp() WHERE id = :id RETURNING id", id=season
    )
    assert world.container.seasons.turn().closed == []
    admin.execute(_CANCEL, [grouped])
    assert world.read(8) == {redemption.number: ({"race": 1}, None) for redemption in group}
    assert world.container.seasons.turn().closed == [season]
    (late,) = world.redeem(world.redemptions(1, action_type=first.type))
    assert late == ("NoOpenBoard", False)


@pytest.mark.parametrize("victim", ["alone", "waiting"])
def test_a_greenlet_that_is_killed_takes_nobody_with_it(world: World, victim: str) -> None:
    locked, *others = world.redemptions(10)
    with world.locked(locked):
        world.send([locked, *others])
        world.waiting("Lock:%")
        killed = locked if victim == "alone" else others[4]
        world.command({"kill": killed.number})
        assert world.read(1) == {killed.number: ("killed", None)}
        left = [redemption for redemption in (locked, *others) if redemption is not killed]
        if victim == "waiting":
            assert world.read(8) == {redemption.number: SCORED for redemption in left[1:]}
    world.read(1 if victim == "waiting" else 9)
    assert [world.events(redemption) for redemption in left] == [1] * 9
    # The server goes on with the statement of one that was alone.
    assert victim == "alone" or world.events(killed) == 0
    assert world.redeem(world.again([killed]))[0][0] in ({"main": 1}, "AlreadyRedeemed")
    assert world.events(killed) == 1


def test_a_group_goes_on_without_a_member_that_is_killed(
    world: World, admin: psycopg.Connection[Any], slow_commits: Callable[[], list[int]]
) -> None:
    first, *group = world.redemptions(9)
    world.send([first, *group])
    admin.execute(_CANCEL, [slow_commits()])
    world.read(1)
    grouped = slow_commits()
    world.command({"kill": group[2].number})
    world.read(1)
    admin.execute(_CANCEL, [grouped])
    assert len(world.read(7)) == 7
    assert world.transactions(group) == [8]


def test_sessions_that_end_under_load_lose_nothing_and_score_nothing_twice(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    redemptions = world.redemptions(60, keyed=True) + world.redemptions(60, action_type=world.both)
    todo, chance = list(redemptions), random.Random(1)
    scored = set()
    for _ in range(40):
        sent = world.again(chance.sample(todo, min(40, len(todo))))
        world.send(sent)
        admin.execute(f"{_TERMINATE_ACTIVE} AND datname = %s", [world.name])
        answers = world.read(len(sent))
        for redemption in sent:
            answer, certain = answers[redemption.number]
            if isinstance(answer, dict) or answer == "AlreadyRedeemed":
                assert world.events(redemption) == 1
                scored.add(redemption.action)
            elif certain:
                assert world.events(redemption) == 0
        todo = [redemption for redemption in todo if redemption.action not in scored]
        if not todo:
            break
    assert {world.events(redemption) for redemption in redemptions if redemption.action in scored} == {1}
