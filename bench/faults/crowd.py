"""The crowd: a process of its own that redeems steadily and watches, whatever happens to the product.

    python -m bench.faults.crowd PLAN

PLAN is JSON: `{"host", "port", "players": [access tokens], "watchers": [access tokens], "sockets", "rate"}`, `rate` in
redemptions a second, all players together. It prints `ready` once every socket has a board. Then each line on standard
input is a command, answered with one line of JSON:

- `begin`: redeem from now on.
- `rest`: stop, wait for the last answers, and tell what was asked and seen: the fields of an `Account`, `silence` in
  seconds, `endings` (sockets by how they ended) and `went_back` (boards older than the one before).
- `boards`: what the screens show now, `{"connected", "boards": [{"count", "rows"}]}`.
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

from bench.faults.redeemers import Account, Redeemer  # noqa: E402
from bench.faults.watchers import Watcher  # noqa: E402

_TOGETHER = 50  # sockets that connect at the same time


class Crowd:
    """Everybody."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._address = plan["host"], plan["port"]
        self._players: list[str] = plan["players"]
        self._pause = len(self._players) / plan["rate"]
        self._endings: Counter[str] = Counter()
        tokens = plan["watchers"]
        self._watchers = [
            Watcher(self._address, tokens[number % len(tokens)], self._endings) for number in range(plan["sockets"])
        ]
        self._stop = gevent.event.Event()
        self._account = Account()
        self._playing: list[Any] = []
        self._phase = 0

    def connect(self) -> None:
        """Every socket, some at a time."""
        for start in range(0, len(self._watchers), _TOGETHER):
            batch = self._watchers[start : start + _TOGETHER]
            for one in batch:
                gevent.spawn(one.watch)
            while not all(one.connected for one in batch):
                gevent.sleep(0.02)

    def begin(self) -> dict[str, Any]:
        """Redeem from now on."""
        self._phase += 1
        self._account, self._stop = Account(), gevent.event.Event()
        self._endings.clear()
        for one in self._watchers:
            one.begin_phase()
        self._playing = [
            gevent.spawn(
                Redeemer(self._address, token, self._account, self._phase * 1000 + number).play, self._pause, self._stop
            )
            for number, token in enumerate(self._players)
        ]
        return {}

    def rest(self) -> dict[str, Any]:
        """Let everybody come to an end, and tell."""
        self._stop.set()
        gevent.joinall(self._playing)
        account = self._account
        return {
            "actions": [asdict(action) for action in account.actions],
            "saw": dict(account.saw),
            "bad": account.bad,
            "slowest": account.slowest,
            "silence": max(one.silence for one in self._watchers),
            "went_back": sum(one.went_back for one in self._watchers),
            "endings": dict(self._endings),
        }

    def boards(self) -> dict[str, Any]:
        """What the screens show."""
        shown: Counter[str] = Counter(json.dumps(one.shown()) for one in self._watchers if one.connected)
        return {
            "connected": sum(one.connected for one in self._watchers),
            "boards": [{"count": count, "rows": json.loads(rows)} for rows, count in shown.items()],
        }


def main() -> None:
    """See the module."""
    crowd = Crowd(json.loads(Path(sys.argv[1]).read_text()))
    crowd.connect()
    print("ready", flush=True)
    commands = {"begin": crowd.begin, "rest": crowd.rest, "boards": crowd.boards}
    for line in gevent.fileobject.FileObject(0, "r", closefd=False):
        print(json.dumps(commands[line.strip()]()), flush=True)


if __name__ == "__main__":
    main()
