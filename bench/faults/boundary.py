"""Boundaries of seasons under load: players redeem, subscribers watch, and the seasons of two boards end.

One board's season ends by its schedule, the other's by `flask boards close-season`.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from bench import players
from bench.faults.check import Books, settle
from bench.faults.finals import EndedSeason, Finals, SeasonKey, check_screens
from bench.faults.load import CrowdProcess
from bench.load import BenchFailed, Load, Request, send
from devstack.group import Group

RACES = {"race-minute": 3, "race": 1}
"""The boards that the drill's action type feeds, and what an action adds to a score (bench/faults/race.toml)."""

_BOARDS_FILE = Path(__file__).with_name("race.toml")
_LEAD = timedelta(seconds=4)  # of load before a scheduled boundary
_AROUND = timedelta(seconds=1)
_MOST_SECONDS = 180.0
_POLL_SECONDS = 0.2
_PRESENT = """
    SELECT b.slug, n.number, n.ends_at FROM seasons n JOIN boards b ON b.id = n.board_id
    WHERE b.slug = ANY(%s) AND n.starts_at <= clock_timestamp() AND (n.ends_at > clock_timestamp() OR n.ends_at IS NULL)
"""
_COUNT_AROUND = "SELECT count(*) FROM score_events WHERE created_at >= %s AND created_at < %s"


@dataclass(frozen=True, slots=True)
class BoundarySize:
    """The size of a drill. `actions`: issued to each player beforehand; `scheduled`: wait for a minute's end.

    `closed_within`: the most seconds from the end of a season until it is closed.
    """

    players: int
    sockets: int
    actions: int
    connections: int
    scheduled: bool
    closed_within: float


# The contract of boards: a season is final within five seconds. Tests don't measure that: their machine may be busy.
FULL = BoundarySize(players=200, sockets=200, actions=50, connections=32, scheduled=True, closed_within=5)
SHORT = BoundarySize(players=20, sockets=10, actions=10, connections=4, scheduled=False, closed_within=math.inf)


@dataclass(frozen=True, slots=True)
class BoundaryOutcome:
    """The outcome of one round: `redeemed` answers of 200, `ended` seasons. `wrong` is empty when every check passed.

    `rate`: redemptions a second; `end_rate`: those in the second before and the second after an end, the slowest one.
    `closed_after` and `shown_after`: the longest time from an end until the season was final, and until every screen
    had the next season's board.
    """

    redeemed: int
    ended: int
    rate: float
    end_rate: float
    closed_after: float
    shown_after: float
    wrong: list[str]


class BoundaryDrill:
    """A running product whose seasons end under load; the subscribers stay connected for the `with` block."""

    def __init__(self, group: Group, folder: Path, size: BoundarySize) -> None:
        self._group, self._size = group, size
        self._books = Books(group.env)
        group.flask("boards", "apply", str(_BOARDS_FILE))
        self._finals = Finals(group.url, self._books, RACES, size.closed_within)
        self._players = players.register(group.url, size.players, prefix="race")
        self._crowd = CrowdProcess(
            folder, group.url, [], self._players, boards=list(RACES), sockets=size.sockets, rate=1, keeps_times=True
        )
        self._answers: Counter[SeasonKey] = Counter()

    def __enter__(self) -> BoundaryDrill:
        self._crowd.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crowd.__exit__(kind, error, trace)

    def run(self) -> BoundaryOutcome:
        """Let a season of each board end under load; return the outcome once the load is at rest."""
        requests = self._issue(self._size.actions)
        self._crowd.begin()
        begun, over = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as pool:
            loads = pool.submit(self._redeem, requests, begun, over)
            try:
                ended = self._end_seasons(begun)
            finally:
                over.set()
        answers = [json.loads(body)["data"] for load in loads.result() for body in load.bodies]
        self._answers.update((part["board"], part["season"]) for answer in answers for part in answer["standings"])
        phase = self._crowd.rest()
        findings, _ = settle([self._books.outbox, lambda: self._finals.findings(self._answers)])
        screens = [check_screens(season, phase.screens) for season in ended]
        seconds = sum(load.seconds for load in loads.result())
        end_rate = min(self._rate_at(season.ends_at) for season in ended)
        findings += [finding for _, more in screens for finding in more] + _went_back(phase.went_back)
        return BoundaryOutcome(
            len(answers),
            len(ended),
            len(answers) / seconds,
            end_rate,
            max(season.closed_after for season in ended),
            max(shown_after for shown_after, _ in screens),
            findings + untouched(end_rate),
        )

    def _issue(self, per_player: int) -> list[Request]:
        redemptions = players.issue(self._group.url, self._players, per_player, action_type="race")
        return [redemption.request for redemption in redemptions]

    def _redeem(self, requests: list[Request], begun: threading.Event, over: threading.Event) -> list[Load]:
        """Redeem these requests, and then more of them until it is over."""

        def begin() -> None:
            if self._size.scheduled:
                self._wait_for_lead()
            begun.set()

        try:
            loads = [self._send(requests, begin)]
        finally:
            begun.set()  # also if the load failed, so that nobody waits for it
        while not over.is_set():
            loads.append(self._send(self._issue(1), begin=lambda: None))
        return loads

    def _send(self, requests: list[Request], begin: Callable[[], None]) -> Load:
        return send(self._group.url, requests, connections=self._size.connections, keep=True, at_start=begin)

    def _wait_for_lead(self) -> None:
        """Wait until shortly before the end of the scheduled season, or of the next one if this one ends too soon."""
        while True:
            (end,) = [row[2] for row in self._books.rows(_PRESENT, list(RACES)) if row[2] is not None]
            seconds = (end - _LEAD - datetime.now(UTC)).total_seconds()
            if seconds > 0:
                time.sleep(seconds)
                return
            time.sleep(_LEAD.total_seconds())

    def _end_seasons(self, begun: threading.Event) -> list[EndedSeason]:
        """End the season of one board by hand; return all that have ended, once they are closed."""
        if not begun.wait(_MOST_SECONDS):
            raise BenchFailed("the load did not begin")
        present = {(board, number) for board, number, _ in self._books.rows(_PRESENT, list(RACES))}
        expected = present if self._size.scheduled else {key for key in present if key[0] == "race"}
        self._group.flask("boards", "close-season", "race")
        deadline = time.monotonic() + _MOST_SECONDS
        while not expected <= self._finals.ended.keys():
            if time.monotonic() > deadline:
                raise BenchFailed(f"waited {_MOST_SECONDS:.0f} s for the seasons to be closed")
            time.sleep(_POLL_SECONDS)
            self._finals.read_closed()
        return [self._finals.ended[key] for key in expected]

    def _rate_at(self, end: datetime) -> float:
        around = 2 * _AROUND.total_seconds()
        return float(self._books.rows(_COUNT_AROUND, end - _AROUND, end + _AROUND)[0][0] / around)


def untouched(end_rate: float) -> list[str]:
    """Return the reason why a round without redemptions around one of its ends has failed; empty for any other."""
    return [] if end_rate > 0 else ["had no effect: nothing was redeemed around the end of a season"]


def _went_back(count: int) -> list[str]:
    return [f"{count} boards were older than the one before on the same screen"] if count else []
