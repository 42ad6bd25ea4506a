"""One seed: everybody plays, the rules judge each redemption, and the model looks at each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anticheat.features import WINDOW_SECONDS
from anticheat.model import THRESHOLD, Model, train
from bench.fairness.hours import THRESHOLDS
from bench.fairness.judge import ByRules, by_rules, scores, windows
from bench.fairness.weeks import CHEATS, HONEST, Kind, accounts


@dataclass(frozen=True)
class Account:
    """What came of one account. Times in seconds since its first action; None: it never came to that."""

    kind: str
    actions: int
    flagged_by_rules: float | None
    flagged_by_model: float | None
    suspended_after: int | None
    suspicion: float
    score: float

    @property
    def flagged(self) -> float | None:
        """By either."""
        found = [each for each in (self.flagged_by_rules, self.flagged_by_model) if each is not None]
        return min(found, default=None)

    @property
    def level(self) -> float:
        """How suspicious to either, 1 being enough for a case."""
        return max(self.suspicion / THRESHOLDS.flag, self.score / THRESHOLD)


def trial(model: Model, seed: int, honest: int, cheats: int) -> list[Account]:
    """`honest` player-weeks in their shares, and `cheats` of each kind of cheat (of farms as many as a farm has)."""
    played = _play(seed, honest, cheats, held_out=True)
    looks = scores(model, list(windows([(name, judged.plays) for _, name, judged in played])))
    return [_account(kind, judged, looks.get(name, [])) for kind, name, judged in played]


def learned(seed: int, honest: int, cheats: int) -> Model:
    """A model of what a population did in which some cheat, and nobody of the kinds held out."""
    played = _play(seed, honest, cheats, held_out=False)
    days = windows([(name, judged.plays) for _, name, judged in played], WINDOW_SECONDS)
    return train([day.vector for day in days], seed)


def _play(seed: int, honest: int, cheats: int, *, held_out: bool) -> list[tuple[Kind, str, ByRules]]:
    counts = [(kind, max(1, round(honest * kind.share))) for kind in HONEST] + [(kind, cheats) for kind in CHEATS]
    return [
        (kind, name, by_rules(plays))
        for kind, count in counts
        if held_out or not kind.held_out
        for name, plays in accounts(kind, seed, count)
    ]


def _account(kind: Kind, judged: ByRules, looks: Sequence[tuple[float, float]]) -> Account:
    began = judged.plays[0].completed_at if judged.plays else 0.0
    by_model = next((until - began for until, score in looks if score >= THRESHOLD), None)
    return Account(
        kind.name,
        len(judged.plays),
        None if judged.flagged is None else judged.plays[judged.flagged - 1].completed_at - began,
        by_model,
        len(judged.plays) if judged.suspended else None,
        judged.peak,
        max((score for _, score in looks), default=0.0),
    )
