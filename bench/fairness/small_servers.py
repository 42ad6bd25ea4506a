"""Small servers, where the model shipped with the product stands in for one that has learned enough."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sklearn.metrics import roc_auc_score

from bench.fairness.figures import rate
from bench.fairness.learning import ModelEye, plays_of, trained
from bench.fairness.live import THRESHOLDS
from bench.fairness.trial import CHEAT_SHARE, UNUSUAL_SHARE, JudgedPlayer
from bench.fairness.world import DAY, WEEK

PLAYERS: Final = (5, 20, 50)
_HONEST_ACCOUNTS: Final = 50  # of each size, in a population


@dataclass(frozen=True)
class SmallResult:
    """One account of a small server: the seconds from its first play to its first case, and its highest level."""

    players: int
    is_honest: bool
    case_after: float | None
    level: float


def small_servers(players: Sequence[JudgedPlayer], seed: str) -> list[SmallResult]:
    """Judge players of a population as if they were alone on small servers, each with at least one cheat."""
    rng = random.Random(f"{seed}/small")
    mainstream = [entry for entry in players if entry.player.is_honest and not entry.player.is_unusual]
    unusual = [entry for entry in players if entry.player.is_unusual]
    cheats = [entry for entry in players if not entry.player.is_honest]
    accounts: list[SmallResult] = []
    for size in PLAYERS:
        for _ in range(max(2, _HONEST_ACCOUNTS // size)):
            honest = [rng.choice(unusual if rng.random() < UNUSUAL_SHARE else mainstream) for _ in range(size)]
            accounts += _server(size, [*honest, *rng.sample(cheats, max(1, round(size * CHEAT_SHARE)))])
    return accounts


def _server(size: int, players: Sequence[JudgedPlayer]) -> list[SmallResult]:
    pupils = [entry.player for entry in players if entry.player.is_honest or entry.live.case_at is None]
    models = trained({"own": pupils})
    rows = []
    for entry in players:
        view = ModelEye(models, plays_of(entry.player)).week()["own"]
        at = min((time for time in (view.case_at, entry.live.case_at) if time is not None), default=None)
        after = None if at is None else at - float(entry.player.completed_at[0])
        level = max(view.level, entry.live.peak / THRESHOLDS.flag)
        rows.append(SmallResult(size, entry.player.is_honest, after, level))
    return rows


def small_rows(accounts: Sequence[SmallResult]) -> list[dict[str, Any]]:
    """Return the figures by size, of the rules and the model together."""
    rows = []
    for size in sorted({account.players for account in accounts}):
        group = [account for account in accounts if account.players == size]
        honest = [account for account in group if account.is_honest]
        cheats = [account for account in group if not account.is_honest]
        rows.append(
            {
                "players": size,
                "servers": len(honest) // size,
                "cases": rate(sum(account.case_after is not None for account in honest), len(honest)),
                "day": rate(sum(_is_within(account, DAY) for account in cheats), len(cheats)),
                "week": rate(sum(_is_within(account, WEEK) for account in cheats), len(cheats)),
                "roc": float(roc_auc_score([not account.is_honest for account in group], [a.level for a in group])),
            }
        )
    return rows


def _is_within(account: SmallResult, seconds: float) -> bool:
    return account.case_after is not None and account.case_after <= seconds
