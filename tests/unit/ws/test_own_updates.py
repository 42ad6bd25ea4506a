"""The players' own standings: who gets them, when, and from how many reads. The clock is moved by the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.boards import Season, Standing
from app.errors import Unavailable
from app.services.boards.own_standings import OwnReading
from app.ws.hub import Hub
from app.ws.messages import error
from app.ws.outbound import offer_all
from app.ws.own_updates import OwnUpdates
from tests.parts.wire import until
from tests.unit.ws.conftest import Guest, rows

Make = Callable[..., Guest]


@dataclass
class World:
    """A board's standings, which the test changes, and the reads of them."""

    hub: Hub
    ranks: dict[UUID, int] = field(default_factory=dict)
    total: int = 10
    changes: int = 0
    now: float = 100.0
    is_down: bool = False
    reads: list[list[UUID]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.updates = OwnUpdates(self.hub, self._read, lambda boards: [self.changes] * len(boards), lambda: self.now)

    def _read(self, board: str, players: Sequence[UUID], last: OwnReading | None) -> OwnReading:
        self.reads.append(list(players))
        if self.is_down:
            raise Unavailable()
        standings = {
            player: Standing(rank, player, "Ada", 1000 - rank, None)
            for player, rank in self.ranks.items()
            if player in players
        }
        return OwnReading(Season(1, board, 1), standings, self.total, {})

    def place(self, rank: int) -> UUID:
        """Add a player with this rank."""
        player = uuid4()
        self.ranks[player] = rank
        return player

    def change(self, *, seconds: float = 1.0) -> None:
        """Let time pass, announce a change, and send what is due."""
        self.now += seconds
        self.changes += 1
        self.hub.change("main", self.changes, rows(self.changes), [])
        self.updates.tick()


@pytest.fixture
def world(hub: Hub) -> World:
    return World(hub)


def told(guest: Guest) -> list[tuple[Any, ...]]:
    """Return (rank, previous rank, score, total) of every standing that came so far."""
    guest.wire.read()
    names = ("rank", "previous_rank", "score", "total")
    updates = [message for message in guest.wire.messages if message["type"] == "standing.update"]
    assert all(update["meta"] == {"code": 200, "board": "main"} for update in updates)
    return [tuple(update["data"][name] for name in names) for update in updates]


def test_a_subscriber_who_asked_is_told_at_once_and_then_what_changed(world: World, guest: Make) -> None:
    player = world.place(3)
    ada, bob = guest().join(player=player, me=True), guest().join(player=player)
    world.updates.tick()
    assert told(ada) == [(3, None, 997, 10)]
    world.change()
    assert len(told(ada)) == 1, "nothing of it has changed"
    world.ranks[player] = 1
    world.change()
    world.total = 11
    world.change()
    assert told(ada) == [(3, None, 997, 10), (1, 3, 999, 10), (1, 1, 999, 11)]
    assert told(bob) == []


def test_the_first_message_is_the_board(world: World, guest: Make) -> None:
    ada = guest().join(player=world.place(1), me=True)
    world.updates.tick()
    until(lambda: bool(told(ada)))
    assert [message["type"] for message in ada.wire.messages] == ["leaderboard.initial", "standing.update"]


def test_changes_within_a_second_are_one_message_at_its_end(world: World, guest: Make) -> None:
    player = world.place(9)
    ada = guest().join(player=player, me=True)
    world.updates.tick()
    for rank in (8, 7, 6):
        world.ranks[player] = rank
        world.change(seconds=0.25)
    assert told(ada) == [(9, None, 991, 10)]
    world.now += 0.25
    world.updates.tick()
    assert told(ada)[1:] == [(6, 9, 994, 10)]
    world.now += 5
    world.updates.tick()
    assert len(told(ada)) == 2


def test_all_subscribers_of_a_board_are_read_together_and_each_player_once(world: World, guest: Make) -> None:
    players = [world.place(rank) for rank in range(1, 31)]
    guests = [guest().join(player=player, me=True) for player in players + players[:5]]
    guest().join()
    guest().watch()
    world.updates.tick()
    assert world.reads == [players]
    assert [told(member)[0][0] for member in guests] == [*range(1, 31), *range(1, 6)]
    world.change()
    assert len(world.reads) == 2


def test_a_board_on_which_nobody_asked_is_not_read(world: World, guest: Make) -> None:
    guest().join(player=world.place(1))
    guest().watch()
    world.change()
    world.change(seconds=60)
    assert world.reads == []


def test_a_reader_that_stands_still_delays_nobody_and_gets_the_newest_later(world: World, guest: Make) -> None:
    sleepy, awake = world.place(5), world.place(6)
    sleeper = guest(send_buffer=4096).join(player=sleepy, me=True)
    ada = guest().join(player=awake, me=True)
    world.updates.tick()
    while not sleeper.subscriber.outbound.backlog:
        offer_all([sleeper.subscriber.outbound], error(400, "x", "y" * 100))
    for rank in (4, 3):
        world.ranks |= {sleepy: rank, awake: rank + 10}
        world.change()
    assert [rank for rank, *_ in told(ada)] == [6, 14, 13]
    assert sleeper.subscriber.outbound.backlog <= 2, "nothing is kept for it but the newest board"
    for _ in range(2):  # until no look finds a change
        world.now += 2
        world.updates.tick()
    reads = len(world.reads)
    sleeper.wire.read_until(lambda: not sleeper.subscriber.outbound.backlog)
    world.now += 1
    world.updates.tick()
    until(lambda: [update[:2] for update in told(sleeper)] == [(5, None), (3, 5)])
    assert len(world.reads) == reads, "it gets what was read for the others"


def test_a_renewed_subscribe_tells_nothing_twice_and_another_player_or_board_starts_over(
    world: World, guest: Make
) -> None:
    player, other = world.place(2), world.place(7)
    ada = guest().join(player=player, me=True)
    world.updates.tick()
    world.now += 1
    ada.join(player=player, me=True)
    world.updates.tick()
    assert told(ada) == [(2, None, 998, 10)]
    world.now += 1
    ada.join(player=other, me=True)
    world.updates.tick()
    assert told(ada)[1:] == [(7, None, 993, 10)]
    ada.join(player=other)
    world.ranks[other] = 8
    world.change()
    assert len(told(ada)) == 2, "the last subscribe did not ask"


def test_a_change_of_which_no_message_came_is_found_by_its_count(world: World, guest: Make) -> None:
    player = world.place(2)
    ada = guest().join(player=player, me=True)
    world.updates.tick()
    world.now += 60
    world.updates.tick()
    world.ranks[player], world.changes = 1, 1
    reads = len(world.reads)
    for _ in range(2):  # it looks, then sends
        world.now += 60
        world.updates.tick()
    assert told(ada) == [(2, None, 998, 10), (1, 2, 999, 10)]
    world.now += 60
    world.updates.tick()
    assert len(world.reads) == reads + 1, "a board that rests is not read"


def test_while_a_store_is_away_the_standings_wait(world: World, guest: Make) -> None:
    player = world.place(2)
    ada = guest().join(player=player, me=True)
    world.is_down = True
    for _ in range(3):
        world.now += 1
        with pytest.raises(Unavailable):
            world.updates.tick()
    world.is_down = False
    world.now += 1
    world.updates.tick()
    assert told(ada) == [(2, None, 998, 10)]


def test_a_player_whose_points_are_held_is_not_behind_the_last(world: World, guest: Make) -> None:
    ada = guest().join(player=world.place(11), me=True)
    world.updates.tick()
    assert told(ada) == [(11, None, 989, 11)]


def test_one_who_left_meanwhile_is_not_told(world: World, guest: Make) -> None:
    ada = guest().join(player=world.place(1), me=True)
    ada.watch()
    world.updates.tick()
    assert world.reads == []
    assert told(ada) == []
