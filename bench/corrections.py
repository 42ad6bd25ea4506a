"""Voiding a million events, and restoring them, beside redemptions that go on.

    python -m bench.corrections [--events 1000000] [--json]

The redemptions are those of players whose events are being voided; each connection sends the next one when the last is
answered. They are measured alone, while the void runs, and while the restore runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from bench.load import BenchFailed, Load, Request, send
from bench.players import BenchPlayer, issue, register
from bench.redeems import wait_until_drained
from bench.stage import stage
from devstack.child import ROOT
from devstack.stack import Stack

_PLAYERS, _REDEEMING, _CONNECTIONS = 2000, 200, 16
_ROUND = 10_000  # redemptions: some ten seconds of them

# A few players redeem all the time here: no rule may act on that.
_LENIENT = {"ANTICHEAT_FLAG": "999998", "ANTICHEAT_REJECT": "999999", "ANTICHEAT_CRITICAL": "1000000"}

_FILL = """
    WITH who AS (SELECT id, row_number() OVER (ORDER BY id) AS number FROM players)
    INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score, score,
                              issued_at, created_at, judged_at, request_id)
    SELECT gen_random_uuid(), who.id, 1, t.id, t.points, 0, 0, at - interval '10 s', at, at, 'bench'
    FROM generate_series(1, %(events)s) AS n
    JOIN who ON who.number = 1 + n %% %(players)s
    JOIN action_types t ON t.slug = 'puzzle'
    CROSS JOIN LATERAL (SELECT now() - interval '7 days' * (1 - n::float8 / %(events)s) AS at) AS times
    ORDER BY n
"""
_STANDINGS = """
    INSERT INTO standings (season_id, player_id, score, changes, achieved_at)
    SELECT season_id, player_id, sum(points), 1, max(created_at) FROM score_events GROUP BY season_id, player_id
"""
_STRANGERS = """
    INSERT INTO players (id, username, username_key, password_hash)
    SELECT gen_random_uuid(), 'stranger-' || n, 'stranger-' || n, '-' FROM generate_series(1, %(count)s) AS n
"""
_QUIET = """
    SELECT md5(string_agg(concat(s.player_id, s.score, s.held, s.achieved_at, s.listed), ',' ORDER BY s.player_id))
    FROM standings s JOIN players p ON p.id = s.player_id WHERE p.username LIKE 'stranger-%'
"""


def _sql(stack: Stack, sql: str, **values: Any) -> Any:
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        cursor = connection.execute(sql, values or None)
        return cursor.fetchone() if cursor.description else None


def _flask(stack: Stack, *line: str) -> Any:
    """Return the result of a command with --json. Raises `BenchFailed` with its last line when it fails."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *line, "--json"]
    result = subprocess.run(command, cwd=ROOT, env=stack.env, capture_output=True, text=True)
    if result.returncode:
        raise BenchFailed(f"{' '.join(line[:2])}: {(result.stderr or result.stdout).strip().splitlines()[-1]}")
    return json.loads(result.stdout)


def _requests(stack: Stack, players: list[BenchPlayer], seed: int) -> list[Request]:
    return [redemption.request for redemption in issue(stack.url, players, _ROUND // _REDEEMING, seed=seed)]


def _redeem_beside(stack: Stack, requests: list[Request], work: Callable[[], Any]) -> dict[str, Any]:
    """Redeem while `work` runs; both begin together. Return the figures of both."""
    with ThreadPoolExecutor(1) as pool:
        start = time.monotonic()
        working = pool.submit(lambda: (work(), time.monotonic() - start))
        load = send(stack.url, requests, connections=_CONNECTIONS)
        is_unfinished = not working.done()
        result, seconds = working.result()
    return {**_figures(load), "work_seconds": round(seconds, 1), "work_went_on": is_unfinished, "result": result}


def _figures(load: Load) -> dict[str, Any]:
    return {
        "redeems": load.answers,
        "rate": round(load.rate),
        "p50_ms": round(load.p50 * 1000, 1),
        "p99_ms": round(load.p99 * 1000, 1),
    }


def measure(stack: Stack, events: int) -> dict[str, Any]:
    """Return the figures. Raises `BenchFailed` if a standing doesn't come back exactly, or an answer isn't 200."""
    _log(f"Filling the ledger with {events:,} events of {_PLAYERS:,} players")
    players: list[BenchPlayer] = register(stack.url, _REDEEMING)
    _sql(stack, _STRANGERS, count=_PLAYERS - _REDEEMING)
    _sql(stack, _FILL, events=events, players=_PLAYERS)
    _sql(stack, _STANDINGS)
    _sql(stack, "ANALYZE")
    before = _sql(stack, _QUIET)
    figures: dict[str, Any] = {"events": events}
    _log("Redeeming alone")
    requests = _requests(stack, players, seed=1)
    figures["alone"] = _figures(send(stack.url, requests, connections=_CONNECTIONS))
    _log("Redeeming while they are voided")
    requests = _requests(stack, players, seed=2)
    void = ("leaderboard", "void", "--action-type", "puzzle", "--reason", "bench", "--yes")
    figures["void"] = _redeem_beside(stack, requests, lambda: _flask(stack, *void))
    if _sql(stack, "SELECT count(*) FROM score_events WHERE kind = 'void'") != (events,):
        raise BenchFailed("not all events were voided")
    _log("Redeeming while they are restored")
    requests = _requests(stack, players, seed=3)
    restore = ("leaderboard", "restore", str(figures["void"]["result"]["id"]), "--reason", "bench", "--yes")
    figures["restore"] = _redeem_beside(stack, requests, lambda: _flask(stack, *restore))
    wait_until_drained(stack)
    if _sql(stack, _QUIET) != before:
        raise BenchFailed("the standings of players who didn't play have changed")
    _log("Verifying")
    _flask(stack, "leaderboard", "verify")
    for part in (figures["void"], figures["restore"]):
        del part["result"]
    return figures


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.corrections", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="how many to take back (1000000)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    with stage("redis", _log, _LENIENT) as stack:
        figures = measure(stack, arguments.events)
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return 0
    print("| redemptions, 16 connections | a second | median | 99th percentile | events a second |")
    print("| --- | --- | --- | --- | --- |")
    for name in ("alone", "void", "restore"):
        row = figures[name]
        speed = f"{arguments.events / row['work_seconds']:,.0f}" if name != "alone" else "–"
        print(f"| {name} | {row['rate']:,} | {row['p50_ms']} ms | {row['p99_ms']} ms | {speed} |")
    print("\nThe standings came back exactly, and `leaderboard verify` is clean.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
