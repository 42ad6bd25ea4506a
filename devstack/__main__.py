"""`make run`, `make demo` and `make cluster`, once .venv is there: start everything, watch over it, stop it."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from types import FrameType
from typing import TextIO

from app.log_sink import guard_standard_error, guard_standard_output
from deploy.demo.limits import RAISED
from devstack import cluster_map, surroundings
from devstack.child import ROOT, CannotStart, Child
from devstack.cluster import Cluster
from devstack.given import given as settings_given
from devstack.group import Group
from devstack.stack import Stack
from devstack.watch import Watch

_PR_SET_PDEATHSIG = 1


class _Stop(BaseException):
    """We were asked to end."""


def say(line: str, file: TextIO | None = None) -> None:
    """Print one line for the person at the terminal, at once, to standard output or `file`."""
    print(line, file=file, flush=True)


def main() -> int:
    """0 after a stop that was asked for, 1 with one line on stderr when it cannot run."""
    arguments = _arguments()
    guard_standard_error()
    guard_standard_output()  # what it says is worth less than what it runs
    given = settings_given(os.environ)
    surroundings.enter(surroundings.for_parts(os.environ))
    _die_with(arguments.parent)
    _listen(_raise_stop)
    runs: _Runs | None = None
    failed = False
    try:
        if given:
            say(f"  Settings from your shell: {', '.join(given)}")
        given.setdefault("PORT", "8000")
        runs = _WholeCluster(arguments, given) if arguments.cluster else _OneOfEach(arguments, given)
        runs.group.start(lambda line: say(f"  {line}"))
        runs.introduce()
        _watch(runs)
    except _Stop:
        pass
    except (CannotStart, OSError) as error:
        say(f"Fairboard cannot run: {error}", sys.stderr)
        failed = True
    _listen(_at_once)
    if runs is not None:
        runs.changed(running=False)
        runs.group.stop(lambda line: say(f"  {line}"))
    if not failed:
        say(f"Stopped. Your data stays in {_place(arguments)}/.")
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="add simulated players")
    parser.add_argument("--cluster", action="store_true", help="the whole architecture instead of one of each")
    parser.add_argument("--parent", type=int, default=0, metavar="PID", help="stop when this parent process dies")
    parser.add_argument("--lock", type=int, metavar="FD", help="a descriptor that holds the folder's lock already")
    return parser.parse_args()


def _place(arguments: argparse.Namespace) -> str:
    return "var/cluster" if arguments.cluster else "var"


class _Runs:
    """What is run: the group, and what this terminal and others are told of it."""

    def __init__(self, group: Group, place: str) -> None:
        self.group, self._place = group, place

    def introduce(self) -> None:
        """Say where it is, once it answers."""
        say(f"Fairboard is at {self.group.url}/")
        say(f"  Ctrl-C stops it. Data is in {self._place}/, logs are in {self._place}/log/.")
        settings = f"set -a; . {self._place}/env; set +a"
        say(f"  For the flask commands, in another terminal: {settings}; .venv/bin/flask --help")

    def changed(self, *, running: bool) -> None:
        """A process was started again, or all are about to end."""


class _OneOfEach(_Runs):
    def __init__(self, arguments: argparse.Namespace, given: Mapping[str, str]) -> None:
        usual = RAISED if arguments.demo else {}
        super().__init__(Stack(ROOT / "var", {**usual, **given}, lock=arguments.lock), "var")
        self._demo = arguments.demo

    def introduce(self) -> None:
        super().introduce()
        if self._demo:
            self.group.add("demo", _Demo(self.group))


class _WholeCluster(_Runs):
    def __init__(self, arguments: argparse.Namespace, given: Mapping[str, str]) -> None:
        self._cluster = Cluster(cluster_map.FOLDER, given, lock=arguments.lock)
        super().__init__(self._cluster, "var/cluster")

    def introduce(self) -> None:
        rows = [[part.name, str(part.pid), part.address, part.role] for part in cluster_map.parts_of(self._cluster)]
        for line in cluster_map.table(["part", "pid", "address", "what it is"], rows):
            say(f"  {line}")
        super().introduce()
        say("  In another terminal: make cluster-status, make cluster-stop")
        cluster_map.write(self._cluster)

    def changed(self, *, running: bool) -> None:
        if running:
            cluster_map.write(self._cluster)
        else:
            cluster_map.forget(self._cluster.folder.path)


def _watch(runs: _Runs) -> None:
    """Show what goes wrong, and start again what has ended, until we are asked to stop or the demo is over."""
    watch = Watch(runs.group, say, demo="demo" in runs.group.processes)
    changed = False
    try:
        while True:
            time.sleep(0.2)
            demo = runs.group.processes.get("demo")
            if demo is not None and demo.exit_code == 0:
                return
            changed = watch.step() or changed
            if changed:
                with contextlib.suppress(OSError):  # on a full disk, until it can be noted down
                    runs.changed(running=True)
                    changed = False
    finally:
        watch.close()


class _Demo(Child):
    """The simulated players, as any clients, with their say on this terminal."""

    name = "demo"
    to_terminal = True

    def __init__(self, group: Group) -> None:
        super().__init__(group.folder.log("demo"), env=group.env, keep_open=group.folder.kept_open)
        self._url = group.url

    def command(self) -> list[str]:
        return [sys.executable, "-m", "deploy.demo", self._url]


def _die_with(parent: int) -> None:
    """Be asked to stop when `parent` (make) dies, so that not even a kill -9 of it leaves us behind."""
    if parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(0)


def _listen(handler: signal._HANDLER) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A SIGHUP that is ignored was ignored on purpose, by nohup.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    # The rest of them while we stop are for _at_once.
    _listen(signal.SIG_IGN)
    raise _Stop


def _at_once(_number: int, _frame: FrameType | None) -> None:
    """Asked a second time: the kernel ends our children with us."""
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
