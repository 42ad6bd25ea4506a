"""Judging players again from the ledger, in the background: what the first look missed becomes a case for a person.

Nothing else follows: a review refuses nothing, suspends nobody, and leaves the suspicion that redemptions are judged by
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.review import ReviewResult, review
from anticheat.rules import ActionTypeLimits
from anticheat.verdict import Thresholds
from app.stores.moderation.play_reviews import Dossier, ReviewStore, TypeLimits
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.review")

# Events don't become visible in the order of their times, so each review begins a little before the last one's end. A
# redemption is one statement with a time limit of seconds.
_OVERLAP = timedelta(minutes=2)
_STEP = timedelta(hours=1)
# Further ahead than this, what has been reviewed is from before the clock was set back. Less is within the overlap.
_AHEAD = timedelta(minutes=1)
# Players are read together until there are so many completions of theirs.
_AT_ONCE = 20_000
# An action that was issued this soon after its type's limits changed may have been given the ones before.
_CHANGE_SECONDS = 1.0
# After so many half-lives nothing is left: a 30 is 0.00003.
_HALF_LIVES = 20
_NO_LIMITS = ActionTypeLimits(0.0, burst=HISTORY_LENGTH + 1, per_minute=HISTORY_LENGTH + 1)

Done = Callable[[int], None]


@dataclass(slots=True)
class Reviewed:
    """What a review did; `cases` are those it opened: `{"player_id", "case_id", "suspicion", "rules"}` each."""

    players: set[UUID] = field(default_factory=set)
    redemptions: int = 0
    signals: int = 0
    cases: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Reviewed) -> None:
        """Count another one too."""
        self.players |= other.players
        self.redemptions += other.redemptions
        self.signals += other.signals
        self.cases += other.cases


class Review:
    """`lag_seconds` is how old a replica may be that is read from; `quarantine`: hold what is scored under a case."""

    def __init__(
        self,
        database: Database,
        patient: Replicas,
        *,
        thresholds: Thresholds,
        lag_seconds: float,
        quarantine: bool,
    ) -> None:
        self._db, self._patient, self._thresholds, self._quarantine = database, patient, thresholds, quarantine
        self._overlap = _OVERLAP + timedelta(seconds=lag_seconds)
        self._store = ReviewStore()

    def go_on(self) -> Reviewed:
        """Review what was redeemed since the last time. Nothing to do while another is at it."""
        total = Reviewed()
        with self._db.transaction() as connection:
            now = self._store.progress(connection)[1]
        while self._step(now, total):
            pass
        return total

    def _step(self, now: datetime, total: Reviewed) -> bool:
        """An hour of the ledger at most; True if there is more."""
        with self._db.transaction() as connection:
            if not self._store.lock(connection):
                return False
            since, _ = self._store.progress(connection)
            if since > now + _AHEAD:
                since = now - _STEP
            until = min(now, since + _STEP)
            if until <= since:
                return False
            self._review(since - self._overlap, until, None, total)
            self._store.keep_progress(connection, until)
        return until < now

    def again(self, since: datetime, *, player_id: UUID | None = None, done: Done = lambda count: None) -> Reviewed:
        """Review what was redeemed since then, of one player or of all; may run beside the other."""
        total = Reviewed()
        with self._db.transaction() as connection:
            now = self._store.progress(connection)[1]
        while since < now:
            until = min(now, since + (_STEP if player_id is None else now - since))
            self._review(since, until, player_id, total, done)
            since = until
        return total

    def _review(
        self, since: datetime, until: datetime, player_id: UUID | None, total: Reviewed, done: Done = lambda count: None
    ) -> None:
        found = self._patient.patiently(lambda source: self._review_on(source, since, until, player_id, done))
        total.add(found)

    def _review_on(
        self, source: Database, since: datetime, until: datetime, player_id: UUID | None, done: Done
    ) -> Reviewed:
        found = Reviewed()
        evidence_since = since - timedelta(seconds=_HALF_LIVES * self._thresholds.half_life)
        with self._store.ledger(source) as ledger:
            active, limits = ledger.active(since, until, player_id), ledger.limits()
        for some in together(active):
            with self._store.ledger(source) as ledger:
                dossiers = ledger.dossiers(some, since, until, evidence_since)
            for dossier in dossiers:
                self._judge(dossier, limits, found)
            done(found.redemptions)
        return found

    def _judge(self, dossier: Dossier, limits: dict[str, TypeLimits], total: Reviewed) -> None:
        def limits_of(attempt: Completion) -> ActionTypeLimits:
            of_type = limits[attempt.action_type]
            return of_type.limits if attempt.issued_at > of_type.since + _CHANGE_SECONDS else _NO_LIMITS

        finding = review(dossier.tries, dossier.kept, limits_of, self._thresholds)
        total.players.add(dossier.player_id)
        total.redemptions += sum(one.again for one in dossier.tries)
        if finding.new or (finding.peak >= self._thresholds.flag and not dossier.open_case):
            self._keep(dossier, finding, total)

    def _keep(self, dossier: Dossier, finding: ReviewResult, total: Reviewed) -> None:
        player, flag = dossier.player_id, self._thresholds.flag
        with self._db.transaction() as connection:
            floor, open_case = self._store.standing_of(connection, player)
            if floor > dossier.floor:
                return  # a person has decided meanwhile
            total.signals += self._store.add_signals(connection, player, finding.new, flag)
            if finding.peak < flag:
                return
            case_id = SuspicionStore.open_case(
                connection, str(player), half_life=self._thresholds.half_life, hold=self._quarantine
            )
        if not open_case:
            rules = sorted({each.signal.rule for each, _ in finding.new} | {one.signal.rule for one in dossier.kept})
            suspicion = round(finding.peak, 1)
            total.cases.append({"player_id": player, "case_id": case_id, "suspicion": suspicion, "rules": rules})
            log.warning("case_opened_by_review", player_id=str(player), case_id=str(case_id), suspicion=suspicion)


def together(active: Sequence[tuple[UUID, int]]) -> Iterator[list[tuple[UUID, int]]]:
    """Players in parts, each with so many completions that they fit into memory."""
    part: list[tuple[UUID, int]] = []
    size = 0
    for player, count in active:
        part.append((player, count))
        size += count + HISTORY_LENGTH
        if size >= _AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part
