"""The learned model in the simulation: what it learns from, and how it judges an account's week every six hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anticheat.features import Profile, reference_of
from anticheat.model import Model, assess_values
from anticheat.plays import Plays, Vector
from anticheat.shipped import shipped_model
from anticheat.training import learn, moments_of
from bench.fairness.population import Player
from bench.fairness.world import ALL_ACTIONS, HOUR, MIDNIGHT, WEEK

EVERY: Final = 6 * HOUR
_LIMITS: Final = {name: action.limits for name, action in ALL_ACTIONS.items()}


def plays_of(player: Player) -> Plays:
    """Return a player's plays in the form that the model reads."""
    order = np.argsort(player.completed_at, kind="stable")
    names, points = player.actions, player.points
    return Plays.from_arrays(
        [names[index] for index in order],
        player.issued_at[order],
        player.completed_at[order],
        _LIMITS,
        points[order],
    )


def trained(samples: Mapping[str, Sequence[Player]]) -> dict[str, Model]:
    """Return the model of each sample's week, all with the usual times of the last sample.

    Leave out players in a case; of few players, the shipped model stands in.
    """
    until, weeks = MIDNIGHT + WEEK, {player.name: plays_of(player) for sample in samples.values() for player in sample}
    reference = reference_of([weeks[player.name] for player in list(samples.values())[-1]])
    moments = {name: moments_of(plays, reference, until, 7) for name, plays in weeks.items()}
    return {
        name: learn(
            reference,
            [moments[player.name] for player in sample if moments[player.name]],
            until,
            prior=shipped_model(),
        )
        for name, sample in samples.items()
    }


@dataclass
class ModelView:
    """The model's view of one account: the time of its first case, and its highest level, 1 being enough for a case."""

    case_at: float | None = None
    level: float = 0.0


class ModelEye:
    """Judges one account by several models with the same usual times, at any time, by its play before."""

    def __init__(self, models: Mapping[str, Model], plays: Plays) -> None:
        reference = next(iter(models.values())).reference
        self._models, self._profile, self._times = models, Profile(plays, reference), plays.completed_at

    def hand(self, until: float, name: str) -> float | None:
        """Return one model's evidence about the hand at this time; `None` for too few plays."""
        values = self._profile.vector(until)
        return None if values is None else assess_values(self._models[name], values).hand

    def levels(self, until: float) -> dict[str, float]:
        """Return the level at this time by each model; 0 for too few plays."""
        values = self._profile.vector(until)
        return {name: 0.0 if values is None else _level(model, values) for name, model in self._models.items()}

    def week(self) -> dict[str, ModelView]:
        """Judge every six hours in which the account has played."""
        views = {name: ModelView() for name in self._models}
        for step in np.unique(np.floor((self._times - MIDNIGHT) / EVERY)):
            until = MIDNIGHT + (float(step) + 1) * EVERY
            for name, level in self.levels(until).items():
                view = views[name]
                view.level = max(view.level, level)
                if level >= 1.0 and view.case_at is None:
                    view.case_at = until
        return views


def _level(model: Model, values: Vector) -> float:
    assessment = assess_values(model, values)
    level = assessment.score / assessment.threshold
    return max(level, 1.0) if assessment.is_case else level
