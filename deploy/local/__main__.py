"""`make run` and `make demo`, once .venv is there: start the stack, watch over it, stop it."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from types import FrameType

from app.settings import Settings
from deploy.demo.limits import RAISED
from deploy.local.child import ROOT, CannotStart, Child
from deploy.local.news import News
from deploy.local.stack import Stack

_PR_SET_PDEATHSIG = 1
_RESTARTS, _WITHIN_SECONDS = 5, 60.0


class _Stop(BaseException):
    """We were asked to end."""


def say(line: str) -> None:
    """One line for the person at the terminal, at once."""
    print(line, flush=True)


def main() -> int:
    """0 after a stop that was asked for, 1 with one line on stderr when it cannot run."""
    arguments = _arguments()
    _die_with(arguments.parent)
    _listen(_raise_stop)
    usual = RAISED if arguments.demo else {}
    stack = Stack(ROOT / "var", {**usual, **_given(os.environ)}, lock=arguments.lock)
    failed = False
    try:
        stack.start(lambda line: say(f"  {line}"))
        _introduce(stack)
        if arguments.demo:
            stack.add("demo", _Demo(stack))
        _watch(stack)
    except _Stop:
        pass
    except (CannotStart, OSError) as error:
        print(f"Fairboard cannot run: {error}", file=sys.stderr, flush=True)
        failed = True
    _listen(_at_once)
    stack.stop(lambda line: say(f"  {line}"))
    if not failed:
        say("Stopped. Your data stays in var/.")
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="add simulated players")
    parser.add_argument("--parent", type=int, default=0, metavar="PID", help="stop when this parent process dies")
    parser.add_argument("--lock", type=int, metavar="FD", help="a descriptor that holds the lock of var/ already")
    return parser.parse_args()


def _given(env: Mapping[str, str]) -> dict[str, str]:
    """The settings in the environment; the port is 8000 if none is named."""
    names = (item.name.upper() for item in fields(Settings))
    return {"PORT": "8000", **{name: env[name] for name in names if env.get(name, "").strip()}}


def _introduce(stack: Stack) -> None:
    say(f"Fairboard is at {stack.url}/")
    say("  Ctrl-C stops it. Data is in var/, logs are in var/log/.")
    say("  For the flask commands, in another terminal: set -a; . var/env; set +a; .venv/bin/flask --help")


def _watch(stack: Stack) -> None:
    """Show what goes wrong, and start again what has ended, until we are asked to stop."""
    news = News(stack.folder.path / "log", demo="demo" in stack.processes)
    ended: list[float] = []
    while True:
        time.sleep(0.2)
        for line in news.lines():
            say(line)
        for name, child in stack.processes.items():
            if child.running:
                continue
            if name == "demo" and child.exit_code == 0:
                return
            ended = [moment for moment in ended if moment > time.monotonic() - _WITHIN_SECONDS] + [time.monotonic()]
            if len(ended) > _RESTARTS:
                raise CannotStart(f"{name} keeps ending ({child.last_words()}); see {child.log}")
            say(f"{name} has ended ({child.last_words()}): starting it again; see {child.log}")
            child.stop()  # what it left behind
            child.start()


class _Demo(Child):
    """The simulated players, as any clients, with their say on this terminal."""

    name = "demo"
    to_terminal = True

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.folder.log("demo"), env=stack.env, keep_open=stack.folder.kept_open)
        self._url = stack.url

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
