"""Redemptions that wait at the same moment are one transaction, and each gets the answer that it gets alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.stores.play.redeem_groups import GROUP_SIZE
from tests.integration.redeeming.conftest import Answer, Redemption, World

SCORED: Answer = ({"main": 1}, None)


def test_those_that_wait_at_the_same_moment_are_committed_together(world: World) -> None:
    redemptions = [
        *world.redemptions(10),
        *world.redemptions(10, keyed=True),
        *world.redemptions(10, action_type=world.both),
        *world.redemptions(10, keyed=True, action_type=world.both),
    ]
    world.redeem(world.redemptions(1, action_type=world.both))  # the type is known to feed several boards now
    answers = world.redeem(redemptions)
    assert answers == [SCORED] * 20 + [({"main": 1, "cup": 1}, None)] * 20
    assert world.transactions(redemptions) == [1, len(redemptions) - 1 - GROUP_SIZE, GROUP_SIZE]
    written = world.container.database.rows(
        """
        SELECT DISTINCT points, previous_score, score, issued_at, judged_at, request_id, CAST(metadata AS text)
        FROM score_events WHERE action_id = ANY(:ids)
        """,
        ids=[redemption.action for redemption in redemptions[:20]],
    )
    assert len(written) == 1, "the first of them went alone"


def test_the_first_of_a_type_with_several_boards_ask_for_the_general_statement_after_their_group(world: World) -> None:
    newly_fed = world.add_type("newly-fed")
    redemptions = world.redemptions(8, action_type=newly_fed)
    assert world.redeem(redemptions) == [({"main": 1, "cup": 1}, None)] * 8
    assert world.transactions(redemptions) == [1] * 8


def test_a_group_works_after_its_session_has_forgotten_all_prepared_statements(world: World) -> None:
    world.redeem(world.redemptions(3))
    world.command({"rollback": True})
    world.read(1)
    redemptions = world.redemptions(9)
    assert world.redeem(redemptions) == [SCORED] * 9
    assert world.transactions(redemptions) == [1, 8]


def _use_key_before(world: World, redemption: Redemption) -> None:
    world.redeem([world.redemption(player=redemption.player, key=redemption.key)])


def _redeem_before(world: World, redemption: Redemption) -> None:
    world.redeem([redemption])


def _reach_limit_before(world: World, redemption: Redemption) -> None:
    world.container.database.rows(
        """
        INSERT INTO standings (season_id, player_id, score, changes, achieved_at)
        VALUES (:season, :player, :score, 1, now()) RETURNING 1
        """,
        season=world.main_season,
        player=redemption.player,
        score=2**53 - 1,
    )


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (_redeem_before, "AlreadyRedeemed"),
        (_use_key_before, "KeyAlreadyUsed"),
        (_reach_limit_before, "ScoreAtLimit"),
    ],
)
def test_one_that_fails_takes_nobody_with_it(
    world: World, prepare: Callable[[World, Redemption], None], error: str
) -> None:
    world.redeem(world.redemptions(1, action_type=world.both))
    group = world.redemptions(GROUP_SIZE, keyed=True, action_type=world.both)
    poisoned = group[GROUP_SIZE // 2]
    prepare(world, poisoned)
    events = world.events(poisoned)
    answers = world.redeem([world.redemption(), *group])[1:]
    assert answers.pop(GROUP_SIZE // 2)[0] == error
    assert answers == [({"main": 1, "cup": 1}, None)] * (GROUP_SIZE - 1)
    others = [redemption for redemption in group if redemption is not poisoned]
    assert world.transactions(others) == [1] * (GROUP_SIZE - 1)
    assert world.events(poisoned) == events
    world.remove_standing(poisoned)


def test_a_commit_that_fails_is_that_of_one_alone(world: World) -> None:
    group = world.redemptions(8)
    with world.refused_at_commit(group[3]):
        answers = world.redeem([world.redemption(), *group])[1:]
    assert answers.pop(3) == ("RaiseException", True)
    assert answers == [SCORED] * 7
    assert world.events(group[3]) == 0


def test_players_who_are_suspended_score_nothing_and_do_not_hold_the_others_up(world: World) -> None:
    group = world.redemptions(8)
    world.container.moderation.suspend(group[2].player, "test")
    answers = world.redeem([world.redemption(), *group])[1:]
    assert answers.pop(2) == (None, None)
    assert answers == [SCORED] * 7
    assert world.transactions(group) == [7]


def test_one_player_who_sends_several_at_once_gets_every_answer(world: World) -> None:
    others = world.redemptions(6)
    first = world.redemption(keyed=True)
    same_action = world.redemption(player=first.player, action=first.action)
    same_key = world.redemption(player=first.player, key=first.key)
    further = world.redemption(player=first.player)
    answers = [answer for answer, _ in world.redeem([*others[:3], first, same_action, same_key, further, *others[3:]])]
    assert answers[:3] + answers[7:] == [{"main": 1}] * 6
    of_player = answers[3:7]
    assert sorted(score["main"] for score in of_player if isinstance(score, dict)) in ([1, 2], [1, 2, 3])
    is_scored = [isinstance(answer, dict) for answer in of_player]
    assert is_scored in ([True, False, False, True], [False, True, True, True])
    assert of_player[1] == "AlreadyRedeemed" or of_player[0] == "AlreadyRedeemed"
    assert is_scored[2] or of_player[2] == "KeyAlreadyUsed"
    assert [world.events(redemption) for redemption in (first, same_key, further)] == [1, is_scored[2], 1]
