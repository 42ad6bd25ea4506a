"""The players: honest players who come back every time, and cheaters under ever new names."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

from deploy.demo.cheats import AlmostInTime, Burst, Cheat, Clockwork, Forger, Liar, Replayer, TooFast
from deploy.demo.honest import Expert, Honest, Novice, Regular, Runner
from deploy.demo.player import DemoPlayer, Stopped, World

HONEST: dict[type[Honest], tuple[str, ...]] = {
    Novice: ("pip.larsen", "Granny Jo", "newton77", "Lotta", "sam_i_am", "wobbly_wim", "Tuesday"),
    Regular: ("mira.k", "bea", "Okonkwo", "julesverne", "hanna_b", "TeaTime", "el_gato", "rui", "Marguerite"),
    Expert: ("Ayumi", "quicksilver", "doc_holloway", "nadia.v"),
    Runner: ("swift.sue", "Tortoise", "anyPercent", "frame_by_frame", "Bo"),
}
CHEATS: dict[type[Cheat], tuple[str, ...]] = {
    TooFast: ("turbo_tom", "zoomer", "insta.win"),
    AlmostInTime: ("hasty_harry", "sneaky.pete", "early_bird"),
    Clockwork: ("tick_tock", "metronome", "cron_job"),
    Burst: ("machine_gun", "ratatat", "firehose"),
    Replayer: ("deja_vu", "encore", "echo.echo"),
    Forger: ("paper_king", "counterfeit", "photoshop"),
    Liar: ("baron.m", "tall_tale", "pinocchio"),
}
KINDS = [kind.kind for kind in (*HONEST, *CHEATS)]
_HONEST_JOIN_WITHIN, _CHEATS_JOIN_WITHIN = 12.0, 40.0
_RETURN_SECONDS = (90.0, 240.0)


def threads(world: World, seed: int) -> list[threading.Thread]:
    """Return one thread for each player, not started; each ends soon after `world.stop`."""
    rng = random.Random(f"{seed}/cast")
    honest = [
        threading.Thread(
            target=_run_honest, args=(world, kind, name, _random_for(seed, name), rng.uniform(0, _HONEST_JOIN_WITHIN))
        )
        for kind, names in HONEST.items()
        for name in names
    ]
    cheats = [
        threading.Thread(
            target=_run_cheat,
            args=(world, kind, names, _random_for(seed, kind.kind), rng.uniform(5, _CHEATS_JOIN_WITHIN)),
        )
        for kind, names in CHEATS.items()
    ]
    return [*honest, *cheats]


def _random_for(seed: int, name: str) -> random.Random:
    """Return a player's own random numbers, so that they do not depend on when another player acts."""
    return random.Random(f"{seed}/{name}")


def _run_honest(world: World, kind: type[Honest], name: str, rng: random.Random, delay: float) -> None:
    _run_accounts(world, iter([(delay, kind(world, name, rng))]))


def _run_cheat(world: World, kind: type[Cheat], names: tuple[str, ...], rng: random.Random, delay: float) -> None:
    def accounts() -> Iterator[tuple[float, DemoPlayer]]:
        yield delay, kind(world, _alias(names, rng), rng)
        while True:
            yield rng.uniform(*_RETURN_SECONDS), kind(world, _alias(names, rng), rng)

    _run_accounts(world, accounts())


def _run_accounts(world: World, accounts: Iterator[tuple[float, DemoPlayer]]) -> None:
    """Run one account after the other, each until it is suspended."""
    for delay, player in accounts:
        try:
            player.wait(delay)
        except Stopped:
            return
        if not player.run():
            return


def _alias(names: tuple[str, ...], rng: random.Random) -> str:
    return f"{rng.choice(names)}{rng.randrange(10, 100)}"
