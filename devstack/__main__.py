"""The launcher behind `make run`, `make demo` and `make cluster`: once .venv exists, it starts and watches it all."""

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
from app.tables import aligned
from deploy.demo.limits import RAISED
from devstack import cluster_map, surroundings
from devstack.child import ROOT, CannotStart, Child
from devstack.cluster import Cluster
from devstack.group import Group
from devstack.stack import Stack
from devstack.user_settings import user_settings
from devstack.watch import Watch

_PR_SET_PDEATHSIG = 1
_DEMO_BOARDS = ROOT / "deploy" / "demo" / "boards.toml"


class _Stop(BaseException):
    """The launcher was asked to end. Python ignores an exception inside a destructor, so the request is kept too."""

    is_requested = False


def print_line(line: str, file: TextIO | None = None) -> None:
    """Print one line for the person at the terminal, at once, to standard output or `file`."""
    print(line, file=file, flush=True)


def main() -> int:
    """Return 0 after a requested stop; return 1, after one line on stderr, when Fairboard cannot run."""
    arguments = _parse_arguments()
    guard_standard_error()
    guard_standard_output()  # a failed write to the terminal must not end the processes
    overrides = user_settings(os.environ)
    surroundings.enter(surroundings.for_parts(os.environ))
    _die_with(arguments.parent)
    _set_signal_handlers(_raise_stop)
    session: _Session | None = None
    has_failed = False
    try:
        if overrides:
            print_line(f"  Settings from your shell: {', '.join(overrides)}")
        overrides.setdefault("PORT", "8000")
        session = _ClusterSession(arguments, overrides) if arguments.cluster else _StackSession(arguments, overrides)
        session.group.start(lambda line: print_line(f"  {line}"))
        session.introduce()
        _watch(session)
    except _Stop:
        pass
    except (CannotStart, OSError) as error:
        print_line(f"Fairboard cannot run: {_describe(error)}", sys.stderr)
        has_failed = True
    _set_signal_handlers(_exit_at_once)
    if session is not None:
        session.update_map(running=False)
        session.group.stop(lambda line: print_line(f"  {line}"))
    if not has_failed:
        print_line(f"Stopped. Your data stays in {_folder_name(arguments)}/.")
    return int(has_failed)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="add simulated players")
    parser.add_argument("--cluster", action="store_true", help="the whole architecture instead of one of each")
    parser.add_argument("--parent", type=int, default=0, metavar="PID", help="stop when this parent process dies")
    parser.add_argument("--lock", type=int, metavar="FD", help="a descriptor that holds the folder's lock already")
    return parser.parse_args()


def _describe(error: CannotStart | OSError) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _folder_name(arguments: argparse.Namespace) -> str:
    return "var/cluster" if arguments.cluster else "var"


class _Session:
    """The group that runs, and the texts about it for this terminal and for others."""

    def __init__(self, group: Group, folder_name: str) -> None:
        self.group, self._folder_name = group, folder_name

    def introduce(self) -> None:
        """Print where Fairboard answers, once it does."""
        print_line(f"Fairboard is at {self.group.url}/")
        print_line(f"  Ctrl-C stops it. Data is in {self._folder_name}/, logs are in {self._folder_name}/log/.")
        settings = f"set -a; . {self._folder_name}/env; set +a"
        print_line(f"  For the flask commands, in another terminal: {settings}; .venv/bin/flask --help")

    def update_map(self, *, running: bool) -> None:
        """Update the map after a restart (`running`), or before all processes end."""


class _StackSession(_Session):
    def __init__(self, arguments: argparse.Namespace, overrides: Mapping[str, str]) -> None:
        demo_settings = RAISED if arguments.demo else {}
        super().__init__(Stack(ROOT / "var", {**demo_settings, **overrides}, lock=arguments.lock), "var")
        self._demo = arguments.demo

    def introduce(self) -> None:
        super().introduce()
        if self._demo:
            self._add_demo_boards()
            self.group.add("demo", _Demo(self.group))

    def _add_demo_boards(self) -> None:
        """Add the boards that the demo plays on besides `main`, or say why not: the user may have archived one."""
        try:
            self.group.flask("boards", "apply", str(_DEMO_BOARDS), "--rebuild")
        except CannotStart as error:
            print_line(f"  The demo plays without its own boards: {error}")


class _ClusterSession(_Session):
    def __init__(self, arguments: argparse.Namespace, overrides: Mapping[str, str]) -> None:
        self._cluster = Cluster(cluster_map.FOLDER, overrides, lock=arguments.lock)
        super().__init__(self._cluster, "var/cluster")

    def introduce(self) -> None:
        rows = [[part.name, str(part.pid), part.address, part.role] for part in cluster_map.parts_of(self._cluster)]
        for line in aligned(rows, ["part", "pid", "address", "role"]).splitlines():
            print_line(f"  {line}")
        super().introduce()
        print_line("  In another terminal: make cluster-status, make cluster-stop")
        cluster_map.write(self._cluster)

    def update_map(self, *, running: bool) -> None:
        if running:
            cluster_map.write(self._cluster)
        else:
            cluster_map.forget(self._cluster.folder.path)


def _watch(session: _Session) -> None:
    """Report failures and restart ended processes, until a stop is requested or the demo is over."""
    watch = Watch(session.group, print_line, demo="demo" in session.group.processes)
    is_map_stale = False
    try:
        while True:
            time.sleep(0.2)
            if _Stop.is_requested:
                raise _Stop
            demo = session.group.processes.get("demo")
            if demo is not None and demo.exit_code == 0:
                return
            is_map_stale = watch.step() or is_map_stale
            if is_map_stale:
                with contextlib.suppress(OSError):  # on a full disk: try again until the map can be written
                    session.update_map(running=True)
                    is_map_stale = False
    finally:
        watch.close()


class _Demo(Child):
    """The simulated players: ordinary clients that print to this terminal."""

    name = "demo"
    to_terminal = True

    def __init__(self, group: Group) -> None:
        super().__init__(group.folder.log("demo"), env=group.env, keep_open=group.folder.inherited_descriptors)
        self._url = group.url

    def command(self) -> list[str]:
        return [sys.executable, "-m", "deploy.demo", self._url]


def _die_with(parent: int) -> None:
    """Send this process SIGTERM when `parent` (make) dies, so that not even a kill -9 of make leaves us behind."""
    if parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit(0)


def _set_signal_handlers(handler: signal._HANDLER) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # An ignored SIGHUP was ignored on purpose, by nohup.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    # Ignore further signals until `_exit_at_once` handles them during the stop.
    _set_signal_handlers(signal.SIG_IGN)
    _Stop.is_requested = True
    raise _Stop


def _exit_at_once(_number: int, _frame: FrameType | None) -> None:
    """Exit after a second request to stop: the kernel ends our children with us."""
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
