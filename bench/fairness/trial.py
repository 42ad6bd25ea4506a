"""One population, drawn and judged: first by the rules, then by all that needs a model learned from another one."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anticheat.gain import GainLimits
from anticheat.model import Model
from bench.fairness.gaining import GainView, limits_of, points_by_day, watched
from bench.fairness.learning import ModelEye, ModelView, plays_of, trained
from bench.fairness.linking import links
from bench.fairness.live import THRESHOLDS, LiveResult, judged
from bench.fairness.population import Player, Sizes, population
from bench.fairness.results import Result
from bench.fairness.world import DAY, MIDNIGHT, Kind

UNUSUAL_SHARE, CHEAT_SHARE = 0.1, 0.05
MIXES: Final = {
    "the mainstream": (0.0, 0.0),
    "10% unusual": (UNUSUAL_SHARE, 0.0),
    "5% cheats": (0.0, CHEAT_SHARE),
    "10% unusual and 5% cheats": (UNUSUAL_SHARE, CHEAT_SHARE),
}
"""The parts of unusual players and of cheats in the population that the model learns from; the last judges."""
USUAL_MIX: Final = "10% unusual and 5% cheats"


@dataclass(frozen=True)
class JudgedPlayer:
    """A player, and what the rules made of the week."""

    player: Player
    live: LiveResult


def judge_population(kinds: Sequence[Kind], seed: str, sizes: Sizes, path: Path) -> int:
    """Draw a population, judge it by the rules, and store it; return its number of plays."""
    judged_players = [JudgedPlayer(player, judged(player)) for player in population(kinds, seed, sizes)]
    with path.open("wb") as file:
        pickle.dump(judged_players, file, protocol=pickle.HIGHEST_PROTOCOL)
    return sum(len(entry.player.codes) for entry in judged_players)


def stored_population(path: Path) -> list[JudgedPlayer]:
    """Return the population of `judge_population`."""
    with path.open("rb") as file:
        players: list[JudgedPlayer] = pickle.load(file)
    return players


@dataclass(frozen=True)
class Learned:
    """The models by mix, and the limits of gain."""

    models: Mapping[str, Model]
    limits: GainLimits


def learned(players: Sequence[JudgedPlayer], seed: str) -> Learned:
    """Learn from a population; accounts in a case of the rules are left out, as in the product."""
    rng = random.Random(f"{seed}/mix")
    samples = {name: _mix(players, rng, *shares) for name, shares in MIXES.items()}
    models = trained({name: [entry.player for entry in sample] for name, sample in samples.items()})
    entries = [entry for entry in samples[USUAL_MIX] if entry.player.is_honest or not _is_strange(entry, models)]
    return Learned(models, limits_of(points_by_day(entry.live.scored) for entry in entries))


def _is_strange(entry: JudgedPlayer, models: Mapping[str, Model]) -> bool:
    """Return whether the model opens a case for this account: cheats in a case set no limits, as in the product."""
    return ModelEye({USUAL_MIX: models[USUAL_MIX]}, plays_of(entry.player)).week()[USUAL_MIX].case_at is not None


def _mix(players: Sequence[JudgedPlayer], rng: random.Random, unusual: float, cheats: float) -> list[JudgedPlayer]:
    mainstream = [entry for entry in players if entry.player.is_honest and not entry.player.is_unusual]
    total = len(mainstream) / (1 - unusual) / (1 - cheats)
    chosen = list(mainstream)
    chosen += _in_turn([entry for entry in players if entry.player.is_unusual], rng, total * (1 - cheats) * unusual)
    chosen += _in_turn([entry for entry in players if not entry.player.is_honest], rng, total * cheats)
    return [entry for entry in chosen if entry.player.is_honest or entry.live.case_at is None]


def _in_turn(players: Sequence[JudgedPlayer], rng: random.Random, count: float) -> list[JudgedPlayer]:
    """Return so many players, of each kind in turn."""
    by_kind: dict[str, list[JudgedPlayer]] = {}
    for entry in rng.sample(list(players), len(players)):
        by_kind.setdefault(entry.player.kind, []).append(entry)
    kinds, chosen = list(by_kind.values()), list[JudgedPlayer]()
    while len(chosen) < round(count) and any(kinds):
        chosen += [kind.pop() for kind in kinds if kind][: round(count) - len(chosen)]
    return chosen


def results(players: Sequence[JudgedPlayer], lessons: Learned) -> list[Result]:
    """Judge a population by the rules, the model, the links and the watch on gain."""
    linked = links([entry.player for entry in players])
    return [_result(entry, lessons, linked.get(entry.player.name)) for entry in players]


def _result(entry: JudgedPlayer, lessons: Learned, link: tuple[float, float] | None) -> Result:
    player, live = entry.player, entry.live
    eye = ModelEye(lessons.models, plays_of(player))
    views = eye.week()
    model = views[USUAL_MIX]
    link_at, link_level = link or (None, 0.0)
    cases = {"rules": live.case_at, "model": model.case_at, "links": link_at}
    gain = watched(
        live.scored,
        lessons.limits,
        lambda at: eye.hand(at, USUAL_MIX),
        min((at for at in (live.case_at, link_at) if at is not None), default=None),
        random.Random(f"gain/{player.name}"),
        is_honest=player.is_honest,
    )
    cases["gain"] = gain.case_at
    return result_of(
        entry, cases, _levels(live, model, link_level, gain), {n: view.level for n, view in views.items()}, gain
    )


def _levels(live: LiveResult, model: ModelView, link_level: float, gain: GainView) -> dict[str, float]:
    gain_level = 0.0 if gain.case_at is None else max(gain.level, 1.0)
    return {"rules": live.peak / THRESHOLDS.flag, "model": model.level, "links": link_level, "gain": gain_level}


def result_of(
    entry: JudgedPlayer,
    cases: Mapping[str, float | None],
    levels: Mapping[str, float],
    model_levels: Mapping[str, float],
    gain: GainView,
) -> Result:
    """Return the result of one account, with all times since its first play."""
    player, live = entry.player, entry.live
    start = float(player.completed_at[0])
    first_cases = {way: at for way, at in cases.items() if at is not None}
    noticed_at = min(first_cases.values(), default=float("inf"))
    before = [scored for scored in live.scored if scored.is_public and scored.at < noticed_at]
    return Result(
        player.kind,
        player.is_honest,
        player.is_unusual,
        player.is_naive,
        len(player.codes),
        {way: at - start for way, at in first_cases.items()},
        levels,
        model_levels,
        len(live.suspensions),
        [end - begin for begin, end in [*live.holds, *gain.holds]],
        live.refused,
        live.off_board_after,
        points_by_day(live.scored),
        _best_day((scored.at, scored.points) for scored in before),
        sum(scored.points for scored in before),
    )


def _best_day(points: Iterable[tuple[float, float]]) -> float:
    days: dict[int, float] = {}
    for at, value in points:
        day = int((at - MIDNIGHT) // DAY)
        days[day] = days.get(day, 0.0) + value
    return max(days.values(), default=0.0)
