"""The simulated product: rules, holds, the moderator and gain, on weeks made by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from anticheat.history import Completion
from bench.fairness.gaining import limits_of, points_by_day, watched
from bench.fairness.linking import links
from bench.fairness.live import Scored, judged
from bench.fairness.moderator import Moderator
from bench.fairness.population import Player, Sizes, population
from bench.fairness.trial import judge_population, learned, results, stored_population
from bench.fairness.tuning_kinds import CHEATS, HONEST
from bench.fairness.world import DAY, HOUR, MIDNIGHT, Account, Kind


def player(plays: Sequence[Completion], *, is_honest: bool = True) -> Player:
    account = Account(plays, "home", "model", MIDNIGHT - DAY)
    kind = Kind("made by hand", lambda rng: [account], is_honest)
    (made,) = population([kind], "test", Sizes(1, 1, 1))
    return made


def beat(action: str, every: float, count: int, since: float = MIDNIGHT) -> list[Completion]:
    """Return completions with the steadiness of a machine."""
    return [Completion(action, since + number * every, since + (number + 0.99) * every) for number in range(count)]


def by_hand(count: int, since: float) -> list[Completion]:
    rng, now, plays = random.Random(3), since, []
    for _ in range(count):
        plays.append(Completion("quick-match", now, now + 3.2 + rng.random()))
        now = plays[-1].completed_at + 1 + rng.random()
    return plays


def test_nothing_follows_for_a_hand() -> None:
    live = judged(player(by_hand(300, MIDNIGHT)))
    assert (live.case_at, live.holds, live.suspensions, live.off_board_after) == (None, [], [], None)
    assert len(live.scored) == live.tries == 300


def test_a_soft_hold_ends_by_decay() -> None:
    live = judged(player([*beat("quick-match", 4.0, 40), *by_hand(2, MIDNIGHT + 8 * HOUR)]))
    assert live.case_at is not None
    assert live.off_board_after is not None
    assert live.off_board_after <= 20
    ((begin, end),) = live.holds
    assert begin < MIDNIGHT + 20 * 4
    assert end - begin < HOUR
    assert [scored.is_public for scored in live.scored[-2:]] == [True, True]
    assert live.suspensions == []


def test_a_hold_that_goes_on_ends_when_the_moderator_clears() -> None:
    moderator = Moderator(True, random.Random(1))
    live = judged(player(beat("quick-match", 10.0, 20_000)), moderator)
    assert max(end - begin for begin, end in live.holds) < 2 * DAY
    assert moderator.cleared_counts["pattern"] >= 2
    assert moderator.forgiven == {"pattern"}
    last_hold = live.holds[-1][1]
    assert last_hold < live.scored[-1].at - HOUR  # cleared twice, it counts a quarter


def test_a_cheat_is_suspended_for_good_and_an_honest_player_until_cleared() -> None:
    early = [Completion("boss-fight", at, at + 0.5) for at in (MIDNIGHT, MIDNIGHT + 1, MIDNIGHT + 2)]
    plays = [*early, *by_hand(10, MIDNIGHT + 5 * DAY)]
    cheat, person = judged(player(plays, is_honest=False)), judged(player(plays))
    assert len(cheat.suspensions) == len(person.suspensions) == 1
    assert cheat.scored == []
    assert [scored.is_public for scored in person.scored] == [True] * 10
    assert person.refused >= 1


def test_a_completion_that_is_too_soon_comes_again_and_scores() -> None:
    opened = [Completion("puzzle", MIDNIGHT + number, MIDNIGHT + 10 + number) for number in range(3)]
    live = judged(player([*opened, *by_hand(1, MIDNIGHT + 60)]))
    assert len(live.scored) == 4
    assert live.case_at is None
    for number in range(3):
        assert live.scored[number].at - MIDNIGHT > 8 * (number + 1) - 0.06


def test_the_moderator_takes_time() -> None:
    moderator = Moderator(False, random.Random(1))
    assert moderator.report(10.0, ["pattern"])
    assert not moderator.report(20.0, ["frequency"])
    assert not moderator.is_due(11.0)
    assert moderator.is_due(10.0 + 30 * DAY)
    at, is_cleared = moderator.decide()
    assert at > 10.0
    assert not is_cleared
    assert moderator.forgiven == frozenset()


def scores(per_hour: float, hours: int) -> list[Scored]:
    return [Scored(MIDNIGHT + number * HOUR, per_hour, True, 0.0) for number in range(hours)]


@pytest.mark.parametrize(("per_hour", "has_case"), [(10.0, False), (1000.0, True)])
def test_a_gain_beyond_the_honest_is_a_case(per_hour: float, has_case: bool) -> None:
    limits = limits_of([[100.0 + number] for number in range(300)])
    view = watched(scores(per_hour, 10), limits, lambda at: 0.0, None, random.Random(1), is_honest=False)
    assert (view.case_at is not None) is has_case
    assert view.holds == []


def test_an_unusual_gain_is_held_until_looked_at() -> None:
    limits = limits_of([[100.0 + number] for number in range(300)])
    view = watched(scores(1000.0, 10), limits, lambda at: 3.0, None, random.Random(1), is_honest=True)
    assert view.case_at == MIDNIGHT
    assert view.holds[0][0] == MIDNIGHT
    assert view.holds[0][1] > MIDNIGHT + HOUR / 2


def test_results_are_of_all_ways_and_since_the_first_play(tmp_path: Path) -> None:
    kinds = [kind for kind in (*HONEST, *CHEATS) if kind.name in ("casual", "trickle, day and night")]
    loop = Kind(
        "loop", lambda rng: [Account(beat("quick-match", 3.1, 200), "home", "model", 0.0)], False, is_naive=True
    )
    assert judge_population([*kinds, loop], "1", Sizes(12, 1, 1), tmp_path / "population") > 200
    players = stored_population(tmp_path / "population")
    by_kind = {result.kind: result for result in results(players, learned(players, "1"))}
    assert set(by_kind) == {"casual", "trickle, day and night", "loop"}
    assert by_kind["casual"].is_honest
    assert "rules" not in by_kind["casual"].cases
    caught = by_kind["loop"]
    assert 30 < caught.cases["rules"] < 70
    assert caught.levels["rules"] > 1
    assert caught.unnoticed == caught.board_points == 10 * round(caught.cases["rules"] / 3.1)
    assert caught.off_board_after is not None
    assert caught.off_board_after <= 20


def test_accounts_in_step_are_linked_and_strangers_are_not() -> None:
    hands = [by_hand(400, MIDNIGHT + HOUR)]
    twins = [
        [Completion(play.action_type, play.issued_at + lag, play.completed_at + lag) for play in hands[0]]
        for lag in (0, 300)
    ]
    stranger = [
        Completion("quick-match", at, at + 3.5 + at % 0.7) for at in range(int(MIDNIGHT), int(MIDNIGHT) + 4000, 9)
    ]
    accounts = [Account(plays, f"home-{number}", "model", 0.0) for number, plays in enumerate([*twins, stranger])]
    players = population([Kind("made by hand", lambda rng: accounts, False)], "test", Sizes(1, 1, 1))
    views = links(players)
    assert set(views) == {players[0].name, players[1].name}
    at, level = views[players[0].name]
    assert at == MIDNIGHT + DAY
    assert level >= 1.0


def test_points_are_counted_by_day() -> None:
    assert points_by_day(scores(2.0, 30)) == [48.0, 12.0]


def test_a_population_has_its_sizes_and_can_be_repeated() -> None:
    kinds = [kind for kind in (*HONEST, *CHEATS) if kind.name in ("casual", "quiz night", "flood of taps")]
    sizes = Sizes(10, 4, 1)
    players = population(kinds, "1", sizes)
    counts = {kind.name: sum(entry.kind == kind.name for entry in players) for kind in kinds}
    assert counts["casual"] <= 3
    assert counts["quiz night"] >= 4
    assert counts["flood of taps"] == 1
    again = population(kinds, "1", sizes)
    assert [entry.name for entry in players] == [entry.name for entry in again]
    assert all((a.completed_at == b.completed_at).all() for a, b in zip(players, again, strict=True))
