"""The watch on gain: players who gain unusually much in 24 hours, or enter a podium, are assessed within seconds.

It reads the ledger behind the redemptions, which don't wait for it. Running sums by player and hour make each pass cost
what was scored since the last one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

import sqlalchemy as sa
import structlog

from anticheat.gain import (
    GAIN_PARAMETERS,
    GainAssessment,
    GainEvidence,
    GainLimits,
    assess_gain,
    gain_limits,
    podium_places,
    points_to_next,
    tireless_points_per_hour,
)
from anticheat.suspicion import decayed
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.errors import Conflict, NotFound, Unavailable
from app.services.moderation.gain_words import describe_gain
from app.services.moderation.holds import results_by_player
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.gain import Entrant, GainCandidate, GainedDay, GainStore
from app.stores.moderation.gain_limits import GainLimitStore, HighGain
from app.stores.moderation.play_reviews import ReviewStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.gain")

_BATCH = 20_000  # events of one pass, when it is far behind
_SECONDS = 20.0  # the time that one call takes at most, to catch up
_PAUSE_SECONDS = 600.0  # until a player who still gains much is looked at again, if not much was added
_REQUEST_ID = "gain"


class ScoredDay(Protocol):
    """The learned model's view of a player's last day: its evidence about the hand."""

    @property
    def hand(self) -> float: ...


@dataclass(slots=True)
class GainSummary:
    """The result of a pass: events that were added to the sums, players looked at, and the cases and holds."""

    events: int = 0
    looks: int = 0
    cases: list[UUID] = field(default_factory=list)
    holds: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GainView:
    """The limits in force, and the players above the one from which to look."""

    is_on: bool
    limits: GainLimits
    source: str
    above: list[HighGain]


class GainWatch:
    """`assess_day` asks the learned model about a player's last day; it raises a refusal without a model or plays.

    `is_on`: assess, and not only keep the sums. `quarantine`: hold points scored under a case.
    """

    def __init__(
        self,
        database: Database,
        store: GainStore,
        limits: GainLimitStore,
        reviews: ReviewStore,
        suspicions: SuspicionStore,
        quarantine_store: QuarantineStore,
        outbox: OutboxStore,
        catalog: CatalogStore,
        assess_day: Callable[[UUID], ScoredDay],
        *,
        thresholds: Thresholds,
        multiple: float,
        is_on: bool,
        quarantine: bool,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._store, self._limits, self._reviews = database, store, limits, reviews
        self._suspicions, self._quarantine, self._outbox, self._catalog = suspicions, quarantine_store, outbox, catalog
        self._assess_day, self._thresholds, self._clock = assess_day, thresholds, clock
        self._parameters = replace(GAIN_PARAMETERS, multiple=multiple)
        self._is_on, self._hold_cases = is_on, quarantine
        self._answered_hour, self._answered = 0, set[UUID]()  # the players whom the model has judged in this hour

    def watch(self) -> GainSummary:
        """Look at the players of the events since the last pass. A pass that is repeated changes nothing."""
        summary = GainSummary()
        deadline = time.monotonic() + _SECONDS
        while self._pass(summary) and time.monotonic() < deadline:
            pass
        return summary

    def view(self) -> GainView:
        """Return the limits in force, and who is above them."""
        limits = self._store.position().limits or self.compute_limits()
        return GainView(self._is_on, limits, limits.source, self._limits.above(limits.high, 100))

    def compute_limits(self) -> GainLimits:
        """Return the limits that the honest accounts' last days give now."""
        tireless = tireless_points_per_hour(self._limits.action_types(), self._parameters)
        return gain_limits(self._limits.honest_days(), tireless, self._parameters)

    def _pass(self, summary: GainSummary) -> bool:
        """Handle a batch of events; return whether there are more that are settled."""
        position = self._store.position()
        until = min(position.cursor + _BATCH, position.settled)
        has_more = until < position.settled
        limits = self._limits_in_force(position.limits, position.limits_are_new)
        if position.newest > position.cursor and self._is_on:
            self._look_at_all(position.cursor, until if has_more else position.newest, limits, summary)
        if until > position.cursor:
            self._store.fold(position.cursor, until)
            summary.events += until - position.cursor
        return has_more

    def _limits_in_force(self, limits: GainLimits | None, are_new: bool) -> GainLimits:
        if limits is not None and are_new:
            return limits
        limits = self.compute_limits()
        self._limits.store_limits(limits)
        return limits

    def _look_at_all(self, after: int, until: int, limits: GainLimits, summary: GainSummary) -> None:
        entrants = [entrant for season in self._catalog.open_seasons() for entrant in self._entrants(season.id)]
        entries: dict[UUID, list[Entrant]] = defaultdict(list)
        for entrant in entrants:
            entries[entrant.player_id].append(entrant)
        candidates = self._store.candidates(after, until, limits.high, entrants, _PAUSE_SECONDS)
        by_player = {candidate.player_id: candidate for candidate in candidates}
        results = results_by_player(
            by_player, lambda player: self._look(by_player[player], entries[player], limits, summary)
        )
        summary.looks += len(results)

    def _entrants(self, season_id: int) -> list[Entrant]:
        most = int(self._parameters.places / self._parameters.share_of_players)
        places = podium_places(self._store.players_up_to(season_id, most), self._parameters)
        return self._store.entrants(season_id, places) if places else []

    def _look(
        self, candidate: GainCandidate, entries: Sequence[Entrant], limits: GainLimits, summary: GainSummary
    ) -> None:
        day = self._store.day(candidate, self._thresholds.flag, self._thresholds.half_life)
        place = min((entry.place for entry in entries), default=None)
        assessment = assess_gain(
            day.points,
            place,
            limits,
            self._evidence(candidate, day),
            accepted=day.accepted,
            parameters=self._parameters,
        )
        if assessment.outcome != "nothing":
            self._record(candidate.player_id, day, place, limits, assessment, summary)
        next_points = candidate.points + points_to_next(day.points, limits, day.accepted)
        self._store.note_look(candidate, next_points, entries)

    def _evidence(self, candidate: GainCandidate, day: GainedDay) -> GainEvidence:
        suspicion = decayed(self._suspicions.get(str(candidate.player_id)), self._clock(), self._thresholds.half_life)
        by_rules = max(0.0, suspicion - day.by_model)
        return GainEvidence(by_rules, self._thresholds.flag, day.has_case, self._hand(candidate.player_id))

    def _hand(self, player: UUID) -> float | None:
        """Return the learned model's evidence about the hand; None without an answer, or after one in this hour."""
        hour = int(self._clock() // 3600)
        if hour != self._answered_hour:
            self._answered_hour, self._answered = hour, set()
        if player in self._answered:
            return None
        try:
            hand = self._assess_day(player).hand
        except (Conflict, NotFound, Unavailable):  # no model, or too few plays yet
            return None
        self._answered.add(player)
        return hand

    def _record(
        self,
        player: UUID,
        day: GainedDay,
        place: int | None,
        limits: GainLimits,
        assessment: GainAssessment,
        summary: GainSummary,
    ) -> None:
        is_hold = assessment.outcome == "hold"
        with self._db.transaction() as connection:
            floor, _ = self._reviews.lock_player(connection, player)
            earlier_outcomes = self._store.outcomes_of(connection, player)
            if utc(floor) > day.since or "hold" in earlier_outcomes or (earlier_outcomes and not is_hold):
                return  # decided meanwhile, or noticed before
            finding = describe_gain(day.points, place, limits, assessment)
            outcome = "hold" if is_hold else "flag"
            self._store.add_signal(connection, player, finding.rule, finding.seen, finding.expected, outcome)
            case_id = self._suspicions.open_case(
                connection,
                str(player),
                half_life=self._thresholds.half_life,
                hold=self._hold_cases and not is_hold,
                since=day.since,
            )
            self._store.note_points(connection, case_id, day.points)
            if is_hold:
                self._hold(connection, player, day.since)
        (summary.holds if is_hold else summary.cases).append(player)
        log.info("gain_noticed", player_id=str(player), case_id=str(case_id), points=day.points, outcome=outcome)

    def _hold(self, connection: sa.Connection, player: UUID, since: datetime) -> None:
        held_seasons = self._quarantine.reach_back(connection, player, since, hold_id=uuid4(), lasts=True)
        self._outbox.add_standings(connection, player, _REQUEST_ID, held_seasons)
