"""Trying thresholds and numbers on the past before they are let loose. Only reads, from a replica if there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from anticheat.backtest import BacktestResult, Rules, backtest, changed
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.errors import InvalidRequest
from app.services.moderation.play_review import together
from app.stores.moderation.play_reviews import Dossier, PlayerOutcome, ReviewStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

# So many half-lives of play before the time in question are judged too, without being counted.
_WARM_UP = 6
WORDS = ("flagged", "refused", "suspended")

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """One player: what was, and what would have been."""

    was: PlayerOutcome
    would: BacktestResult

    @property
    def before(self) -> frozenset[str]:
        """Which of WORDS held."""
        held = (
            self.was.flagged_at is not None or self.was.refused > 0,
            self.was.refused > 0,
            self.was.suspended_at is not None,
        )
        return frozenset(word for word, holds in zip(WORDS, held, strict=True) if holds)

    @property
    def after(self) -> frozenset[str]:
        """Which of WORDS would hold."""
        held = (self.would.flagged_at is not None, self.would.refused > 0, self.would.suspended_at is not None)
        return frozenset(word for word, holds in zip(WORDS, held, strict=True) if holds)

    def as_row(self) -> dict[str, Any]:
        """In the words of `flask anticheat backtest`."""
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
    """`compared` are those of whom something was, or would have been, said; `rules` what was tried."""

    since: datetime
    until: datetime
    rules: Rules
    players: int = 0
    redemptions: int = 0
    prevented: int = 0
    compared: list[Compared] = field(default_factory=list)

    def counts(self) -> list[dict[str, Any]]:
        """Players by word: `{"", "was", "would_be", "both", "only_then", "only_now"}`."""
        rows = []
        for word in WORDS:
            was = {one.was.player_id for one in self.compared if word in one.before}
            would = {one.was.player_id for one in self.compared if word in one.after}
            both = len(was & would)
            counted = (len(was), len(would), both, len(was) - both, len(would) - both)
            names = ("was", "would_be", "both", "only_then", "only_now")
            rows.append({"players": word, **dict(zip(names, counted, strict=True))})
        return rows


class Backtest:
    """`patient` are the replicas, or the primary, with time for a busy week."""

    def __init__(self, patient: Replicas, thresholds: Thresholds) -> None:
        self._patient, self._thresholds = patient, thresholds
        self._store = ReviewStore()

    def run(
        self,
        since: datetime,
        until: datetime,
        changes: Mapping[str, str],
        *,
        player_id: UUID | None = None,
        done: Done = lambda count: None,
    ) -> Report:
        """Judge what was redeemed in that time by the settings of now with `changes`. Raises InvalidRequest."""
        return self._patient.patiently(lambda source: self._run_on(source, since, until, changes, player_id, done))

    def _run_on(
        self,
        source: Database,
        since: datetime,
        until: datetime,
        changes: Mapping[str, str],
        player_id: UUID | None,
        done: Done,
    ) -> Report:
        with self._store.ledger(source) as ledger:
            limits = {slug: kind.limits for slug, kind in ledger.limits().items()}
            try:
                rules = changed(Rules(self._thresholds, limits), changes)
            except ValueError as error:
                raise InvalidRequest.field("set", str(error)) from error
            warm = since - timedelta(seconds=_WARM_UP * max(self._thresholds.half_life, rules.thresholds.half_life))
            tried = ledger.tried(warm, until, player_id)
        report = Report(since, until, rules)
        for some in together(tried):
            with self._store.ledger(source) as ledger:
                dossiers = ledger.dossiers(some, warm, until, warm)
                outcomes = {each.player_id: each for each in ledger.outcomes([who for who, _ in some], since, until)}
            for dossier in dossiers:
                self._compare(dossier, outcomes[dossier.player_id], report)
            done(report.redemptions)
        report.compared.sort(key=lambda one: (-len(one.after ^ one.before), -one.would.peak, one.was.username))
        return report

    @staticmethod
    def _compare(dossier: Dossier, was: PlayerOutcome, report: Report) -> None:
        since = report.since.timestamp()
        kept = [each for each in dossier.all_kept if each.at < report.until.timestamp()]
        would = backtest(dossier.tries, kept, report.rules, since=since, cleared_at=dossier.cleared_at)
        report.players += would.tries > 0
        report.redemptions += would.tries
        report.prevented += would.prevented
        one = Compared(was, would)
        if one.before or one.after:
            report.compared.append(one)
