"""The learned model in the simulation: what it learns from, and how it judges an account's week every six hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anticheat import model as models
from anticheat.features import WINDOW_SECONDS, Plays, Population, features, population_of
from bench.fairness.population import Player
from bench.fairness.world import DAY, HOUR, MIDNIGHT, WEEK

EVERY: Final = 6 * HOUR


@dataclass(frozen=True)
class Model:
    """A model with the population that it compares with; `days` is None after too few days of play."""

    days: models.Model | None
    population: Population


def plays_of(player: Player) -> Plays:
    """Return a player's plays in the form that the model reads."""
    order = np.argsort(player.completed_at, kind="stable")
    names = player.actions
    return Plays([names[index] for index in order], player.issued_at[order], player.completed_at[order])


def trained(players: Sequence[Player]) -> Model:
    """Return the model of these players' week. Leave out those in a case."""
    weeks, ends = [plays_of(player) for player in players], np.arange(1, WEEK // DAY + 1) * DAY + MIDNIGHT
    population = population_of([_window(plays, float(ends[-1])) for plays in weeks])
    vectors = [features(_window(plays, float(end)), population, float(end)) for plays in weeks for end in ends]
    days = [vector for vector in vectors if vector is not None]
    return Model(models.train(days, 1) if len(days) >= models.LEAST_WINDOWS else None, population)


def _window(plays: Plays, until: float) -> Plays:
    part = slice(*np.searchsorted(plays.completed_at, [until - WINDOW_SECONDS, until]))
    return Plays(plays.action_types[part], plays.issued_at[part], plays.completed_at[part])


@dataclass
class ModelView:
    """The model's view of one account: the time of its first case, and its highest level, 1 being enough for a case."""

    case_at: float | None = None
    level: float = 0.0


class ModelEye:
    """Judges one account by one model, at any time, by its play before."""

    def __init__(self, model: Model, plays: Plays) -> None:
        self._model, self._plays = model, plays

    def level(self, until: float) -> float:
        """Return the level at this time; 0 for too few plays."""
        vector = features(_window(self._plays, until), self._model.population, until)
        if vector is None or self._model.days is None:
            return 0.0
        return models.scores(self._model.days, [vector])[0] / models.THRESHOLD

    def week(self, every: float = EVERY) -> ModelView:
        """Judge the week, `every` so many seconds in which the account has played."""
        view = ModelView()
        for step in np.unique(np.floor((self._plays.completed_at - MIDNIGHT) / every)):
            until = MIDNIGHT + (float(step) + 1) * every
            level = self.level(until)
            view.level = max(view.level, level)
            if level >= 1.0 and view.case_at is None:
                view.case_at = until
        return view
