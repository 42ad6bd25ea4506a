"""An account's week judged redemption by redemption, as the product does with its default settings."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass, field

from anticheat.history import HISTORY_LENGTH, Completion
from anticheat.suspicion import Suspicion, decayed, seconds_until
from anticheat.verdict import Outcome, Thresholds, Verdict, judge
from bench.fairness.moderator import Moderator
from bench.fairness.population import Player
from bench.fairness.world import ALL_ACTIONS

THRESHOLDS = Thresholds(flag=30, hold=45, reject=60, critical=100, half_life=1800, soft_ceiling=59)
_SCORES = (Outcome.CLEAN, Outcome.FLAG, Outcome.HOLD)
_RETRY_SECONDS = 0.05  # a client's delay after the wait that `too_soon` asks for


@dataclass(frozen=True, slots=True)
class Scored:
    """A redemption that scored: on the public board, or held."""

    at: float
    points: float
    is_public: bool
    suspicion: float


@dataclass
class LiveResult:
    """The result of the rules. Times are Unix seconds; a hold is (begin, end)."""

    scored: list[Scored] = field(default_factory=list)
    case_at: float | None = None
    rules: set[str] = field(default_factory=set)
    holds: list[tuple[float, float]] = field(default_factory=list)
    suspensions: list[float] = field(default_factory=list)
    refused: int = 0
    off_board_after: int | None = None
    """The number of the first redemption that did not reach the public board."""
    peak: float = 0.0
    tries: int = 0


class LiveWeek:
    """Judges one account; the moderator's decisions take effect in between."""

    def __init__(self, player: Player, moderator: Moderator) -> None:
        self._player, self._moderator = player, moderator
        self._suspicion, self._history = Suspicion(0.0, 0.0), deque[Completion](maxlen=HISTORY_LENGTH)
        self._held_since: float | None = None
        self._is_suspended = False
        self.result = LiveResult()

    def run(self) -> LiveResult:
        """Judge all plays; a completion that is too soon comes again after the wait."""
        retries: list[tuple[float, int, Completion]] = []
        for number, play in enumerate(self._player.completions()):
            while retries and retries[0][0] <= play.completed_at:
                self._attempt(heapq.heappop(retries)[2], number, retries)
            self._attempt(play, number, retries)
            if self._is_suspended and not self._moderator.is_honest:
                break
        self._end_hold_by_decay(math.inf)
        return self.result

    def _attempt(self, attempt: Completion, number: int, retries: list[tuple[float, int, Completion]]) -> None:
        now = attempt.completed_at
        self._let_time_pass(now)
        if self._is_suspended:
            return
        verdict = self._judge(attempt)
        if verdict.outcome is Outcome.TOO_SOON:
            later = now + verdict.wait + _RETRY_SECONDS
            heapq.heappush(retries, (later, number, Completion(attempt.action_type, attempt.issued_at, later)))
            return
        self._suspicion = verdict.suspicion
        self._history.appendleft(attempt)
        self._follow(attempt, verdict)

    def _judge(self, attempt: Completion) -> Verdict:
        limits, history = ALL_ACTIONS[attempt.action_type].limits, self._history
        verdict = judge(attempt, limits, history, self._suspicion, THRESHOLDS)
        if verdict.signals and (forgiven := self._moderator.forgiven):
            verdict = judge(attempt, limits, history, self._suspicion, THRESHOLDS, forgiven=forgiven)
        return verdict

    def _follow(self, attempt: Completion, verdict: Verdict) -> None:
        result, now, outcome = self.result, attempt.completed_at, verdict.outcome
        result.tries += 1
        result.peak = max(result.peak, verdict.suspicion.value)
        result.rules.update(signal.rule for signal in verdict.signals)
        if outcome is not Outcome.CLEAN:
            self._moderator.report(now, [signal.rule for signal in verdict.signals])
            result.case_at = now if result.case_at is None else result.case_at
        if verdict.suspicion.value >= THRESHOLDS.hold and self._held_since is None:
            self._held_since = now
        if outcome in _SCORES:
            is_public = self._held_since is None
            points = float(ALL_ACTIONS[attempt.action_type].points)
            result.scored.append(Scored(now, points, is_public, verdict.suspicion.value))
        else:
            is_public = False
            result.refused += 1
        if not is_public and result.off_board_after is None:
            result.off_board_after = result.tries
        if outcome is Outcome.CRITICAL:
            self._is_suspended = True
            result.suspensions.append(now)

    def _let_time_pass(self, now: float) -> None:
        self._end_hold_by_decay(now)
        if self._moderator.is_due(now):
            at, is_cleared = self._moderator.decide()
            self._end_hold(at)
            self._is_suspended = not is_cleared
            if is_cleared:
                self._suspicion = Suspicion(0.0, at)
                self._history.clear()

    def _end_hold_by_decay(self, now: float) -> None:
        if self._held_since is None:
            return
        end = self._suspicion.at + seconds_until(self._suspicion, THRESHOLDS.flag, THRESHOLDS.half_life)
        case = self._moderator.case
        end = min(end, case.decided_at) if case is not None else end
        if end <= now or decayed(self._suspicion, now, THRESHOLDS.half_life) < THRESHOLDS.flag:
            self._end_hold(end)

    def _end_hold(self, at: float) -> None:
        if self._held_since is not None:
            self.result.holds.append((self._held_since, max(at, self._held_since)))
            self._held_since = None


def judged(player: Player, moderator: Moderator | None = None) -> LiveResult:
    """Return the result of the rules for a player; the moderator's delays come from the player's name."""
    if moderator is None:
        moderator = Moderator(player.is_honest, random.Random(f"moderator/{player.name}"))
    return LiveWeek(player, moderator).run()
