"""A process on gevent that redeems: `python -m tests.integration.redeeming.program`, with a web process's environment.

Reads lines of JSON: a list of redemptions that come at the same moment, `{"kill": number}` for one of them, or
`{"rollback": true}`. Writes a line for each redemption when it has its answer: its number, then the boards' scores, the
name of the error, or null; and whether an error says that nothing was changed.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import sqlalchemy as sa  # noqa: E402

from app.containers.container import Container  # noqa: E402
from app.domain.action_token import Promise  # noqa: E402
from app.domain.boards import MAIN  # noqa: E402
from app.settings import Settings  # noqa: E402
from app.stores.unavailability import certainly_changed_nothing  # noqa: E402

_STATEMENT_SECONDS = 300  # a wait for a lock ends by the lock's, or by that of groups


class Redeemer:
    """Redeems in the ledger alone, with nothing in front that would refuse a second try."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.season = container.standings.season(MAIN)
        self.greenlets: dict[int, gevent.Greenlet[..., None]] = {}

    def redeem(self, number: int, player: str, action: str, key: str | None, action_type: int) -> None:
        promise = Promise(action, player, "tap", action_type, 1, MAIN, self.season.id, self.season.number, 0, 1)
        try:
            redeemed = self.container.ledger.redeem(
                promise, request_id="r", key=key, fingerprint="f", judged=0.5, metadata='{"é": 1}'
            )
        except Exception as error:  # noqa: BLE001 - it is the answer
            answer: Any = type(error).__name__, certainly_changed_nothing(error)
        else:
            answer = redeemed and {change.season.board: change.score for change in redeemed.changes}, None
        print(json.dumps([number, *(answer or (None, None))]), flush=True)

    def obey(self, command: Any) -> None:
        """Begin at once what a line says."""
        if isinstance(command, list):
            self.greenlets |= {values[0]: gevent.spawn(self.redeem, *values) for values in command}
        elif "kill" in command:
            self.greenlets[command["kill"]].kill()
            print(json.dumps([command["kill"], "killed", None]), flush=True)
        else:
            with self.container.database.transaction() as connection:
                connection.execute(sa.text("SELECT 1"))
                connection.rollback()
            print(json.dumps([0, "rolled back", None]), flush=True)


def main() -> None:
    """Obey until there is nothing more to read."""
    redeemer = Redeemer(Container(Settings.from_env(), statement_seconds=_STATEMENT_SECONDS))
    read_line = partial(gevent.get_hub().threadpool.apply, sys.stdin.readline)
    while line := read_line():
        gevent.spawn(redeemer.obey, json.loads(line))


if __name__ == "__main__":
    main()
