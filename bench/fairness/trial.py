"""One seed: all accounts play, the rules judge each redemption, and the model scores each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anticheat.features import WINDOW_SECONDS
from anticheat.model import THRESHOLD, Model, train
from bench.fairness.judge import THRESHOLDS, ByRules, by_rules, scores, windows
from bench.fairness.weeks import CHEATS, HONEST, Kind, accounts


@dataclass(frozen=True)
class Account:
    """The result of one account. Times are in seconds since its first action; `None` means never."""

    kind: str
    actions: int
    flagged_by_rules: float | None
    flagged_by_model: float | None
    suspended_after: int | None
    suspicion: float
    score: float

    @property
    def flagged(self) -> float | None:
        """Return the time of the first flag by either."""
        times = [time for time in (self.flagged_by_rules, self.flagged_by_model) if time is not None]
        return min(times, default=None)

    @property
    def level(self) -> float:
        """Return the higher suspicion of the two, 1 being enough for a case."""
        return max(self.suspicion / THRESHOLDS.flag, self.score / THRESHOLD)


def trial(model: Model, seed: int, honest: int, cheats: int) -> list[Account]:
    """Judge `honest` player-weeks in their shares, and `cheats` of each kind of cheat (a farm counts once)."""
    judged_accounts = _play(seed, honest, cheats, held_out=True)
    scores_by_name = scores(model, list(windows([(name, judged.plays) for _, name, judged in judged_accounts])))
    return [_account(kind, judged, scores_by_name.get(name, [])) for kind, name, judged in judged_accounts]


def learned(seed: int, honest: int, cheats: int) -> Model:
    """Return a model trained on a population with some cheats, but without the kinds held out."""
    judged_accounts = _play(seed, honest, cheats, held_out=False)
    days = windows([(name, judged.plays) for _, name, judged in judged_accounts], WINDOW_SECONDS)
    return train([day.vector for day in days], seed)


def _play(seed: int, honest: int, cheats: int, *, held_out: bool) -> list[tuple[Kind, str, ByRules]]:
    counts = [(kind, max(1, round(honest * kind.share))) for kind in HONEST] + [(kind, cheats) for kind in CHEATS]
    return [
        (kind, name, by_rules(plays))
        for kind, count in counts
        if held_out or not kind.held_out
        for name, plays in accounts(kind, seed, count)
    ]


def _account(kind: Kind, judged: ByRules, model_scores: Sequence[tuple[float, float]]) -> Account:
    start = judged.plays[0].completed_at if judged.plays else 0.0
    by_model = next((until - start for until, score in model_scores if score >= THRESHOLD), None)
    return Account(
        kind.name,
        len(judged.plays),
        None if judged.flagged is None else judged.plays[judged.flagged - 1].completed_at - start,
        by_model,
        len(judged.plays) if judged.suspended else None,
        judged.peak,
        max((score for _, score in model_scores), default=0.0),
    )
