"""The demo from start to end: players, cases, a summary now and then, and the results."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping

from deploy.demo import cast
from deploy.demo.board import SeenBoard
from deploy.demo.cases import NewSignals
from deploy.demo.limits import RAISED
from deploy.demo.player import World
from deploy.demo.screen import Screen, counted, top
from deploy.demo.tally import Event, EventTally

_SUMMARY_SECONDS, _CASES_SECONDS = 15.0, 1.0
_GOODBYE_SECONDS = 5.0


def run(
    url: str,
    stop: threading.Event,
    out: Callable[[str], None],
    admin_env: Mapping[str, str],
    *,
    seed: int = 1,
    colour: bool = False,
) -> EventTally:
    """Play against the product at `url` until `stop` is set; return the tally.

    `admin_env` is the environment of the product's own processes: with its DATABASE_URL the demo reads the cases, and
    with its JWT_KEYS its players keep their passwords from one run to the next. Both may be missing.
    """
    screen = Screen(out, colour=colour)
    names: dict[str, str] = {}

    def show(event: Event) -> None:
        names[event.player] = event.kind
        screen.show(event)

    world = World(url, stop, EventTally(show), SeenBoard(), _passwords(admin_env))
    cases = NewSignals(admin_env) if admin_env.get("DATABASE_URL") else None
    _introduce(screen, seed, cases, admin_env)
    players = cast.threads(world, seed)
    for thread in players:
        thread.daemon = True
        thread.start()
    start = time.monotonic()
    _follow(world, screen, cases, names)
    deadline = time.monotonic() + _GOODBYE_SECONDS
    for thread in players:
        thread.join(max(0.0, deadline - time.monotonic()))
    if cases is not None:
        _report_cases(world.tally, cases, names)
        cases.close()
    _conclude(world, screen, time.monotonic() - start)
    return world.tally


def _introduce(screen: Screen, seed: int, cases: NewSignals | None, admin_env: Mapping[str, str]) -> None:
    honest, cheats = sum(map(len, cast.HONEST.values())), len(cast.CHEATS)
    screen.print_line(f"Demo: {honest} honest players and {cheats} cheaters, all through the public API (seed {seed}).")
    raised = ", ".join(f"{name}={rate}" for name, rate in RAISED.items() if admin_env.get(name) == rate)
    if raised:
        screen.print_line(f"  They all come from one address, so limits per address are raised: {raised}.")
    flags = "read from the open cases, as by 'flask anticheat cases': no client can see them"
    screen.print_line(f"  Flags are {flags}." if cases else "  Flags are not shown: DATABASE_URL is not set.")


def _passwords(env: Mapping[str, str]) -> Callable[[str], str]:
    """Return a source of secure passwords that needs no file: from a secret of this installation and the name."""
    secret = env.get("JWT_KEYS") or secrets.token_hex(32)
    key = hashlib.blake2b(secret.encode(), person=b"fairboard-demo").digest()
    return lambda username: hashlib.blake2b(username.encode(), key=key, digest_size=16).hexdigest()


def _follow(world: World, screen: Screen, cases: NewSignals | None, names: Mapping[str, str]) -> None:
    """Report flags as they come, and a summary now and then, until the stop."""
    next_summary = time.monotonic() + _SUMMARY_SECONDS
    while not world.stop.wait(_CASES_SECONDS):
        if cases is not None:
            _report_cases(world.tally, cases, names)
        if time.monotonic() >= next_summary:
            next_summary += _SUMMARY_SECONDS
            screen.divide(_summary(world))


def _report_cases(tally: EventTally, cases: NewSignals, names: Mapping[str, str]) -> None:
    for event in cases.news(dict(names)):
        tally.add(event)


def _summary(world: World) -> str:
    tally = world.tally
    return (
        f"{tally.count('joined')} accounts | {tally.count('scored')} scored, {tally.count('flagged')} flagged, "
        f"{tally.count('refused')} refused{counted(tally.refusals())}, {tally.count('suspended')} suspended "
        f"| top {top(world.board.top(3))}"
    )


def _conclude(world: World, screen: Screen, seconds: float) -> None:
    tally = world.tally
    screen.print_line(f"The demo ran {int(seconds) // 60} min {int(seconds) % 60} s. {_summary(world)}")
    words = ("joined", "scored", "flagged", "refused", "suspended")
    screen.print_line(f"  {'kind':<10}" + "".join(f"{word:>11}" for word in words))
    for kind in cast.KINDS:
        screen.print_line(f"  {kind:<10}" + "".join(f"{tally.count(word, kind):>11}" for word in words))
    screen.print_line(
        f"  {tally.count('repeated')} sent again with their Idempotency-Key, {world.board.updates} board messages."
    )
    for surprise in tally.surprises:
        screen.print_line(f"  Must not happen: {surprise}")
    if not tally.surprises:
        screen.print_line("  No honest player was refused or suspended; every used and every forged token was refused.")
