"""Other thresholds and numbers on a player's past."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anticheat.backtest import Rules, backtest, with_changes
from anticheat.history import Completion
from anticheat.review import ReviewedSignal, ReviewedTry
from anticheat.rules import ActionTypeLimits, Signal, forgery
from anticheat.verdict import Outcome, Verdict
from tests.unit.anticheat.plays import FREE, PACED, THRESHOLDS, TIMED, one_by_one, verdicts

RULES = Rules(THRESHOLDS, {"tap": PACED, "quick-match": TIMED})


@pytest.fixture
def clockwork() -> list[Completion]:
    return one_by_one([1.0] * 40)


def _judge_until_suspended(play: Sequence[Completion], limits: ActionTypeLimits) -> list[tuple[Completion, Verdict]]:
    """Return the completions with the verdicts of that time, up to a suspension."""
    judged = []
    for completion, verdict in zip(play, verdicts(play, limits), strict=True):
        judged.append((completion, verdict))
        if verdict.outcome is Outcome.CRITICAL:
            break
    return judged


def _tries(lived: Sequence[tuple[Completion, Verdict]]) -> list[ReviewedTry]:
    refusing = (Outcome.REJECT, Outcome.CRITICAL)
    return [
        ReviewedTry(str(at), completion, True, verdict.outcome in refusing)
        for at, (completion, verdict) in enumerate(lived)
    ]


@given(
    st.lists(st.sampled_from([0.05, 0.2, 1.0, 1.0, 2.5, 7.0, 900.0]), max_size=80),
    st.sampled_from([TIMED, PACED, FREE]),
)
def test_the_settings_of_then_give_what_was(intervals: list[float], limits: ActionTypeLimits) -> None:
    lived = _judge_until_suspended(one_by_one(intervals), limits)
    past = backtest(_tries(lived), [], replace(RULES, limits={"tap": limits}), since=-1.0)
    outcomes = [verdict.outcome for _, verdict in lived]
    assert past.tries == len(lived)
    assert past.refused == sum(outcome in (Outcome.REJECT, Outcome.CRITICAL) for outcome in outcomes)
    assert past.prevented == 0, "nothing that scored would have been refused"
    flagged = [completion.completed_at for completion, verdict in lived if verdict.outcome is not Outcome.CLEAN]
    assert past.flagged_at == (flagged[0] if flagged else None)
    assert (past.suspended_at is not None) == (Outcome.CRITICAL in outcomes)
    assert past.peak == pytest.approx(max((verdict.suspicion.value for _, verdict in lived), default=0.0))


def test_after_a_suspension_nothing_more_could_have_scored(clockwork: list[Completion]) -> None:
    tries = [ReviewedTry(str(at), completion, True) for at, completion in enumerate(clockwork)]
    past = backtest(tries, [], RULES, since=0.0)
    assert past.suspended_at is not None
    later = sum(completion.completed_at > past.suspended_at for completion in clockwork)
    assert later > 0
    assert past.prevented == past.refused + later
    lifted = backtest(tries, [], RULES, since=0.0, cleared_at=past.suspended_at)
    assert lifted.tries == len(clockwork), "a person had let them go on"


def test_lower_thresholds_see_more_and_higher_ones_less(clockwork: list[Completion]) -> None:
    tries = [ReviewedTry(str(at), completion, True) for at, completion in enumerate(clockwork)]
    usual = backtest(tries, [], RULES, since=0.0)
    strict = backtest(tries, [], with_changes(RULES, {"flag": "5", "reject": "10", "critical": "20"}), since=0.0)
    lenient = backtest(tries, [], with_changes(RULES, {"pattern_adds": "0"}), since=0.0)
    assert strict.suspended_at is not None
    assert usual.suspended_at is not None
    assert strict.suspended_at < usual.suspended_at
    assert (lenient.flagged_at, lenient.refused, lenient.peak) == (None, 0, 0.0)


def test_what_was_before_warms_up_and_is_not_counted(clockwork: list[Completion]) -> None:
    tries = [ReviewedTry(str(at), completion, True) for at, completion in enumerate(clockwork)]
    middle = clockwork[13].completed_at
    warm, cold = backtest(tries, [], RULES, since=middle), backtest(tries[13:], [], RULES, since=middle)
    assert warm.flagged_at is not None
    assert warm.tries <= len(clockwork) - 13
    assert cold.flagged_at is None or cold.flagged_at > warm.flagged_at


def test_forged_tokens_count_by_what_they_would_add() -> None:
    forged = [ReviewedSignal(f"f-{at}", "", float(at), forgery()) for at in range(20)]
    assert backtest([], forged, RULES, since=0.0).flagged_at == 15.0, "the 15th, but for what had decayed"
    stricter = with_changes(RULES, {"forgery_adds": "60"})
    past = backtest([], forged, stricter, since=0.0)
    assert (past.suspended_at, past.rules) == (1.0, ("forgery",))


def test_of_a_refusal_without_its_issue_the_timing_is_taken_as_it_was() -> None:
    signal = verdicts(one_by_one([0.1], "quick-match"), TIMED)[0].signals[0]
    attempt = ReviewedTry("a", Completion("quick-match", math.inf, 0.1), False, refused=True)
    past = backtest([attempt], [ReviewedSignal("a", "quick-match", 0.1, signal)], RULES, since=0.0)
    assert (past.refused, past.rules) == (1, ("timing",))
    assert past.peak == pytest.approx(signal.added)
    assert backtest([attempt], [], RULES, since=0.0).refused == 0


def test_limits_of_action_types_can_be_tried() -> None:
    rules = with_changes(RULES, {"quick-match.min_seconds": "5", "tap.burst": "3"})
    assert (rules.limits["quick-match"].min_seconds, rules.limits["tap"].burst) == (5.0, 3)
    assert RULES.limits["quick-match"].min_seconds == 3.0
    rules = with_changes(RULES, {"tap.parallel": "4", "tap.cadence": "client", "tap.min_is_fact": "false"})
    nature = (rules.limits["tap"].parallel, rules.limits["tap"].cadence, rules.limits["tap"].min_is_fact)
    assert nature == (4, "client", False)


def test_the_levels_of_holds_and_the_ceiling_can_be_tried(clockwork: list[Completion]) -> None:
    tries = [ReviewedTry(str(at), completion, True) for at, completion in enumerate(clockwork)]
    usual = with_changes(RULES, {"soft_ceiling": "59", "hold": "45"})
    past = backtest(tries, [], usual, since=0.0)
    assert past.peak == pytest.approx(59)
    assert (past.refused, past.suspended_at) == (0, None)
    assert past.held_at == clockwork[15].completed_at, "the fourth window, with 14 each"
    later = backtest(tries, [], with_changes(usual, {"hold": "59"}), since=0.0)
    assert past.held_at < (later.held_at or 0.0)
    assert backtest(tries, [], with_changes(usual, {"soft_ceiling": "44"}), since=0.0).held_at is None
    unlimited = with_changes(usual, {"soft_ceiling": "none"})
    assert unlimited.thresholds.soft_ceiling == math.inf
    assert backtest(tries, [], unlimited, since=0.0).suspended_at is not None


def test_the_nature_of_an_action_type_is_judged_as_it_is_live(clockwork: list[Completion]) -> None:
    tries = [ReviewedTry(str(at), completion, True) for at, completion in enumerate(clockwork)]
    assert backtest(tries, [], with_changes(RULES, {"tap.cadence": "client"}), since=0.0).peak == 0
    together = [ReviewedTry(str(at), Completion("quick-match", 0.0, 4.0 + at / 10), True) for at in range(3)]
    assert backtest(together, [], RULES, since=0.0).tries == 1, "the others would have been too soon"
    assert backtest(together, [], with_changes(RULES, {"quick-match.parallel": "3"}), since=0.0).tries == 3
    times = (4.0, 6.0, 7.1)
    overlapping = [ReviewedTry(str(at), Completion("quick-match", 0.0, at), True) for at in times]
    assert backtest(overlapping, [], RULES, since=0.0).tries == 2, "what was too soon is no history"
    hasty = [ReviewedTry("a", Completion("quick-match", 0.0, 0.1), True)]
    statistic = with_changes(RULES, {"quick-match.min_is_fact": "false", "soft_ceiling": "59"})
    assert backtest(hasty, [], RULES, since=0.0).refused == 1
    assert backtest(hasty, [], statistic, since=0.0).refused == 0


def test_what_was_cleared_twice_counts_a_fraction_from_then_on(clockwork: list[Completion]) -> None:
    rules = with_changes(RULES, {"soft_ceiling": "59"})
    tries = [ReviewedTry(str(at), completion, True) for at, completion in enumerate(clockwork)]
    forgiven = backtest(tries, [], rules, since=0.0, cleared_at=0.0, forgiven={"pattern"})
    assert 0 < forgiven.peak < rules.thresholds.flag
    before = backtest(tries, [], rules, since=0.0, cleared_at=clockwork[-1].completed_at, forgiven={"pattern"})
    assert before.peak == pytest.approx(59)
    used = [ReviewedSignal(f"r-{at}", "", float(at), Signal("replay", "", "", 1.0)) for at in range(1, 60)]
    assert backtest([], used, rules, since=0.0, cleared_at=0.0).peak > 50
    assert backtest([], used, rules, since=0.0, cleared_at=0.0, forgiven={"replay"}).peak < 15


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flags": "1"}, "there is no 'flags'; there are flag, reject, critical, half_life, hold, soft_ceiling, skew"),
        ({"nothing.min_seconds": "1"}, "there is no 'nothing.min_seconds'"),
        ({"windows": "1"}, "there is no 'windows'"),
        ({"tap.cadence": "random"}, "tap.cadence must be player or client, not 'random'"),
        ({"tap.min_is_fact": "1"}, "tap.min_is_fact must be true or false, not '1'"),
        ({"tap.parallel": "1.5"}, "tap.parallel must be a whole number"),
        ({"hold": "none"}, "hold must be a number of at least 0, not 'none'"),
        ({"hold": "29"}, "hold must be from flag to reject"),
        ({"flag": "many"}, "flag must be a number of at least 0, not 'many'"),
        ({"flag": "-1"}, "flag must be a number of at least 0"),
        ({"flag": "nan"}, "flag must be a number of at least 0"),
        ({"burst": "1.5"}, "burst must be a whole number"),
        ({"flag": "70"}, "flag must be below reject, reject below critical"),
        ({"half_life": "0"}, "half_life above 0"),
    ],
)
def test_what_cannot_be_tried_is_said(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_changes(RULES, changes)


def test_after_a_clearing_the_play_before_is_no_history(clockwork: list[Completion]) -> None:
    tries = _tries([(completion, verdict) for completion, verdict in _judge_until_suspended(clockwork[:23], PACED)])
    cleared_at = clockwork[11].completed_at
    assert backtest(tries, [], RULES, since=0.0).peak > 0
    assert backtest(tries, [], RULES, since=0.0, cleared_at=cleared_at).peak == 0
