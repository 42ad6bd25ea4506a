from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from anticheat.features import FEATURES
from anticheat.rules import ACCUSATIONS
from app.domain.cases import RULES, CaseSignal, check_appeal, check_reason, summary

BEGIN = datetime(2026, 11, 24, 10, 2, 11, tzinfo=UTC)


def _signal(rule: str = "timing", *, after: float = 0.0, **changed: object) -> CaseSignal:
    values: dict[str, object] = {
        "source": "live",
        "action_id": "a",
        "action_type": "boss-fight",
        "seen": "completed 0.02 s after its issue",
        "expected": "20.00 s or more",
        "added": 80.0,
        "left": 40.0,
        "suspicion": 80.0,
        "outcome": "reject",
    }
    return CaseSignal(at=BEGIN + timedelta(seconds=after), rule=rule, **{**values, **changed})  # type: ignore[arg-type]


def test_one_signal_is_told_with_what_was_seen_and_what_was_expected() -> None:
    assert summary("mallory", [_signal()], ACCUSATIONS) == (
        "mallory completed actions faster than they can be done, once on 2026-11-24 10:02:11 UTC: "
        "boss-fight, completed 0.02 s after its issue, where 20.00 s or more is expected. "
        "Suspicion rose to 80; 1 try was refused."
    )


def test_points_that_were_held_are_told() -> None:
    text = summary("mallory", [_signal("pattern", suspicion=59.0, outcome="hold")], ACCUSATIONS)
    assert text.endswith("Suspicion rose to 59, and points were held.")


def test_several_rules_are_told_one_after_the_other_by_their_strongest_example() -> None:
    evidence = [
        _signal("pattern", action_type="tap", seen="10 of 12 within 1 ms", expected="a hand spreads them", added=14.0),
        _signal("pattern", after=30, action_type="tap", seen="x", expected="y", added=13.0, action_id="b"),
        _signal("frequency", after=90_000, seen="20 completions in 3 s", expected="at most 12", action_id="c"),
        _signal("frequency", after=90_001, action_id="d", suspicion=130.4, outcome="critical", added=1.0),
    ]
    text = summary("mallory", evidence, ACCUSATIONS)
    assert "twice from 2026-11-24 10:02:11 to 10:02:41 UTC: for example tap, 10 of 12 within 1 ms, while a hand" in text
    assert "mallory also completed more in a short time than hands can, twice from 2026-11-25 11:02:11 to" in text
    assert text.endswith("Suspicion rose to 130; 4 tries were refused, and the account was suspended.")


def test_what_the_model_saw_is_told_as_its_own_and_refused_nothing() -> None:
    signal = _signal(
        "hours",
        source="model",
        action_type=None,
        action_id=None,
        seen="22 hours a day",
        expected="1 to 5",
        added=0.0,
        suspicion=0.0,
        outcome="flag",
    )
    text = summary("mallory", [signal], ACCUSATIONS)
    assert "played unlike other players up to 2026-11-24 10:02:11 UTC: 22 hours a day (1 to 5)." in text
    assert text.endswith("It did not change their suspicion; nothing was refused, a later review found it.")


def test_without_evidence_it_says_so() -> None:
    assert summary("mallory", [], ACCUSATIONS) == "There is no evidence against mallory on this case."


def test_a_row_says_what_has_decayed() -> None:
    row = _signal(added=80.04, left=33.33).as_row()
    assert (row["added"], row["left"], row["decayed"]) == (80.0, 33.3, 46.7)


@pytest.mark.parametrize("check", [check_reason, check_appeal])
def test_a_text_says_something_that_can_be_read(check: object) -> None:
    assert callable(check)
    assert check("Two lines,\n\tand a tab: ünïcode 日本") == "Two lines,\n\tand a tab: ünïcode 日本"
    for wrong in ("", " \n\t", "\x1b[31mred", "a\0b"):
        with pytest.raises(ValueError, match="must"):
            check(wrong)


@pytest.mark.parametrize(("check", "most"), [(check_reason, 1000), (check_appeal, 2000)])
def test_its_length_is_bounded(check: object, most: int) -> None:
    assert callable(check)
    assert check("x" * most)
    with pytest.raises(ValueError, match=f"at most {most}"):
        check("x" * (most + 1))


def test_cases_can_be_filtered_by_every_rule() -> None:
    assert set(RULES) == {*ACCUSATIONS, "model", "limit", "gain", "podium", *(feature.name for feature in FEATURES)}
