"""The learned model in the simulation: what it learns from, and how it judges an account's week every six hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anticheat.features import Profile
from anticheat.model import Model, assess_values, train
from anticheat.plays import Plays
from anticheat.shipped import shipped_model
from bench.fairness.population import Player
from bench.fairness.world import ACTIONS, HOUR, MIDNIGHT, WEEK

EVERY: Final = 6 * HOUR
_LIMITS: Final = {name: action.limits for name, action in ACTIONS.items()}


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


def trained(players: Sequence[Player]) -> Model:
    """Return the model of these players' week. Leave out those in a case; of few, the shipped model stands in."""
    return train([plays_of(player) for player in players], MIDNIGHT + WEEK, days=7, prior=shipped_model())


@dataclass
class ModelView:
    """The model's view of one account: the time of its first case, and its highest level, 1 being enough for a case."""

    case_at: float | None = None
    level: float = 0.0


class ModelEye:
    """Judges one account by one model, at any time, by its play before."""

    def __init__(self, model: Model, plays: Plays) -> None:
        self._model, self._profile, self._times = model, Profile(plays, model.reference), plays.completed_at

    def level(self, until: float) -> float:
        """Return the level at this time; 0 for too few plays."""
        values = self._profile.vector(until)
        if values is None:
            return 0.0
        assessment = assess_values(self._model, values)
        level = assessment.score / assessment.threshold
        return max(level, 1.0) if assessment.is_case else level

    def week(self, every: float = EVERY) -> ModelView:
        """Judge the week, `every` so many seconds in which the account has played."""
        view = ModelView()
        for step in np.unique(np.floor((self._times - MIDNIGHT) / every)):
            until = MIDNIGHT + (float(step) + 1) * every
            level = self.level(until)
            view.level = max(view.level, level)
            if level >= 1.0 and view.case_at is None:
                view.case_at = until
        return view
