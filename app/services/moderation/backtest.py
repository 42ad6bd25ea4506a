"""Trials of thresholds and rule numbers on past play. Only reads, from a replica if there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from anticheat.backtest import BacktestResult, Rules, backtest, with_changes
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.errors import InvalidRequest
from app.services.moderation.play_review import batches
from app.stores.moderation.play_reviews import Dossier, PlayerOutcome, ReviewStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

# Play of so many half-lives before that time is judged too, without being counted.
_WARM_UP_HALF_LIVES = 6
WORDS = ("flagged", "held", "refused", "suspended")

ProgressCallback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class OutcomeComparison:
    """One player's `actual` outcome, and the `simulated` outcome under the tested rules."""

    actual: PlayerOutcome
    simulated: BacktestResult

    @property
    def actual_words(self) -> frozenset[str]:
        """Return the WORDS that apply to the actual outcome."""
        flags = (
            self.actual.flagged_at is not None or self.actual.refused > 0,
            self.actual.held_at is not None,
            self.actual.refused > 0,
            self.actual.suspended_at is not None,
        )
        return frozenset(word for word, applies in zip(WORDS, flags, strict=True) if applies)

    @property
    def simulated_words(self) -> frozenset[str]:
        """Return the WORDS that apply to the outcome under the tested rules."""
        flags = (
            self.simulated.flagged_at is not None,
            self.simulated.held_at is not None,
            self.simulated.refused > 0,
            self.simulated.suspended_at is not None,
        )
        return frozenset(word for word, applies in zip(WORDS, flags, strict=True) if applies)

    def as_row(self) -> dict[str, object]:
        """Return the row that `flask anticheat backtest` prints."""
        return {
            "username": self.actual.username,
            "player_id": self.actual.player_id,
            "was": sorted(self.actual_words),
            "would_be": sorted(self.simulated_words),
            "refused_then": self.actual.refused,
            "refused_now": self.simulated.refused,
            "prevented": self.simulated.prevented,
            "suspended_at": utc(self.simulated.suspended_at) if self.simulated.suspended_at is not None else None,
            "peak": round(self.simulated.peak, 1),
            "rules": list(self.simulated.rules),
            "decided": self.actual.decided,
        }


@dataclass(slots=True)
class Report:
    """The result of a backtest with `rules`; `compared` has the players with an outcome before or after."""

    since: datetime
    until: datetime
    rules: Rules
    players: int = 0
    redemptions: int = 0
    prevented: int = 0
    compared: list[OutcomeComparison] = field(default_factory=list)

    def counts(self) -> list[dict[str, object]]:
        """Count players by word: `{"players", "was", "would_be", "both", "only_then", "only_now"}` each."""
        rows: list[dict[str, object]] = []
        for word in WORDS:
            before = {player.actual.player_id for player in self.compared if word in player.actual_words}
            after = {player.actual.player_id for player in self.compared if word in player.simulated_words}
            both = len(before & after)
            figures = (len(before), len(after), both, len(before) - both, len(after) - both)
            names = ("was", "would_be", "both", "only_then", "only_now")
            rows.append({"players": word, **dict(zip(names, figures, strict=True))})
        return rows


class Backtest:
    """`patient_replicas` are the replicas, or the primary, with time limits for a busy week."""

    def __init__(self, patient_replicas: Replicas, store: ReviewStore, thresholds: Thresholds) -> None:
        self._patient_replicas, self._thresholds = patient_replicas, thresholds
        self._store = store

    def run(
        self,
        since: datetime,
        until: datetime,
        changes: Mapping[str, str],
        *,
        player_id: UUID | None = None,
        on_progress: ProgressCallback = lambda count: None,
    ) -> Report:
        """Judge the redemptions of that time by the present settings with `changes`. Raises InvalidRequest."""
        return self._patient_replicas.read_patiently(
            lambda source: self._run_on(source, since, until, changes, player_id, on_progress)
        )

    def _run_on(
        self,
        source: Database,
        since: datetime,
        until: datetime,
        changes: Mapping[str, str],
        player_id: UUID | None,
        on_progress: ProgressCallback,
    ) -> Report:
        with self._store.ledger(source) as ledger:
            limits = {slug: type_limits.limits for slug, type_limits in ledger.limits().items()}
            try:
                rules = with_changes(Rules(self._thresholds, limits), changes)
            except ValueError as error:
                raise InvalidRequest.field("set", str(error)) from error
            warm_up_since = since - timedelta(
                seconds=_WARM_UP_HALF_LIVES * max(self._thresholds.half_life, rules.thresholds.half_life)
            )
            players = ledger.players_with_tries(warm_up_since, until, player_id)
        report = Report(since, until, rules)
        for batch in batches(players):
            with self._store.ledger(source) as ledger:
                dossiers = ledger.dossiers(batch, warm_up_since, until, warm_up_since)
                outcomes = {
                    outcome.player_id: outcome
                    for outcome in ledger.outcomes([player for player, _ in batch], since, until)
                }
            for dossier in dossiers:
                self._compare(dossier, outcomes[dossier.player_id], report)
            on_progress(report.redemptions)
        report.compared.sort(
            key=lambda player: (
                -len(player.simulated_words ^ player.actual_words),
                -player.simulated.peak,
                player.actual.username,
            )
        )
        return report

    @staticmethod
    def _compare(dossier: Dossier, outcome: PlayerOutcome, report: Report) -> None:
        since = report.since.timestamp()
        signals = [signal for signal in dossier.evidence if signal.at < report.until.timestamp()]
        result = backtest(
            dossier.tries,
            signals,
            report.rules,
            since=since,
            cleared_at=dossier.cleared_at,
            forgiven=dossier.forgiven,
        )
        report.players += result.tries > 0
        report.redemptions += result.tries
        report.prevented += result.prevented
        comparison = OutcomeComparison(outcome, result)
        if comparison.actual_words or comparison.simulated_words:
            report.compared.append(comparison)
