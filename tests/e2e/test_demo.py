"""The demo's players against the real product: cheaters are caught, honest players are left alone."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.board import SeenBoard
from deploy.demo.cases import NewSignals
from deploy.demo.cheats import AlmostInTime, Burst, Clockwork, Forger, Replayer, TooFast
from deploy.demo.honest import Expert, Honest, Regular, Runner
from deploy.demo.player import DemoPlayer, World
from deploy.demo.tally import Event, EventTally
from devstack.child import ROOT
from tests.parts.client import fresh_name
from tests.parts.product import Product, wait_until_settled
from tests.parts.waiting import eventually


class Metronome(Clockwork):
    """The clockwork cheat with an action that takes little time, so that the test need not take a minute."""

    slug = "beat"
    spare = 0.2


class Flood(Burst):
    """The burst cheat with an action whose bursts are small, so that a busy machine reaches them too."""

    slug = "flood"


_RUNS = """
[boards.speedruns]
scoring = "best"
order = "asc"

[action_types.speedrun]
boards = ["speedruns"]
result_kind = "reported"
result_is_duration = true
min_seconds = 0.5
slack_seconds = 10
"""


class Stage:
    """A world of players whose events are recorded."""

    def __init__(self, url: str) -> None:
        self.events: list[Event] = []
        self.tally = EventTally(self.events.append)
        self.board = SeenBoard()
        self.stop = threading.Event()
        self.world = World(url, self.stop, self.tally, self.board, lambda name: f"password of {name}")
        self._threads: list[threading.Thread] = []

    def start(self, kind: type[DemoPlayer], name: str | None = None) -> DemoPlayer:
        player = kind(self.world, name or fresh_name(), random.Random(1))
        thread = threading.Thread(target=player.run)
        self._threads.append(thread)
        thread.start()
        return player

    def end(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def stage(product: Product) -> Iterator[Stage]:
    stage = Stage(product.url)
    yield stage
    stage.end()


@dataclass
class Crowd:
    """The players that need a while, each kind in a world of its own. They all play at the same time.

    `cases` tells of the cases since they began.
    """

    cheats: Stage
    thieves: Stage
    honest: Stage
    cheaters: list[DemoPlayer]
    players: list[DemoPlayer]
    cases: NewSignals

    def end(self) -> None:
        for stage in (self.cheats, self.thieves, self.honest):
            stage.end()
        self.cases.close()


@pytest.fixture(scope="module")
def crowd(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    runs = tmp_path_factory.mktemp("boards") / "runs.toml"
    runs.write_text(_RUNS)
    assert product.flask("boards", "apply", str(runs)).returncode == 0
    for slug, options in ((Metronome.slug, ("--min-seconds", "0.8")), (Flood.slug, ("--burst", "5"))):
        assert product.flask("actions", "add", slug, "--points", "1", *options).returncode == 0
    cases = NewSignals(product.env)
    cheats, thieves, honest = (Stage(product.url) for _ in range(3))
    cheaters = [cheats.start(kind) for kind in (TooFast, AlmostInTime, Metronome, Flood)]
    for kind in (Replayer, Forger):
        thieves.start(kind)
    honest.start(Runner)
    players = [honest.start(kind) for kind in (Regular, Regular, Expert)]
    crowd = Crowd(cheats, thieves, honest, cheaters, players, cases)
    yield crowd
    crowd.end()


def test_used_and_forged_tokens_are_refused_every_time(crowd: Crowd) -> None:
    tally = crowd.thieves.tally
    expected_codes = {"token_already_used", "invalid_signature"}
    eventually(lambda: all(tally.refusals().get(code, 0) >= 2 for code in expected_codes), within=60)
    crowd.thieves.end()
    assert set(tally.refusals()) == expected_codes
    assert tally.surprises == []


def test_every_kind_of_cheater_ends_suspended_or_held(crowd: Crowd, product: Product) -> None:
    """What no honest client does suspends; what a device could do too keeps the points off the board."""
    tally = crowd.cheats.tally
    hard = [cheater for cheater in crowd.cheaters if isinstance(cheater, TooFast | AlmostInTime)]
    soft = [cheater for cheater in crowd.cheaters if cheater not in hard]
    eventually(lambda: all(tally.count("suspended", cheater.kind) for cheater in hard), within=300)
    assert {product.run_json("users", "show", cheater.name)["status"] for cheater in hard} == {"suspended"}
    assert len(soft) == 2
    eventually(lambda: all(product.run_json("users", "show", cheater.name)["held"] for cheater in soft), within=300)
    assert {product.run_json("users", "show", cheater.name)["status"] for cheater in soft} == {"active"}
    assert tally.surprises == []


def test_honest_players_score_and_see_the_board_move(crowd: Crowd, product: Product) -> None:
    stage = crowd.honest
    eventually(
        lambda: all(
            any(event.player == player.name and event.points for event in stage.events) for player in crowd.players
        )
    )
    eventually(lambda: stage.board.top(1))
    run = eventually(lambda: next((event for event in stage.events if event.milliseconds), None))
    assert (run.kind, run.score, run.points, run.rank) == ("runner", run.milliseconds, None, 1)
    stage.end()
    assert stage.tally.surprises == []
    assert stage.tally.count("refused") == 0
    wait_until_settled(product)


def test_flags_are_told_from_the_cases(crowd: Crowd) -> None:
    """How much each completion adds depends on how soon the server answers: 24 as a rule, less on a busy machine."""
    (cheater,) = (cheater for cheater in crowd.cheaters if isinstance(cheater, AlmostInTime))
    eventually(lambda: crowd.cheats.tally.count("suspended", cheater.kind), within=300)
    events = list(crowd.cases.news({cheater.name: cheater.kind}))
    # Below `flag` it scores unnoticed, then it is flagged, from `reject` on refused, and in the end suspended.
    assert re.fullmatch("(noted )+(flagged )+(noted )+", "".join(f"{event.word} " for event in events)), events
    assert all(re.search(r"timing \+\d+", event.detail) for event in events)
    assert list(crowd.cases.news({cheater.name: cheater.kind})) == []


def test_the_server_closes_the_socket_of_one_it_suspends(stage: Stage) -> None:
    stage.start(TooFast)
    eventually(lambda: stage.tally.count("cut off"))


def test_an_honest_player_comes_back_to_the_same_account(stage: Stage) -> None:
    name = fresh_name()
    stage.start(Regular, name)
    eventually(lambda: stage.tally.count("joined"))
    stage.start(Regular, name)
    eventually(lambda: stage.tally.count("joined") == 2)
    assert {(event.player, event.detail) for event in stage.events if event.word == "joined"} == {
        (name, "signed up"),
        (name, "signed in again"),
    }


@pytest.mark.parametrize("kind", [Regular, TooFast])
def test_a_player_whose_name_is_taken_takes_another(
    stage: Stage, player: Callable[..., object], kind: type[DemoPlayer]
) -> None:
    name = fresh_name()
    player(name)
    stage.start(kind, name)
    joined = eventually(lambda: [event.player for event in stage.events if event.word == "joined"])
    assert joined == [f"{name}2"]


def test_a_suspended_honest_player_is_a_surprise(stage: Stage, product: Product) -> None:
    class Hasty(Honest):
        """A player that is honest by name only."""

        kind = "hasty"
        slug = "quick-match"
        patience = 0.0

        def play(self) -> None:
            TooFast.play(self)  # type: ignore[arg-type]

    stage.start(Hasty)
    eventually(lambda: stage.tally.surprises)
    assert "honest hasty player, was suspended" in " ".join(stage.tally.surprises)


def test_the_whole_demo_tells_what_happens_and_ends_when_asked(product: Product, tmp_path: Path) -> None:
    log = tmp_path / "said"
    command = [sys.executable, "-m", "deploy.demo", product.url, "--seed", "3"]
    with log.open("w") as out:
        demo = subprocess.Popen(command, cwd=ROOT, env=product.env, stdout=out, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: all(word in log.read_text() for word in (" scored ", " refused ", "---")), within=90)
            demo.send_signal(signal.SIGINT)
            assert demo.wait(20) == 0
        finally:
            demo.kill()
            demo.wait()
    text = log.read_text()
    assert "The demo ran" in text
    assert "No honest player was refused or suspended" in text
    assert "Traceback" not in text
    assert "\x1b" not in text, "no colours where nobody sees them"
    wait_until_settled(product)
