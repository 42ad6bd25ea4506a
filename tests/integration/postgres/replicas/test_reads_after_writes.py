"""A player reads what they wrote or saw before, though a replica may lack it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.containers.container import Container
from app.stores.boards.top_list_store import NewTop
from devstack.replica import Replica
from tests.integration.postgres.replicas.parts import commit, redeem, scores_of, season_of
from tests.parts.waiting import eventually


def test_what_one_wrote_is_seen_though_no_replica_has_it(
    container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    for replica in replicas:
        replica.pause_replay()
    for turn in range(1, 4):
        redeem(container, ready[0], 100)
        assert near.standings.standing(ready[0]).score == 10 + 100 * turn


def test_what_one_saw_on_a_board_is_seen_though_redis_was_never_told(
    container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    for replica in replicas:
        replica.pause_replay()
    commit(container, ready[0], 100)
    assert near.standings.standing(ready[0]).score == 10, "a replica answers while nobody has seen more"
    assert scores_of(near) == [110, 12, 11]
    assert near.standings.standing(ready[0]).score == 110


def test_what_one_saw_of_ones_account_is_seen_though_redis_was_never_told(
    container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    for replica in replicas:
        replica.pause_replay()
    commit(container, ready[0], 100)
    assert near.standings.profile(ready[0])["score"] == 110
    assert near.standings.standing(ready[0]).score == 110


def test_what_one_replica_showed_is_not_missing_on_the_other(
    container: Container, near: Container, replicas: list[Replica], ready: list[UUID]
) -> None:
    replicas[0].pause_replay()
    commit(container, ready[0], 100)
    eventually(lambda: replicas[1].lag_bytes() == 0)
    scores = [near.standings.standing(ready[0]).score for _ in range(6)]
    assert scores == sorted(scores)
    assert scores[-1] == 110


def test_a_list_that_was_read_while_another_was_is_read_again(container: Container, ready: list[UUID]) -> None:
    season, store = season_of(container), container.standing_store
    (late,), after = store.next_versions(1)
    _, later = store.next_versions(1)
    _, earlier_until = store.tops_with_position([season], 10)
    commit(container, ready[0], 100)
    _, until = store.tops_with_position([season], 10)
    cached, _ = container.rankings.lists.top(season, 10)
    assert cached is not None
    assert container.rankings.lists.put([NewTop(season, replace(cached, version=late))], 10, after, until) == [""]
    higher = replace(cached, version=late + 1)
    assert container.rankings.lists.put([NewTop(season, higher)], 10, later, earlier_until) != [""], (
        "it has not seen the redemption"
    )
    assert container.standings.build([season])[0].version > late
