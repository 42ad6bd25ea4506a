"""Trials of thresholds and rule numbers on past play. Only reads, from a replica if there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from anticheat.backtest import BacktestResult, Rules, backtest, changed
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.errors import InvalidRequest
from app.services.moderation.play_review import together
from app.stores.moderation.play_reviews import Dossier, PlayerOutcome, ReviewStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

# Play of so many half-lives before that time is judged too, without being counted.
_WARM_UP_HALF_LIVES = 6
WORDS = ("flagged", "refused", "suspended")

ProgressCallback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One player's actual outcome (`was`) and the outcome under the tested rules (`would`)."""

    was: PlayerOutcome
    would: BacktestResult

    @property
    def before(self) -> frozenset[str]:
        """Return the WORDS that apply to the actual outcome."""
        flags = (
            self.was.flagged_at is not None or self.was.refused > 0,
            self.was.refused > 0,
            self.was.suspended_at is not None,
        )
        return frozenset(word for word, applies in zip(WORDS, flags, strict=True) if applies)

    @property
    def after(self) -> frozenset[str]:
        """Return the WORDS that apply to the outcome under the tested rules."""
        flags = (self.would.flagged_at is not None, self.would.refused > 0, self.would.suspended_at is not None)
        return frozenset(word for word, applies in zip(WORDS, flags, strict=True) if applies)

    def as_row(self) -> dict[str, object]:
        """Return the row that `flask anticheat backtest` prints."""
        return {
            "username": self.was.username,
            "player_id": self.was.player_id,
            "was": sorted(self.before),
            "would_be": sorted(self.after),
            "refused_then": self.was.refused,
            "refused_now": self.would.refused,
            "prevented": self.would.prevented,
            "suspended_at": utc(self.would.suspended_at) if self.would.suspended_at is not None else None,
            "peak": round(self.would.peak, 1),
            "rules": list(self.would.rules),
            "decided": self.was.decided,
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
    compared: list[Compared] = field(default_factory=list)

    def counts(self) -> list[dict[str, object]]:
        """Count players by word: `{"players", "was", "would_be", "both", "only_then", "only_now"}` each."""
        rows: list[dict[str, object]] = []
        for word in WORDS:
            before = {player.was.player_id for player in self.compared if word in player.before}
            after = {player.was.player_id for player in self.compared if word in player.after}
            both = len(before & after)
            figures = (len(before), len(after), both, len(before) - both, len(after) - both)
            names = ("was", "would_be", "both", "only_then", "only_now")
            rows.append({"players": word, **dict(zip(names, figures, strict=True))})
        return rows


class Backtest:
    """`patient_replicas` are the replicas, or the primary, with time limits for a busy week."""

    def __init__(self, patient_replicas: Replicas, thresholds: Thresholds) -> None:
        self._patient_replicas, self._thresholds = patient_replicas, thresholds
        self._store = ReviewStore()

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
        return self._patient_replicas.patiently(
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
                rules = changed(Rules(self._thresholds, limits), changes)
            except ValueError as error:
                raise InvalidRequest.field("set", str(error)) from error
            warm_up_since = since - timedelta(
                seconds=_WARM_UP_HALF_LIVES * max(self._thresholds.half_life, rules.thresholds.half_life)
            )
            players = ledger.tried(warm_up_since, until, player_id)
        report = Report(since, until, rules)
        for batch in together(players):
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
            key=lambda player: (-len(player.after ^ player.before), -player.would.peak, player.was.username)
        )
        return report

    @staticmethod
    def _compare(dossier: Dossier, outcome: PlayerOutcome, report: Report) -> None:
        since = report.since.timestamp()
        signals = [signal for signal in dossier.all_kept if signal.at < report.until.timestamp()]
        result = backtest(dossier.tries, signals, report.rules, since=since, cleared_at=dossier.cleared_at)
        report.players += result.tries > 0
        report.redemptions += result.tries
        report.prevented += result.prevented
        comparison = Compared(outcome, result)
        if comparison.before or comparison.after:
            report.compared.append(comparison)
