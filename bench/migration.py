"""`python -m bench.migration BEFORE`: upgrade a large database while processes of the version BEFORE go on.

BEFORE is a commit, of which a copy is run. Its schema gets a million events, and players redeem on its processes all
the time. Then the database is upgraded, servers of this version run beside those of before, each redeems what the other
issued and replays what the other answered, those of before end, and the schema is contracted. In the end every point is
where it was, and every 200 is on the board.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench.load import BenchFailed
from bench.migration_data import FILL, SUMS, WRONG_STANDINGS
from bench.mixed_load import Answer, MixedLoad, issue, redeem, register
from bench.players import BenchPlayer, Redemption
from bench.stage import SETTINGS
from devstack import surroundings
from devstack.apps import App, Beat, Relay, Web, Worker
from devstack.child import ROOT, CannotStart, free_port
from devstack.group import Progress
from devstack.stack import Stack
from fairboard_client import FairboardError

_PLAYERS = 40  # that redeem
# So few players redeem faster than people do.
_LENIENT = {f"ANTICHEAT_{level}": "1000000" for level in ("HOLD", "FLAG", "REJECT", "CRITICAL")}
_CALM_SECONDS = 5.0


class Servers(Stack):
    """PostgreSQL and Redis, with the schema of the code in `checkout`, and no process of the product."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        super().__init__(folder, SETTINGS | _LENIENT, parts=())
        self._checkout = checkout

    def _start_all(self, progress: Progress) -> None:
        self._start_servers(progress)
        _flask(self.env, "db", "upgrade", checkout=self._checkout)

    def sql(self, text: str, values: dict[str, int] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement as superuser, without the checks of foreign keys."""
        with psycopg.connect(self.postgres.admin_url("fairboard"), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            cursor = connection.execute(text.encode(), values)
            return cursor.fetchall() if cursor.description else []


def _flask(env: dict[str, str], *arguments: str, checkout: Path = ROOT) -> str:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    result = subprocess.run(command, env=env, cwd=checkout, capture_output=True, text=True)
    if result.returncode != 0:
        raise BenchFailed(f"flask {' '.join(arguments)}: {(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout.strip()


class _Processes:
    """A web server, a worker, a beat and a relay of the code in `checkout`."""

    def __init__(self, servers: Servers, name: str, checkout: Path) -> None:
        def of_checkout(kind: type[App]) -> type[Any]:
            return type(kind.__name__, (kind,), {"folder": lambda _: checkout})

        env = {**servers.env, "HOST": "127.0.0.1", "PORT": str(free_port())}
        log = servers.folder.log
        self._web: Web = of_checkout(Web)(log(f"web-{name}"), env)
        self._parts: list[App] = [of_checkout(kind)(log(f"{kind.name}-{name}"), env) for kind in (Worker, Beat, Relay)]
        self.url = self._web.url

    def start(self) -> None:
        """Start them, and wait until they answer."""
        for part in (*self._parts, self._web):
            part.launch()
        for part in (*self._parts, self._web):
            part.wait_until_answers()

    def stop(self) -> None:
        """Stop them; again it does nothing."""
        for part in (self._web, *reversed(self._parts)):
            part.stop()

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Run:
    """One run; `figures` has what was measured, and `faults` what should not be."""

    def __init__(self, servers: Servers, before: Path, say: Progress) -> None:
        self._servers, self._before, self._say = servers, before, say
        self.figures: dict[str, object] = {}
        self.faults: list[str] = []

    def everything(self, events: int, players: int) -> None:
        """Fill, upgrade, run both versions, contract, and compare."""
        self._say(f"Writing {events:,} events of {players:,} players")
        for statement in FILL:
            self._servers.sql(statement, {"players": players, "each": events // players})
        filled = self._points()
        before, after = _Processes(self._servers, "before", self._before), _Processes(self._servers, "after", ROOT)
        with before, after:
            before.start()
            people = register(before.url, _PLAYERS)
            redeemed = [(action, redeem(before.url, action)) for action in self._issue(before.url, people)]
            live = self._issue(before.url, people)
            with MixedLoad([before.url], people) as load:
                self._rest(load, "before")
                self._upgrade(load)
                after.start()
                load.urls = [before.url, after.url]
                self._rest(load, "both versions")
                extra = self._cross(before.url, after.url, people, live, redeemed)
                load.urls = [after.url]
                self._contract(load, before)
        self._compare(filled + load.scored + len(redeemed) + extra, load)

    def _issue(self, url: str, people: Sequence[BenchPlayer]) -> list[Redemption]:
        try:
            return [issue(url, player) for player in [*people, *people]]
        except FairboardError as refusal:
            raise BenchFailed(f"an action was refused: {refusal}") from refusal

    def _rest(self, load: MixedLoad, name: str) -> None:
        self._say(f"Redeeming: {name}")
        begin = time.monotonic()
        time.sleep(_CALM_SECONDS)
        self.figures[f"slowest redemption, {name} (s)"] = round(load.slowest(begin, time.monotonic()), 3)

    def _upgrade(self, load: MixedLoad) -> None:
        self._say("Upgrading")
        begin = time.monotonic()
        self._say(_flask(self._servers.env, "db", "upgrade"))
        end = time.monotonic()
        time.sleep(1)
        self.figures["upgrade (s)"] = round(end - begin, 1)
        self.figures["slowest redemption, upgrade (s)"] = round(load.slowest(begin, end), 3)

    def _cross(
        self,
        old: str,
        new: str,
        people: list[BenchPlayer],
        live: list[Redemption],
        redeemed: list[tuple[Redemption, Answer]],
    ) -> int:
        """Redeem and replay at one version what the other issued and answered; return the redemptions that scored."""
        self._say("Carrying tokens and keys from one version to the other")
        first = [(action, redeem(new, action)) for action in live]
        second = [(action, redeem(old, action)) for action in self._issue(new, people)]
        for kind, pairs in (("of before, at the new server", first), ("of now, at the old server", second)):
            self._count_faults(f"tokens {kind}", [answer.status != 200 for _, answer in pairs])
        for kind, url, pairs in (
            ("of before, at the new server", new, redeemed),
            ("of now, at the old server", old, first),
            ("of the old server, at the new one", new, second),
        ):
            self._count_faults(f"replays {kind}", [_differs(answer, redeem(url, action)) for action, answer in pairs])
        return sum(answer.status == 200 for _, answer in first + second)

    def _contract(self, load: MixedLoad, before: _Processes) -> None:
        self._say("Contracting")
        try:
            if json.loads(_flask(self._servers.env, "db", "contract", "--json"))["contracted"]:
                self.faults.append("the schema was contracted while processes of before were connected")
        except BenchFailed as refusal:
            self._say(str(refusal))
        before.stop()
        begin = time.monotonic()
        self._say(_flask(self._servers.env, "db", "contract"))
        self.figures["slowest redemption, contract (s)"] = round(load.slowest(begin, time.monotonic()), 3)
        self._rest(load, "contracted")

    def _count_faults(self, name: str, results: Sequence[bool]) -> None:
        self.figures[name] = f"{len(results) - sum(results)} of {len(results)} right"
        if any(results):
            self.faults.append(f"{name}: {sum(results)} wrong")

    def _points(self) -> int:
        ((points, in_standings),) = self._servers.sql(SUMS)
        if points != in_standings:
            self.faults.append(f"{points:,} points in the ledger, {in_standings:,} in the standings")
        return int(points)

    def _compare(self, expected: int, load: MixedLoad) -> None:
        points = self._points()
        self.figures["points"] = points
        if points != expected:
            self.faults.append(f"{points:,} points, but {expected:,} were confirmed")
        self.figures["redemptions"] = load.scored
        codes = sorted({f"{status} {code}" for status, code in load.failures})
        self.figures["other answers"] = f"{len(load.failures)}: {', '.join(codes)}" if codes else "none"
        ((wrong,),) = self._servers.sql(WRONG_STANDINGS)
        if wrong:
            self.faults.append(f"{wrong:,} standings differ from the sums of their events")


def _differs(first: Answer, replay: Answer) -> bool:
    if first.data is None or replay.data is None:
        return True
    before, after = dict(first.data), dict(replay.data)
    return any(before[name] != after[name] for name in ("action_id", "points", "score", "rank"))


def _copy(commit: str, folder: Path) -> None:
    """Copy the tree of a commit into a folder."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)


def main() -> None:
    """Run `python -m bench.migration`; its --help lists the options."""
    surroundings.enter(surroundings.for_tools(os.environ))
    parser = argparse.ArgumentParser(prog="python -m bench.migration", description=__doc__)
    parser.add_argument("before", help="the commit of the version that runs before the upgrade")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--players", type=int, default=100_000)
    arguments = parser.parse_args()
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {line}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="fairboard-migration-") as folder:
        checkout = Path(folder, "before")
        checkout.mkdir()
        try:
            _copy(arguments.before, checkout)
            servers = Servers(Path(folder, "stack"), checkout)
            servers.start(say)
            try:
                run = Run(servers, checkout, say)
                run.everything(arguments.events, arguments.players)
            finally:
                servers.stop()
        except (BenchFailed, CannotStart, subprocess.CalledProcessError) as error:
            sys.exit(f"bench: {error}")
    print(json.dumps(run.figures, indent=2))
    sys.exit("\n".join(run.faults) or None)


if __name__ == "__main__":
    main()
