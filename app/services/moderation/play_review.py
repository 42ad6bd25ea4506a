"""Reviews of players' play from the ledger, in the background: cheating missed at first becomes a case for a moderator.

Nothing else follows: a review refuses nothing, suspends no player, and does not change the suspicion that redemptions
are judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
# Progress further ahead than this means that the clock was set back. Less is within the overlap.
_AHEAD = timedelta(minutes=1)
# Players are read in batches that end at so many completions.
_BATCH_COMPLETIONS = 20_000
# An action that was issued this soon after its type's limits changed may still have the earlier limits.
_CHANGE_SECONDS = 1.0
# After so many half-lives no suspicion is left: 30 becomes 0.00003.
_HALF_LIVES = 20
_NO_LIMITS = ActionTypeLimits(0.0, burst=HISTORY_LENGTH + 1, per_minute=HISTORY_LENGTH + 1)

ProgressCallback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A case that a review opened: the suspicion at its peak, and the rules of the signals."""

    player_id: UUID
    case_id: UUID
    suspicion: float
    rules: list[str]


@dataclass(slots=True)
class ReviewSummary:
    """The result of a review; `cases` are those it opened."""

    players: set[UUID] = field(default_factory=set)
    redemptions: int = 0
    signals: int = 0
    cases: list[ReviewCase] = field(default_factory=list)

    def add(self, result: ReviewSummary) -> None:
        """Add the counts of another result."""
        self.players |= result.players
        self.redemptions += result.redemptions
        self.signals += result.signals
        self.cases += result.cases


class Review:
    """`lag_seconds` is the largest age of a replica to read from; `quarantine`: hold points scored under a case."""

    def __init__(
        self,
        database: Database,
        patient_replicas: Replicas,
        store: ReviewStore,
        suspicions: SuspicionStore,
        *,
        thresholds: Thresholds,
        lag_seconds: float,
        quarantine: bool,
    ) -> None:
        self._db, self._patient_replicas, self._thresholds, self._quarantine = (
            database,
            patient_replicas,
            thresholds,
            quarantine,
        )
        self._overlap = _OVERLAP + timedelta(seconds=lag_seconds)
        self._store, self._suspicions = store, suspicions

    def review_new(self) -> ReviewSummary:
        """Review the redemptions since the last time; do nothing while another process does that."""
        total = ReviewSummary()
        with self._db.transaction() as connection:
            now = self._store.progress(connection)[1]
        while self._step(now, total):
            pass
        return total

    def _step(self, now: datetime, total: ReviewSummary) -> bool:
        """Review at most an hour of the ledger; return whether there is more."""
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
            self._store.store_progress(connection, until)
        return until < now

    def review_again(
        self, since: datetime, *, player_id: UUID | None = None, on_progress: ProgressCallback = lambda count: None
    ) -> ReviewSummary:
        """Review the redemptions since then, of one player or of all. It may run beside `review_new`."""
        total = ReviewSummary()
        with self._db.transaction() as connection:
            now = self._store.progress(connection)[1]
        while since < now:
            until = min(now, since + (_STEP if player_id is None else now - since))
            self._review(since, until, player_id, total, on_progress)
            since = until
        return total

    def _review(
        self,
        since: datetime,
        until: datetime,
        player_id: UUID | None,
        total: ReviewSummary,
        on_progress: ProgressCallback = lambda count: None,
    ) -> None:
        result = self._patient_replicas.read_patiently(
            lambda source: self._review_on(source, since, until, player_id, on_progress)
        )
        total.add(result)

    def _review_on(
        self, source: Database, since: datetime, until: datetime, player_id: UUID | None, on_progress: ProgressCallback
    ) -> ReviewSummary:
        result = ReviewSummary()
        evidence_since = since - timedelta(seconds=_HALF_LIVES * self._thresholds.half_life)
        with self._store.ledger(source) as ledger:
            players, limits = ledger.active_players(since, until, player_id), ledger.limits()
        for batch in batches(players):
            with self._store.ledger(source) as ledger:
                dossiers = ledger.dossiers(batch, since, until, evidence_since)
            for dossier in dossiers:
                self._judge(dossier, limits, result)
            on_progress(result.redemptions)
        return result

    def _judge(self, dossier: Dossier, limits: dict[str, TypeLimits], total: ReviewSummary) -> None:
        def limits_of(attempt: Completion) -> ActionTypeLimits:
            type_limits = limits[attempt.action_type]
            return type_limits.limits if attempt.issued_at > type_limits.since + _CHANGE_SECONDS else _NO_LIMITS

        finding = review(dossier.counted_tries, dossier.counted_evidence, limits_of, self._thresholds, dossier.forgiven)
        total.players.add(dossier.player_id)
        total.redemptions += sum(reviewed_try.should_judge for reviewed_try in dossier.tries)
        if finding.new or (finding.peak >= self._thresholds.flag and not dossier.has_open_case):
            self._record(dossier, finding, total)

    def _record(self, dossier: Dossier, finding: ReviewResult, total: ReviewSummary) -> None:
        player, flag = dossier.player_id, self._thresholds.flag
        with self._db.transaction() as connection:
            floor, has_open_case = self._store.lock_player(connection, player)
            if floor > dossier.floor:
                return  # a moderator has decided meanwhile
            total.signals += self._store.add_signals(connection, player, finding.new, flag)
            if finding.peak < flag:
                return
            case_id = self._suspicions.open_case(
                connection, str(player), half_life=self._thresholds.half_life, hold=self._quarantine
            )
        if not has_open_case:
            rules = sorted(
                {evidence.signal.rule for evidence, _ in finding.new}
                | {evidence.signal.rule for evidence in dossier.counted_evidence}
            )
            suspicion = round(finding.peak, 1)
            total.cases.append(ReviewCase(player, case_id, suspicion, rules))
            log.info("case_opened_by_review", player_id=str(player), case_id=str(case_id), suspicion=suspicion)


def batches(players: Sequence[tuple[UUID, int]]) -> Iterator[list[tuple[UUID, int]]]:
    """Yield batches of players, each with so many completions that they fit into memory."""
    batch: list[tuple[UUID, int]] = []
    size = 0
    for player, count in players:
        batch.append((player, count))
        size += count + HISTORY_LENGTH
        if size >= _BATCH_COMPLETIONS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
