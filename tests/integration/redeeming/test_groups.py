"""Redemptions that wait at the same moment are one transaction, and each gets the answer that it gets alone."""

from __future__ import annotations

from app.stores.play.redeem_groups import GROUP_SIZE
from tests.integration.redeeming.conftest import World


def test_those_that_wait_at_the_same_moment_are_committed_together(world: World) -> None:
    redemptions = [
        *world.redemptions(10),
        *world.redemptions(10, keyed=True),
        *world.redemptions(10, action_type=world.match),
        *world.redemptions(10, keyed=True, action_type=world.match),
    ]
    world.redeem(world.redemptions(12, action_type=world.match))  # it is known as a type of several boards now
    answers = world.redeem(redemptions)
    assert answers[:20] == [({"main": 1}, None)] * 20
    assert answers[20:] == [({"main": 1, "cup": 1}, None)] * 20
    assert world.transactions(redemptions) == [1, len(redemptions) - 1 - GROUP_SIZE, GROUP_SIZE]
