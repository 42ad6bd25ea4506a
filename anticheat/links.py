"""Accounts that belong together: farms, accounts that one hand plays in turns, and accounts that were handed over.

`linked_groups` is the entry point. A trait of both accounts, such as a network, is never evidence alone: it lowers the
bar for evidence of behaviour (anticheat/one_hand.py), and the same sequence of intervals needs no shared trait at all
(anticheat/in_step.py). A group is evidence for a case of each member, for a person to look at, and for nothing else.
Needs numpy, which comes with the extra `model`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from anticheat.in_step import in_step_links
from anticheat.link_data import LEAST_STRENGTH, Account, ActionTimes, Link, Sighting
from anticheat.one_hand import one_hand_links

__all__ = ["LEAST_STRENGTH", "Account", "ActionTimes", "Group", "Link", "Sighting", "group_links", "linked_groups"]

SUSPICION = 30.0
"""The points that a link adds to each account's suspicion: soft, and never up to the level at which points are held."""


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that belong together, with the links between them, the strongest first.

    `strength`: decades of likelihood of the member that is linked the least.
    """

    accounts: Sequence[str]
    links: Sequence[Link]
    strength: float

    def strongest_of(self, account: str) -> Link:
        """Return the strongest link of a member."""
        return next(link for link in self.links if account in (link.first, link.second))

    def reasons(self, account: str) -> list[str]:
        """Return the member's links in words, with the ids of the others, the strongest first."""
        return [
            f"{link.seen.replace('{other}', link.other(account))} ({link.expected})"
            for link in self.links
            if account in (link.first, link.second)
        ]


def linked_groups(accounts: Sequence[Account]) -> list[Group]:
    """Return the groups of linked accounts, from the plays, sightings and registrations of one time, at best a week."""
    return group_links([*in_step_links(accounts), *one_hand_links(accounts)])


def group_links(links: Sequence[Link]) -> list[Group]:
    """Return the groups that the links make: each member is linked to another, and no link leads out of a group."""
    group_of: dict[str, set[str]] = {}
    for link in links:
        merged = group_of.get(link.first, {link.first}) | group_of.get(link.second, {link.second})
        group_of.update(dict.fromkeys(merged, merged))
    members = {id(group): sorted(group) for group in group_of.values()}
    links_of: dict[int, list[Link]] = defaultdict(list)
    for link in sorted(links, key=lambda link: -link.strength):
        links_of[id(group_of[link.first])].append(link)
    return [_group(members[key], links_of[key]) for key in members]


def _group(members: Sequence[str], links: Sequence[Link]) -> Group:
    strengths = dict.fromkeys(members, 0.0)
    for link in links:
        for account in (link.first, link.second):
            strengths[account] = max(strengths[account], link.strength)
    return Group(members, links, min(strengths.values()))
