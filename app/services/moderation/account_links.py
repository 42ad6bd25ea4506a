"""Accounts that belong together become cases, one for each account, for a person to decide.

Nothing else follows: a link refuses nothing, suspends no player, and adds less suspicion than a hold needs. Importing
this needs numpy; `Container.account_links` says so where it is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from anticheat.in_step import in_step_links
from anticheat.link_data import DAY, LEAST_STRENGTH, Link
from anticheat.links import SUSPICION, Group, group_links
from anticheat.one_hand import baseline_of, one_hand_links
from anticheat.rules import Signal
from anticheat.suspicion import FORGIVEN_SHARE
from anticheat.traits import Trait
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.stores.moderation.account_plays import account_ledger
from app.stores.moderation.case_groups import CaseGroupStore
from app.stores.moderation.play_reviews import ReviewStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.links")

_IN_STEP_SPAN, _ONE_HAND_SPAN = timedelta(seconds=2 * DAY), timedelta(seconds=7 * DAY)
_SETTLE_TIME = timedelta(minutes=2)  # until all earlier redemptions are in the ledger and on the replicas
_BATCH_PLAYERS = 300
_MOST_NAMES = 5  # of a group, in a signal
_RULE = "linked"


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account of a group: its strongest link in words."""

    player_id: UUID
    username: str
    strength: float
    seen: str
    expected: str


@dataclass(frozen=True, slots=True)
class LinkedCaseOpened:
    """A case that a link opened, or joined."""

    player_id: UUID
    username: str
    case_id: UUID


@dataclass(slots=True)
class LinkingResult:
    """The groups of accounts that belong together, and the cases that are new in them."""

    since: datetime
    until: datetime
    groups: list[list[LinkedAccount]] = field(default_factory=list)
    cases: list[LinkedCaseOpened] = field(default_factory=list)


class AccountLinks:
    """`patient_replicas` have time limits for a week's ledger; `quarantine`: hold points scored under a case."""

    def __init__(
        self,
        database: Database,
        patient_replicas: Replicas,
        store: CaseGroupStore,
        reviews: ReviewStore,
        suspicions: SuspicionStore,
        *,
        thresholds: Thresholds,
        quarantine: bool,
        is_on: bool,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._patient_replicas, self._store = database, patient_replicas, store
        self._reviews, self._suspicions = reviews, suspicions
        self._quarantine, self._is_on, self._clock = quarantine, is_on, clock
        # A link lifts the suspicion to just below a hold at most, whatever else there is.
        self._thresholds = replace(thresholds, soft_ceiling=min(thresholds.soft_ceiling, thresholds.hold - 1))

    def find(self) -> LinkingResult:
        """Return the groups in the last days' play, and change nothing. Without links where they are switched off."""
        until = utc(self._clock()) - _SETTLE_TIME
        result = LinkingResult(until - _ONE_HAND_SPAN, until)
        result.groups = [self._members(group) for group in self._groups(until)]
        return result

    def run(self) -> LinkingResult:
        """Open or join a case for each account that is linked. A repetition adds nothing."""
        result = self.find()
        for members in result.groups:
            group_id = self._store.group_of([member.player_id for member in members])
            for member in members:
                self._record(member, members, group_id, result)
        return result

    def _groups(self, until: datetime) -> list[Group]:
        if not self._is_on:
            return []
        links: list[Link] = self._patient_replicas.read_patiently(lambda source: list(_links(source, until)))
        return group_links(links)

    def _members(self, group: Group) -> list[LinkedAccount]:
        names = self._names(group.accounts)
        members = []
        for account in group.accounts:
            link = group.strongest_of(account)
            seen = link.seen.replace("{other}", link.other(account))  # ids: a signal outlives the other's name
            members.append(LinkedAccount(UUID(account), names[account], round(link.strength, 1), seen, link.expected))
        return members

    def _names(self, accounts: Sequence[str]) -> dict[str, str]:
        rows = self._db.rows(
            "SELECT id, username FROM players WHERE id = ANY(:players)", players=[UUID(account) for account in accounts]
        )
        return {str(row.id): row.username for row in rows}

    def _record(
        self, member: LinkedAccount, members: Sequence[LinkedAccount], group_id: UUID, result: LinkingResult
    ) -> None:
        player, name = member.player_id, str(member.player_id)
        with self._db.transaction() as connection:
            floor, _ = self._reviews.lock_player(connection, player)
            forgiven = self._suspicions.forgiven(name, connection)
            share = FORGIVEN_SHARE if _RULE in forgiven else 1.0
            if floor > result.until.timestamp() or share * member.strength < LEAST_STRENGTH:
                return
            if self._store.has_open_case(connection, player, group_id):
                return
            signal = _signal(member, members)
            at = self._clock()
            suspicion = self._suspicions.add(connection, name, [signal], at, self._thresholds, forgiven)
            self._store.add_signal(connection, player, signal, suspicion=suspicion.value, at=utc(at))
            case_id = self._suspicions.open_case(
                connection,
                name,
                half_life=self._thresholds.half_life,
                hold=self._quarantine,
                since=max(result.since, utc(floor)),
            )
            self._store.add_case(connection, case_id, group_id)
        result.cases.append(LinkedCaseOpened(player, member.username, case_id))
        log.info("case_opened_by_link", player_id=name, case_id=str(case_id), accounts=len(members))


def _signal(member: LinkedAccount, members: Sequence[LinkedAccount]) -> Signal:
    """Return the member's strongest link as a signal that names the other accounts of the group."""
    others = [str(other.player_id) for other in members if other.player_id != member.player_id]
    more = f" and {len(others) - _MOST_NAMES:,} more" if len(others) > _MOST_NAMES else ""
    seen = f"{member.seen}; linked accounts: {', '.join(others[:_MOST_NAMES])}{more}"
    return Signal(_RULE, seen, member.expected, SUSPICION)


def _links(source: Database, until: datetime) -> Iterator[Link]:
    """Yield all links in the last days' play: sequences among all accounts, and one hand where a trait is shared."""
    with account_ledger(source) as ledger:
        accounts = ledger.accounts(until - _IN_STEP_SPAN, until)
        yield from in_step_links(accounts)
        usual = baseline_of(accounts)
        del accounts
        for traits in _batches(ledger.traits(until)):
            players = {UUID(member) for trait in traits for member in trait.members}
            week = ledger.accounts(until - _ONE_HAND_SPAN, until, sorted(players))
            yield from one_hand_links(week, usual, traits)


def _batches(traits: Iterable[Trait]) -> Iterator[list[Trait]]:
    """Yield batches of traits whose players' weeks fit into memory together."""
    batch: list[Trait] = []
    size = 0
    for trait in traits:
        batch.append(trait)
        size += len(trait.members)
        if size >= _BATCH_PLAYERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
