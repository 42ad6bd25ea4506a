import ast
from pathlib import Path

import pytest

import anticheat
from anticheat.history import Completion
from anticheat.suspicion import Suspicion, decayed
from anticheat.verdict import Outcome, judge, outcome_at
from tests.unit.anticheat.plays import FREE, THRESHOLDS, TIMED

CALM = Completion("quick-match", 1000, 1004)


@pytest.mark.parametrize(
    ("level", "outcome"),
    [
        (0, Outcome.CLEAN),
        (29.99, Outcome.CLEAN),
        (30, Outcome.FLAG),
        (59.99, Outcome.FLAG),
        (60, Outcome.REJECT),
        (99.99, Outcome.REJECT),
        (100, Outcome.CRITICAL),
        (1e9, Outcome.CRITICAL),
    ],
)
def test_a_threshold_belongs_to_what_it_starts(level: float, outcome: Outcome) -> None:
    assert outcome_at(level, THRESHOLDS) is outcome


def test_half_of_the_suspicion_is_left_after_a_half_life() -> None:
    assert decayed(Suspicion(80, 0), now=1800, half_life=1800) == 40
    assert decayed(Suspicion(80, 0), now=3600, half_life=1800) == 20


def test_a_clock_set_back_leaves_suspicion_as_it_is() -> None:
    assert decayed(Suspicion(80, 5000), now=10, half_life=1800) == 80


def test_after_a_clock_set_back_suspicion_decays_from_the_new_time() -> None:
    verdict = judge(CALM, TIMED, [], Suspicion(80, 50_000), THRESHOLDS)
    assert verdict.suspicion == Suspicion(80, 1004)


def test_the_level_decides_even_if_this_redemption_added_nothing() -> None:
    verdict = judge(CALM, TIMED, [], Suspicion(70, 1004), THRESHOLDS)
    assert (verdict.outcome, verdict.signals) == (Outcome.REJECT, ())


def test_time_alone_lets_a_rejected_player_score_again() -> None:
    later = Completion("quick-match", 2800, 2804)
    assert judge(later, TIMED, [CALM], Suspicion(70, 1004), THRESHOLDS).outcome is Outcome.FLAG
    much_later = Completion("quick-match", 5000, 5004)
    assert judge(much_later, TIMED, [CALM], Suspicion(70, 1004), THRESHOLDS).outcome is Outcome.CLEAN


def test_what_the_rules_add_comes_on_top_of_what_is_left() -> None:
    instant = Completion("quick-match", 1800, 1800)
    verdict = judge(instant, TIMED, [], Suspicion(50, 0), THRESHOLDS)
    assert verdict.suspicion == Suspicion(25 + 80, 1800)
    assert verdict.outcome is Outcome.CRITICAL


def test_every_rule_that_spoke_is_in_the_verdict() -> None:
    history = [Completion("quick-match", 1000, 1000)] * 20
    verdict = judge(Completion("quick-match", 1000, 1000), TIMED, history, Suspicion(0, 1000), THRESHOLDS)
    assert [signal.rule for signal in verdict.signals] == ["timing", "pattern", "frequency"]
    assert verdict.suspicion.value == sum(signal.added for signal in verdict.signals)


def test_an_empty_history_is_judged() -> None:
    assert judge(CALM, FREE, [], Suspicion(0, 0), THRESHOLDS).outcome is Outcome.CLEAN


def test_outcomes_read_as_words() -> None:
    assert [str(outcome) for outcome in Outcome] == ["clean", "too_soon", "flag", "hold", "reject", "critical"]


def test_the_package_is_pure() -> None:
    allowed = {
        "__future__",
        "collections",
        "dataclasses",
        "enum",
        "itertools",
        "math",
        "operator",
        "typing",
        "anticheat",
    }
    # Arrays, the modules that turn them into bytes, and the model that is shipped as data of the package.
    allowed_of = {
        "backtest.py": {"functools"},
        "features.py": {"numpy"},
        "gain.py": {"statistics"},
        "habits.py": {"numpy"},
        "in_step.py": {"numpy"},
        "link_data.py": {"numpy"},
        "one_hand.py": {"numpy"},
        "plays.py": {"numpy"},
        "rhythm.py": {"numpy"},
        "model.py": {"numpy", "statistics"},
        "shipped.py": {"functools", "hashlib", "importlib"},
        "stored_model.py": {"numpy", "hashlib", "json"},
        "training.py": {"numpy"},
        "weights.py": {"numpy", "scipy"},
    }
    (folder,) = anticheat.__path__
    modules = sorted(Path(folder).glob("[a-z]*.py"))
    assert modules
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed | allowed_of.get(module.name, set()), module.name
