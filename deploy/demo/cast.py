"""Who plays: twenty honest players who come back every time, and six cheaters under ever new names."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

from deploy.demo.cheats import AlmostInTime, Burst, Cheat, Clockwork, Forger, Replayer, TooFast
from deploy.demo.honest import Expert, Honest, Novice, Regular
from deploy.demo.player import Player, Stopped, World

HONEST: dict[type[Honest], tuple[str, ...]] = {
    Novice: ("pip.larsen", "Granny Jo", "newton77", "Lotta", "sam_i_am", "wobbly_wim", "Tuesday"),
    Regular: ("mira.k", "bea", "Okonkwo", "julesverne", "hanna_b", "TeaTime", "el_gato", "rui", "Marguerite"),
    Expert: ("Ayumi", "quicksilver", "doc_holloway", "nadia.v"),
}
CHEATS: dict[type[Cheat], tuple[str, ...]] = {
    TooFast: ("turbo_tom", "zoomer", "insta.win"),
    AlmostInTime: ("hasty_harry", "sneaky.pete", "early_bird"),
    Clockwork: ("tick_tock", "metronome", "cron_job"),
    Burst: ("machine_gun", "ratatat", "firehose"),
    Replayer: ("deja_vu", "encore", "echo.echo"),
    Forger: ("paper_king", "counterfeit", "photoshop"),
}
KINDS = [kind.kind for kind in (*HONEST, *CHEATS)]
_HONEST_JOIN_WITHIN, _CHEATS_JOIN_WITHIN = 12.0, 40.0
_COMES_BACK_AFTER = (90.0, 240.0)


def threads(world: World, seed: int) -> list[threading.Thread]:
    """One for each player, not started; each ends soon after `world.stop`."""
    rng = random.Random(f"{seed}/cast")
    honest = [
        threading.Thread(target=_honest, args=(world, kind, name, _of(seed, name), rng.uniform(0, _HONEST_JOIN_WITHIN)))
        for kind, names in HONEST.items()
        for name in names
    ]
    cheats = [
        threading.Thread(
            target=_cheat, args=(world, kind, names, _of(seed, kind.kind), rng.uniform(5, _CHEATS_JOIN_WITHIN))
        )
        for kind, names in CHEATS.items()
    ]
    return [*honest, *cheats]


def _of(seed: int, name: str) -> random.Random:
    """Everybody's own luck, so that one player's does not depend on when another acts."""
    return random.Random(f"{seed}/{name}")


def _honest(world: World, kind: type[Honest], name: str, rng: random.Random, after: float) -> None:
    _come_and_go(world, iter([(after, kind(world, name, rng))]))


def _cheat(world: World, kind: type[Cheat], names: tuple[str, ...], rng: random.Random, after: float) -> None:
    def lives() -> Iterator[tuple[float, Player]]:
        yield after, kind(world, _alias(names, rng), rng)
        while True:
            yield rng.uniform(*_COMES_BACK_AFTER), kind(world, _alias(names, rng), rng)

    _come_and_go(world, lives())


def _come_and_go(world: World, lives: Iterator[tuple[float, Player]]) -> None:
    """One account after the other, each until it is suspended."""
    for after, player in lives:
        try:
            player.wait(after)
        except Stopped:
            return
        if not player.run():
            return


def _alias(names: tuple[str, ...], rng: random.Random) -> str:
    return f"{rng.choice(names)}{rng.randrange(10, 100)}"
