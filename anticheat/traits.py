"""Traits that accounts share: a network, a kind of client on it, a time of registration. None is evidence by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anticheat.link_data import DAY, Account

MOST_POOL = 14
"""In a larger pool no evidence of turns and rhythm suffices: a school, a company, a mobile network."""

BURST_SECONDS = 600.0
"""Accounts that were registered within this time of each other share a trait."""


@dataclass(frozen=True, slots=True)
class Trait:
    """A trait that the `members` share, in `words`; `since`: from which Unix time on each of them has it."""

    words: str
    members: Sequence[str]
    since: Mapping[str, float]


def traits_of(accounts: Sequence[Account]) -> list[Trait]:
    """Return the traits that at least two of the accounts share."""
    since_by_trait: dict[tuple[str, int, bytes, bytes], dict[str, float]] = defaultdict(dict)
    registered = {account.id: account.registered_at for account in accounts if account.registered_at}
    for account in accounts:
        first_days: dict[int, int] = {}
        for sighting in sorted(account.sightings, key=lambda entry: entry.day):
            key, network = sighting.key, sighting.network
            since = sighting.day * DAY if sighting.day > first_days.setdefault(key, sighting.day) else 0.0
            since_by_trait["from one network", key, network, b""].setdefault(account.id, since)
            if sighting.device:
                words = "from one network, with one kind of client"
                since_by_trait[words, key, network, sighting.device].setdefault(account.id, since)
    traits = [Trait(key[0], sorted(since), since) for key, since in since_by_trait.items()]
    bursts = burst_traits("registered within minutes", registered, {})
    for trait in traits:
        on_network = {member: registered[member] for member in trait.members if member in registered}
        bursts += burst_traits(f"{trait.words}, registered within minutes", on_network, trait.since)
    return [trait for trait in (*traits, *bursts) if len(trait.members) > 1]


def burst_traits(words: str, registered: Mapping[str, float], since: Mapping[str, float]) -> list[Trait]:
    """Return a trait for each burst of registrations: accounts within BURST_SECONDS of the one before."""
    order = sorted(registered, key=lambda account: registered[account])
    bursts: list[list[str]] = []
    for number, account in enumerate(order):
        if number and registered[account] - registered[order[number - 1]] <= BURST_SECONDS:
            bursts[-1].append(account)
        else:
            bursts.append([account])
    return [Trait(words, burst, since) for burst in bursts if len(burst) > 1]
