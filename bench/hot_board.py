"""`python -m bench.hot_board`: the CPU of one Redis for a board of many players, by the product's own scripts.

The board is filled inside of Redis, without PostgreSQL and without a file of appends. Each figure is Redis's CPU for
one of the calls that leave together: the record of a redemption with both ranks, a place in the exact order, a page.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from app.domain.boards import Season
from app.stores.boards.board_keys import board_key
from app.stores.boards.orders import MirroredStanding, order_keys
from app.stores.boards.rankings import RankingStore
from app.stores.redis.client import Call, Client, Scripts, connect
from app.tables import markdown_table
from bench import machine
from bench.accounts import fine_cpu_of, resident
from devstack.redis_server import Redis

_SEASON = Season(1, "main", 1)
_CALLS = 20_000
_TOGETHER = 16  # as many of a process's commands leave together under load
_BATCH = 100  # players in one refresh
_NEIGHBOURS = 5
_STEP = 100  # between two scores
_MOST_ORDERED = 1_000_000  # with more players there is no exact order, which fills slowly
_CHUNK = 20_000
_TIMEOUT_SECONDS = 60.0
_BEGAN = 1_790_000_000_000_000  # microseconds
# In the order of the scores, in which sorted sets are filled fastest.
_FILL = """
for number = ARGV[1], ARGV[2] do
  local player = string.format('00000000-0000-4000-8000-%012x', number)
  local score, time = (number + 1) * ARGV[3], string.format('%016d', ARGV[4] + number)
  redis.call('ZADD', KEYS[1], score, player)
  redis.call('HSET', KEYS[2], player, 1)
  if KEYS[3] then
    redis.call('ZADD', KEYS[3], -score, time .. player)
    redis.call('HSET', KEYS[4], player, '1 ' .. time)
  end
end
"""


@dataclass(frozen=True, slots=True)
class HotBoard:
    """One size: memory in GB, and Redis's CPU in µs for each call; 0 for a board without its exact order."""

    players: int
    memory_gb: float
    record: float
    arrange: float
    page: float


class FilledBoard:
    """A board of players 0 to `players` in a Redis of its own."""

    def __init__(self, server: Redis, players: int) -> None:
        self._pid, self._players = server.pid, players
        self._client: Client = connect(server.url, _TIMEOUT_SECONDS)
        self._scripts = Scripts(self._client)
        self._rankings = RankingStore(self._client, self._scripts)
        self._random = random.Random(players)
        self._change = 1
        self._is_ordered = players <= _MOST_ORDERED
        self._fill()

    def measure(self) -> HotBoard:
        """Return the figures."""
        memory = resident([self._pid]) / 1e9
        record = self._microseconds([self._record() for _ in range(_CALLS)], _TOGETHER)
        if not self._is_ordered:
            return HotBoard(self._players, memory, record, 0.0, 0.0)
        arrange = self._microseconds([self._arrange() for _ in range(_CALLS // _BATCH)], 1) / _BATCH
        page = self._microseconds([self._page() for _ in range(_CALLS)], _TOGETHER)
        return HotBoard(self._players, memory, record, arrange, page)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _fill(self) -> None:
        life = self._rankings.begin_rebuild(_SEASON)
        keys = [board_key("scores", _SEASON), board_key("versions", _SEASON)]
        keys += order_keys(_SEASON)[:2] if self._is_ordered else []
        for first in range(0, self._players, _CHUNK):
            last = min(first + _CHUNK, self._players) - 1
            self._client.eval(_FILL, len(keys), *keys, first, last, _STEP, _BEGAN)
        if not self._rankings.mark_ready(_SEASON, life):
            sys.exit("bench: the board was not taken as complete")

    def _microseconds(self, calls: Sequence[Call], together: int) -> float:
        """Return Redis's CPU for each call. Exits if a script takes the board for incomplete."""
        before = fine_cpu_of(self._pid)
        for start in range(0, len(calls), together):
            if not all(self._scripts.run_together(calls[start : start + together])):
                sys.exit("bench: the board is incomplete")
        return (fine_cpu_of(self._pid) - before) / len(calls) * 1e6

    def _player(self) -> UUID:
        return UUID(f"00000000-0000-4000-8000-{self._random.randrange(self._players):012x}")

    def _score(self) -> int:
        return self._random.randrange(1, self._players * _STEP)

    def _record(self) -> Call:
        self._change += 1
        score = self._score()
        return self._rankings.record_call(_SEASON, str(self._player()), score - 1, score, self._change)

    def _arrange(self) -> Call:
        self._change += 1
        now = datetime.now(UTC)
        members = [MirroredStanding(self._player(), self._score(), self._change, now) for _ in range(_BATCH)]
        return self._rankings.orders.arrange_calls(_SEASON, members)[0]

    def _page(self) -> Call:
        keys = order_keys(_SEASON)
        place = self._random.randrange(1, self._players)
        return ("near", [*keys[:2], keys[0], keys[2]], [_NEIGHBOURS, _NEIGHBOURS, place])


class _WithoutFile(Redis):
    """Redis that keeps everything in memory alone."""

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "appendonly": "no", "lua-time-limit": "60000"}


def measure(sizes: Sequence[int], say: Callable[[str], None]) -> list[HotBoard]:
    """Measure one size after the other, each on a new Redis."""
    results = []
    for players in sizes:
        say(f"Filling a board with {players:,} players")
        with tempfile.TemporaryDirectory(prefix="fairboard-bench-") as folder:
            server = _WithoutFile(Path(folder) / "redis", Path(folder) / "redis.log")
            server.start()
            try:
                board = FilledBoard(server, players)
                results.append(board.measure())
                say(str(results[-1]))
                board.close()
            finally:
                server.stop()
    return results


def table(boards: Sequence[HotBoard]) -> str:
    """Return the figures as a table, with the redemptions a second that fill one core."""
    rows = [
        (
            f"{board.players:,}",
            f"{board.memory_gb:.1f} GB",
            f"{board.record:.0f} µs",
            f"{board.arrange:.0f} µs" if board.arrange else "",
            f"{board.page:.0f} µs" if board.page else "",
        )
        for board in boards
    ]
    return markdown_table(rows, ("players", "memory", "record, both ranks", "place in the order", "page of eleven"))


def main() -> None:
    """Run `python -m bench.hot_board`; its --help lists the options."""
    parser = argparse.ArgumentParser(prog="python -m bench.hot_board", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000], help="players")
    boards = measure(sorted(parser.parse_args().sizes), lambda line: print(line, file=sys.stderr, flush=True))
    print(f"{machine.name()}\n\n{table(boards)}")


if __name__ == "__main__":
    main()
