"""Accounts that belong together are linked, and people who share a network, a machine or an hour are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from anticheat.link_data import LEAST_STRENGTH, MOST_STRENGTH
from anticheat.links import Account, Link, group_links, linked_groups
from anticheat.one_hand import baseline_of, one_hand_links
from anticheat.suspicion import FORGIVEN_SHARE
from anticheat.traits import MOST_POOL
from tests.unit.anticheat.owners import (
    Hand,
    account,
    evenings,
    handed_over,
    household,
    in_step,
    lan_party,
    mobile_network,
    rotated,
    school,
    shared_device,
    shifts,
    strangers,
    twins,
    week,
)

Owner = Callable[[np.random.Generator], list[Account]]


def linked(accounts: list[Account]) -> set[str]:
    return {name for group in linked_groups(accounts) for name in group.accounts}


def ids(accounts: list[Account]) -> set[str]:
    return {entry.id for entry in accounts}


@pytest.mark.parametrize("jitter", [0.003, 0.02, 0.05])
@pytest.mark.parametrize("lag", [0.0, 180.0, 86_400.0])
def test_a_farm_in_step_is_one_group_whatever_the_lag_and_the_network(lag: float, jitter: float) -> None:
    rng = np.random.default_rng(1)
    farm = in_step("farm", 5, lag, jitter, rng)
    (group,) = linked_groups([*strangers(40, rng), *farm])
    assert set(group.accounts) == ids(farm)
    assert group.strength == MOST_STRENGTH
    assert "intervals between actions equal those of farm-" in group.reasons("farm-0")[0]
    if lag == 180.0:
        assert "min apart" in group.reasons("farm-0")[0]


def test_two_accounts_in_step_are_enough_to_see_it() -> None:
    pair = in_step("farm", 2, 180.0, 0.003, np.random.default_rng(2))
    assert linked(pair) == ids(pair)


@pytest.mark.parametrize(
    ("owner", "share"),
    [
        (lambda rng: shifts("owner", rng), 1.0),
        (lambda rng: handed_over("owner", rng), 0.7),
        (lambda rng: rotated("owner", 3, rng), 0.35),
    ],
    ids=["shifts", "handed over", "rotated"],
)
def test_one_hand_behind_several_accounts_is_seen(owner: Owner, share: float) -> None:
    usual = baseline_of(strangers(150, np.random.default_rng(3)))
    hits = total = 0
    for seed in range(15):
        accounts = owner(np.random.default_rng(seed))
        hits += len({name for link in one_hand_links(accounts, usual) for name in (link.first, link.second)})
        total += len(accounts)
    assert hits >= share * total


def test_the_reasons_of_one_hand_are_words_and_numbers() -> None:
    rng = np.random.default_rng(4)
    group = next(group for group in linked_groups([*strangers(100, rng), *shifts("owner", rng)]))
    reason = group.reasons("owner-0")[0]
    assert "took turns with owner-" in reason
    assert "0 of 72 turns overlapped" in reason
    assert "from one network" in reason
    assert "overlaps by chance" in reason


def test_of_a_thousand_honest_groups_almost_none_is_linked() -> None:
    rng = np.random.default_rng(5)
    groups = [household(f"home-{number}", int(rng.integers(2, 6)), rng, 2.0) for number in range(560)]
    groups += [shared_device(f"tablet-{number}", int(rng.integers(2, 4)), rng, 2.0) for number in range(250)]
    groups += [twins(f"twins-{number}", rng, 3.0) for number in range(180)]
    groups += [school(f"class-{number}", 30, rng, 3.0) for number in range(8)]
    groups += [lan_party(f"party-{number}", rng) for number in range(2)]
    accounts = [entry for group in groups for entry in group]
    assert len(groups) == 1000
    assert len(accounts) > 2500
    assert len(linked(accounts)) <= 2


def test_strangers_behind_one_mobile_network_are_not_linked() -> None:
    rng = np.random.default_rng(6)
    assert linked(mobile_network("carrier", 300, rng)) == set()


def test_a_trait_alone_is_never_evidence() -> None:
    """The same network, client and minute of registration, and no play in common."""
    rng = np.random.default_rng(7)
    together = [account(f"new-{number}", [], "home", registered_at=1.8e9 + number) for number in range(4)]
    assert linked([*strangers(20, rng), *together]) == set()


def test_the_commoner_a_trait_the_less_it_says() -> None:
    rng = np.random.default_rng(8)
    usual = baseline_of(strangers(100, rng))
    owned = shifts("owner", np.random.default_rng(2))
    neighbours = [account(f"neighbour-{number}", [], "owner") for number in range(MOST_POOL)]
    alone, some = one_hand_links(owned, usual), one_hand_links([*owned, *neighbours[:4]], usual)
    assert len(alone) == 3
    assert 0 < max(link.strength for link in some) < max(link.strength for link in alone)
    assert one_hand_links([*owned, *neighbours], usual) == []


def test_people_who_take_turns_at_one_machine_are_told_apart_by_their_rhythm() -> None:
    rng = np.random.default_rng(12)
    usual = baseline_of(strangers(100, rng))
    families = [rotated(f"home-{number}", 2, rng, people=2) for number in range(40)]
    assert [link for family in families for link in one_hand_links(family, usual)] == []


def test_accounts_that_play_at_once_are_two_hands_however_alike() -> None:
    rng = np.random.default_rng(9)
    usual, hand = baseline_of(strangers(100, rng)), Hand.drawn(rng)
    sessions = evenings(rng, 8)
    pair = [account(f"twin-{number}", week(hand, rng, sessions), "home") for number in range(2)]
    assert one_hand_links(pair, usual) == []


def test_a_client_that_sets_the_pace_says_nothing() -> None:
    rng = np.random.default_rng(10)
    declared = [
        account(entry.id, entry.plays["tap"].times, cadence="client") for entry in in_step("song", 6, 60.0, 0.003, rng)
    ]
    assert linked(declared) == set()
    undeclared = in_step("bell", 24, 0.0, 0.003, rng)
    assert linked([*strangers(20, rng), *undeclared]) == set(), "most of those who play this are in step"


def test_clockwork_is_no_sequence() -> None:
    rng = np.random.default_rng(11)
    clocks = [account(f"clock-{number}", number + np.cumsum(rng.normal(3, 0.01, 800))) for number in range(4)]
    assert linked([*strangers(20, rng), *clocks]) == set()


def test_groups_hold_all_that_is_linked_to_each_other() -> None:
    links = [Link(first, second, "in step", 9.0, "{other}", "") for first, second in ("ab", "cd", "bc", "xy")]
    groups = group_links([*links, Link("a", "d", "in step", 5.0, "{other}", "")])
    assert [list(group.accounts) for group in groups] == [["a", "b", "c", "d"], ["x", "y"]]
    assert groups[0].strength == 9.0
    assert linked_groups([]) == []


def test_a_link_that_was_cleared_twice_does_not_suffice() -> None:
    assert FORGIVEN_SHARE * MOST_STRENGTH < LEAST_STRENGTH
