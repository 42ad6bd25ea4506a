"""The model that is shipped, for servers with few players: learned from the simulated honest mainstream.

python -m bench.fairness.prior [--players 300] [--write anticheat/shipped_model.json]

Features that differ from game to game, as points and speed, are left out. The same command gives the same bytes.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from anticheat.features import FEATURES, Reference
from anticheat.model import Model
from anticheat.plays import Plays
from anticheat.stored_model import dump
from anticheat.training import train
from bench.fairness.tuning_mainstream import MAINSTREAM
from bench.fairness.world import ACTIONS, MIDNIGHT, WEEK

SEED, PLAYERS = 1, 300
_LIMITS = {name: action.limits for name, action in ACTIONS.items()}
_POINTS = {name: float(action.points) for name, action in ACTIONS.items()}


def prior(players: int) -> Model:
    """Return the model learned from so many simulated people (families count once)."""
    is_of_game = np.array([feature.is_of_game for feature in FEATURES])
    model = train(list(_mainstream(players)), MIDNIGHT + WEEK, days=7)
    return replace(
        model,
        reference=Reference({}, {}),
        middle=np.where(is_of_game, math.nan, model.middle),
        scale=np.where(is_of_game, math.inf, model.scale),
    )


def _mainstream(players: int) -> Iterator[Plays]:
    for kind in MAINSTREAM:
        for number in range(max(1, round(players * kind.share))):
            for account in kind.accounts(random.Random(f"{SEED}/{kind.name}/{number}")):
                yield Plays.of(account.plays, _LIMITS, _POINTS)


def main() -> int:
    """Print the model, or write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness.prior", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--players", type=int, default=PLAYERS, help="simulated people (300)")
    parser.add_argument("--write", type=Path, help="the file to write")
    arguments = parser.parse_args()
    stored, _ = dump(prior(arguments.players))
    if arguments.write:
        arguments.write.write_bytes(stored)
    else:
        print(stored.decode(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
