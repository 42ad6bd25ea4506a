"""What must hold after every fault, each as a function that names what does not."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from kombu import Connection

from bench.faults import verified
from bench.faults.load import Crowd, Seen

_SETTLE_SECONDS = 60.0
_NOT_NOW: tuple[type[Exception], ...] = (psycopg.Error, OSError, json.JSONDecodeError, *verified.NOT_NOW)

# From the ledger itself, in the product's order: within a tie, who got there first.
_TOP = """
    SELECT e.player_id::text, e.score::bigint FROM (
        SELECT player_id, sum(points) AS score FROM score_events
        WHERE season_id = (SELECT s.id FROM seasons s JOIN boards b ON b.id = s.board_id WHERE b.slug = 'main'
                           ORDER BY s.number DESC LIMIT 1)
        GROUP BY player_id) e JOIN standings s USING (player_id)
    WHERE s.listed ORDER BY e.score DESC, s.achieved_at, e.player_id LIMIT 10
"""
_WRONG_SUMS = """
    SELECT s.player_id::text, s.score, coalesce(e.total, 0) FROM standings s
    FULL JOIN (SELECT season_id, player_id, sum(points) AS total FROM score_events GROUP BY 1, 2) e
    USING (season_id, player_id) WHERE s.score IS DISTINCT FROM e.total
"""


class Books:
    """The database and the broker, looked at from behind."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._database = env["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one query, on a connection of its own."""
        with psycopg.connect(self._database, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query, values).fetchall()

    def newest_event(self) -> int:
        """The highest id in the ledger; 0 while it is empty."""
        return int(self.rows("SELECT coalesce(max(id), 0) FROM score_events")[0][0])

    def ledger(self, seen: Seen, since: int) -> list[str]:
        """Every 200 exactly once; nothing that was not asked for; every score the sum of its events."""
        found = self.rows("SELECT action_id::text, points FROM score_events WHERE id > %s AND kind = 'redeem'", since)
        times = Counter(action for action, _ in found)
        asked = {action.action_id: action for action in seen.actions}
        wrong = [f"action {one} scored {count} times" for one, count in times.items() if count > 1]
        wrong += [f"action {one} scored, but nobody asked for it" for one in times if one not in asked]
        for action in seen.actions:
            there = action.action_id in times
            if action.outcome == "scored" and not there:
                wrong.append(f"action {action.action_id} was answered 200 and is not in the ledger")
            # After a try without an answer it may also mean, for one without a key, that this try is in flight still.
            if action.outcome == "used" and (action.keyed or not (there or action.doubtful)):
                wrong.append(f"action {action.action_id} was called used, and should not have been")
            if action.outcome == "refused" and there and not action.doubtful:
                wrong.append(f"action {action.action_id} was refused and is in the ledger")
            if action.outcome == "open":
                wrong.append(f"action {action.action_id} never got its answer")
        wrong += [f"action {one} scored {points} points" for one, points in found if points != asked[one].points]
        wrong += [f"player {player} has {score}, the events say {total}" for player, score, total in self.sums()]
        return wrong

    def sums(self) -> list[tuple[Any, ...]]:
        """Standings that are not the sum of their events."""
        return self.rows(_WRONG_SUMS)

    def outbox(self) -> list[str]:
        """Rows that wait to be published."""
        count = self.rows("SELECT count(*) FROM outbox")[0][0]
        return [f"{count} rows wait in the outbox"] if count else []

    def boards(self, crowd: Crowd) -> list[str]:
        """Screens that do not show the database's top ten."""
        top = [list(row) for row in self.rows(_TOP)]
        shown = crowd.boards()
        wrong = [f"{crowd.sockets - shown['connected']} subscribers have not come back"]
        wrong = wrong if shown["connected"] < crowd.sockets else []
        for board in shown["boards"]:
            if [[row["user_id"], row["score"]] for row in board["rows"]] != top:
                wrong.append(f"{board['count']} screens show another board than the database has")
        return wrong

    def redis(self) -> list[str]:
        """What `flask leaderboard verify` finds."""
        found = verified.differences(self._env)
        return [f"verify: {found}"[:300]] if found else []

    def dead(self) -> Counter[str]:
        """Dead letters by the name of their task; they stay where they are."""
        names: Counter[str] = Counter()
        with Connection(self._env["BROKER_URL"], connect_timeout=5) as connection, connection.channel() as channel:
            letters = []
            while (letter := channel.basic_get("dead")) is not None:
                letters.append(letter)
                names[str(letter.headers.get("task"))] += 1
            for letter in letters:
                channel.basic_reject(letter.delivery_tag, requeue=True)
        return names

    def dead_letters(self, expected: Counter[str]) -> list[str]:
        """Dead letters other than the poison."""
        found = self.dead()
        return [] if found == expected else [f"dead letters {dict(found)} instead of {dict(expected)}"]


def settle(checks: Sequence[Callable[[], list[str]]]) -> tuple[list[str], float]:
    """Ask again until nothing is wrong: what is still wrong after a minute, and the seconds it took."""
    began = time.monotonic()
    left = list(checks)
    while True:
        wrong: list[str] = []
        while left:
            wrong = _asked(left[0])
            if wrong:
                break
            left.pop(0)
        waited = time.monotonic() - began
        if not left or waited > _SETTLE_SECONDS:
            return wrong, waited
        time.sleep(0.2)


def _asked(check: Callable[[], list[str]]) -> list[str]:
    try:
        return check()
    except _NOT_NOW as error:
        return [f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"]
