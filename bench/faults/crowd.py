"""The crowd: a process of its own that redeems steadily and watches, through every failure of the product.

    python -m bench.faults.crowd PLAN

PLAN is JSON: `{"host", "port", "players": [access tokens], "watchers": [access tokens], "boards", "sockets", "rate",
"keeps_times"}`, `rate` in redemptions a second, all players together; the sockets subscribe to the boards in turn. It
prints `ready` once every socket has a board. Then each line on standard input is a command, answered with one line of
JSON:

- `begin`: redeem from now on.
- `rest`: stop, wait for the last answers, and report them: the fields of a `PhaseAccount`, `silence` in seconds,
  `endings` (sockets by how they ended), `went_back` (boards older than the one before) and `screens` (those of a
  `Screen`, if `keeps_times`).
- `seen`: `{"saw", "endings"}`, the phase so far.
- `boards`: the present screens, `{"connected", "boards": [{"board", "count", "rows"}]}`.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent has to patch before anything else is imported
import sys  # noqa: E402
from collections import Counter  # noqa: E402
from dataclasses import asdict  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import gevent.event  # noqa: E402
import gevent.fileobject  # noqa: E402

from bench.faults.redeemers import PhaseAccount, Redeemer  # noqa: E402
from bench.faults.watchers import Watcher  # noqa: E402

_MAX_CONNECTING = 50  # sockets that connect at the same time


class Crowd:
    """All players and watchers."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._address = plan["host"], plan["port"]
        self._players: list[str] = plan["players"]
        self._pause = len(self._players) / plan["rate"]
        self._endings: Counter[str] = Counter()
        tokens, boards = plan["watchers"], plan["boards"]
        self._watchers = [
            Watcher(
                self._address,
                tokens[number % len(tokens)],
                boards[number % len(boards)],
                self._endings,
                keeps_times=plan["keeps_times"],
            )
            for number in range(plan["sockets"])
        ]
        self._stop = gevent.event.Event()
        self._account = PhaseAccount()
        self._playing: list[Any] = []
        self._phase = 0

    def connect(self) -> None:
        """Connect every socket, some at a time."""
        for start in range(0, len(self._watchers), _MAX_CONNECTING):
            batch = self._watchers[start : start + _MAX_CONNECTING]
            for watcher in batch:
                gevent.spawn(watcher.watch)
            while not all(watcher.connected for watcher in batch):
                gevent.sleep(0.02)

    def begin(self) -> dict[str, Any]:
        """Redeem from now on."""
        self._phase += 1
        self._account, self._stop = PhaseAccount(), gevent.event.Event()
        self._endings.clear()
        for watcher in self._watchers:
            watcher.begin_phase()
        self._playing = [
            gevent.spawn(
                Redeemer(self._address, token, self._account, self._phase * 1000 + number).play, self._pause, self._stop
            )
            for number, token in enumerate(self._players)
        ]
        return {}

    def rest(self) -> dict[str, Any]:
        """Stop the players, wait until all have ended, and return the report of the phase."""
        self._stop.set()
        gevent.joinall(self._playing)
        account = self._account
        return {
            "actions": [asdict(action) for action in account.actions],
            "saw": dict(account.saw),
            "bad": account.bad,
            "slowest": account.slowest,
            "silence": max(watcher.silence for watcher in self._watchers),
            "went_back": sum(watcher.went_back for watcher in self._watchers),
            "endings": dict(self._endings),
            "screens": [
                {"board": watcher.slug, "boards": watcher.times} for watcher in self._watchers if watcher.keeps_times
            ],
        }

    def seen(self) -> dict[str, Any]:
        """Return the answers and the endings of the phase so far."""
        return {"saw": dict(self._account.saw), "endings": dict(self._endings)}

    def boards(self) -> dict[str, Any]:
        """Return the boards on the screens, with the number of screens for each."""
        screens: Counter[tuple[str, str]] = Counter(
            (watcher.slug, json.dumps(watcher.screen_rows())) for watcher in self._watchers if watcher.connected
        )
        return {
            "connected": sum(watcher.connected for watcher in self._watchers),
            "boards": [
                {"board": board, "count": count, "rows": json.loads(rows)} for (board, rows), count in screens.items()
            ],
        }


def main() -> None:
    """Carry out the commands, as the module says."""
    crowd = Crowd(json.loads(Path(sys.argv[1]).read_text()))
    crowd.connect()
    print("ready", flush=True)
    commands = {"begin": crowd.begin, "rest": crowd.rest, "seen": crowd.seen, "boards": crowd.boards}
    for line in gevent.fileobject.FileObject(0, "r", closefd=False):
        print(json.dumps(commands[line.strip()]()), flush=True)


if __name__ == "__main__":
    main()
