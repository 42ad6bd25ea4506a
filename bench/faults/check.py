"""The checks after every fault, each a method that returns its findings."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from kombu import Connection

from bench.faults import verified
from bench.faults.ledger import Ledger
from bench.faults.load import CrowdProcess, Phase

_SETTLE_SECONDS = 60.0
_TEMPORARY_ERRORS: tuple[type[Exception], ...] = (psycopg.Error, OSError, json.JSONDecodeError, *verified.NOT_NOW)

BOARDS = ("main", "drill-best", "drill-minute")
"""The boards that the drill's action type feeds (bench/faults/boards.toml)."""


class Books:
    """The database and the broker, read without the product."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._database = env["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of one query, on a connection of its own."""
        with psycopg.connect(self._database, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query, values).fetchall()

    def execute(self, statements: str) -> None:
        """Run statements without parameters, in one transaction."""
        with psycopg.connect(self._database, connect_timeout=5) as connection:
            connection.execute(statements)

    def newest_event(self) -> int:
        """Return the highest id in the ledger; 0 while it is empty."""
        return int(self.rows("SELECT coalesce(max(id), 0) FROM score_events")[0][0])

    def ledger(self, phase: Phase, since: int) -> list[str]:
        """Check that the ledger has every 200 once and no other action, on every board what the answer said."""
        rows = self.rows("SELECT action_id::text, points FROM score_events WHERE id > %s AND kind = 'redeem'", since)
        times = Counter(action for action, _ in rows)
        actions = {action.action_id: action for action in phase.actions}
        findings = [f"action {action_id} scored {count} times" for action_id, count in times.items() if count > 1]
        findings += [
            f"action {action_id} scored, but no client completed it" for action_id in times if action_id not in actions
        ]
        for action in phase.actions:
            is_recorded = action.action_id in times
            if action.outcome == "scored" and not is_recorded:
                findings.append(f"action {action.action_id} was answered 200 and is not in the ledger")
            # For an action without a key, after a try without an answer, "used" may also mean that this try is still in
            # flight.
            if action.outcome == "used" and (action.keyed or not (is_recorded or action.doubtful)):
                findings.append(f"action {action.action_id} was called used, and should not have been")
            if action.outcome == "refused" and is_recorded and not action.doubtful:
                findings.append(f"action {action.action_id} was refused and is in the ledger")
            if action.outcome == "open":
                findings.append(f"action {action.action_id} never got its answer")
        findings += [
            f"action {action_id} scored {points} points"
            for action_id, points in rows
            if action_id in actions and points != actions[action_id].points
        ]
        return findings + self.seasons(phase)

    def seasons(self, phase: Phase) -> list[str]:
        """Check that each event is in one season of each board, the one of its answer, and every standing is a fold."""
        ledger = Ledger(self.rows)
        findings = []
        for action in phase.actions:
            seasons = ledger.seasons_by_action.get(action.action_id)
            if seasons is None:
                continue
            if any(len(seasons[board]) != 1 for board in BOARDS):
                findings.append(f"action {action.action_id} is in the seasons {seasons}")
            elif action.outcome == "scored" and action.seasons != {board: seasons[board][0] for board in BOARDS}:
                findings.append(f"action {action.action_id} is in {seasons}, its answer said {action.seasons}")
        return findings + list(ledger.wrong_standings())

    def outbox(self) -> list[str]:
        """Check that no row waits to be published."""
        count = self.rows("SELECT count(*) FROM outbox")[0][0]
        return [f"{count} rows wait in the outbox"] if count else []

    def boards(self, crowd: CrowdProcess) -> list[str]:
        """Check that all screens show the top ten that the ledger gives their board."""
        ledger = Ledger(self.rows)
        tops = {board: ledger.top(board) for board in BOARDS}
        screens = crowd.boards()
        findings = [f"{crowd.sockets - screens['connected']} subscribers have not come back"]
        findings = findings if screens["connected"] < crowd.sockets else []
        for board in screens["boards"]:
            if [[row["user_id"], row["score"]] for row in board["rows"]] != tops[board["board"]]:
                findings.append(f"{board['count']} screens show another {board['board']} than the ledger gives")
        return findings

    def redis(self) -> list[str]:
        """Check the result of `flask leaderboard verify`."""
        differences = verified.differences(self._env)
        return [f"verify: {differences}"[:300]] if differences else []

    def count_dead_letters(self) -> Counter[str]:
        """Return the dead letters by the name of their task; they stay in the queue."""
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
        """Check that the dead letters are the expected ones."""
        letters = self.count_dead_letters()
        return [] if letters == expected else [f"dead letters {dict(letters)} instead of {dict(expected)}"]


def settle(checks: Sequence[Callable[[], list[str]]]) -> tuple[list[str], float]:
    """Repeat the checks until none has findings; return those left after a minute, and the seconds it took."""
    start = time.monotonic()
    pending = list(checks)
    while True:
        findings: list[str] = []
        while pending:
            findings = _run_check(pending[0])
            if findings:
                break
            pending.pop(0)
        seconds = time.monotonic() - start
        if not pending or seconds > _SETTLE_SECONDS:
            return findings, seconds
        time.sleep(0.2)


def _run_check(check: Callable[[], list[str]]) -> list[str]:
    try:
        return check()
    except _TEMPORARY_ERRORS as error:
        return [f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"]
