"""The simulated moderator: looks at each case after some hours, clears honest players, and confirms cheats."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from anticheat.suspicion import FORGIVEN_AFTER
from bench.fairness.clients import lognormal
from bench.fairness.world import HOUR


@dataclass
class Case:
    """An open case: the kinds of evidence on it, and the time at which the moderator decides."""

    opened_at: float
    decided_at: float
    rules: set[str]


@dataclass
class Moderator:
    """The cases of one player. A decision takes five hours in the median, a day for one case in forty."""

    is_honest: bool
    rng: random.Random
    case: Case | None = None
    cleared_counts: Counter[str] = field(default_factory=Counter)

    def report(self, at: float, rules: Collection[str]) -> bool:
        """Open a case, or add to the open one; return whether it is new."""
        if self.case is not None:
            self.case.rules.update(rules)
            return False
        self.case = Case(at, at + lognormal(self.rng, 5 * HOUR, 0.8), set(rules))
        return True

    def is_due(self, now: float) -> bool:
        """Return whether a case is to be decided by now."""
        return self.case is not None and self.case.decided_at <= now

    def decide(self) -> tuple[float, bool]:
        """Decide the case; return the time, and whether it was cleared."""
        assert self.case is not None
        case, self.case = self.case, None
        if self.is_honest:
            self.cleared_counts.update(case.rules)
        return case.decided_at, self.is_honest

    @property
    def forgiven(self) -> frozenset[str]:
        """Return the kinds of evidence that were cleared so often that they count a fraction."""
        return frozenset(rule for rule, count in self.cleared_counts.items() if count >= FORGIVEN_AFTER)
