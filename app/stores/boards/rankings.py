"""A board in Redis: the sorted set for ranks, the cached top lists, the message that wakes the relay.

All of it can be thrown away and is rebuilt from PostgreSQL. A board is complete while both its sorted set and its hash
of change numbers have their marks (see is_complete.lua), which are lost together with them; ranks are only read from a
complete board. The marks name the run of Redis on which the board was completed: on another run it is revived (see
app/services/boards/revival.py) or rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.boards import TOP, Season
from app.stores.boards.board_keys import board_key
from app.stores.boards.cached_lists import change_number, parse_top
from app.stores.boards.orders import OrderStore, order_keys
from app.stores.boards.top_list_store import TopListStore
from app.stores.postgres.lsn import Position
from app.stores.redis.client import Call, Client, Scripts
from app.stores.redis.connection import Reply
from app.stores.redis.leases import Lease

WAKE_CHANNEL = "fairboard:wake"
_CHUNK = 1000
_MOST_PLACES = 250  # players in one script of `many_places`, which takes Redis about a millisecond
_REPAIRED = "leaderboard:repaired"
_REPAIRED_SECONDS = 3600
_LOOKED, _LOOKED_SECONDS = "leaderboard:looked", 15
_COMPARISON_SECONDS = 30  # longer than the comparison of any 5,000 standings takes
_REBUILDING_SECONDS = 10
_JUMP = 1_000_000
MARK = "*"
"""The member of the sorted set and field of the hash that is lost with it; see is_complete.lua. Not a player."""

_TYPES = {
    "scores": "zset",
    "versions": "hash",
    "changed": "integer",
    "order": "zset",
    "arranged": "hash",
    "segments": "set",
} | dict.fromkeys(("position", "wake", f"top:{TOP}", f"end:{TOP}"), "string")
"""The Redis types of a board's keys."""

RankedMember = tuple[str, int | None, int]  # player, stored score (None: off the board), change number


@dataclass(frozen=True, slots=True)
class Places:
    """The change numbers of players, and the ranks of scores.

    `position`: not before any change that a list of this board has shown; None if Redis doesn't know it. `changes`:
    each player's change number, None if Redis has none; `ranks`: ranks by score, None while the board isn't complete.
    `total`: how many players are ranked.
    """

    position: Position | None
    changes: list[int | None]
    ranks: dict[int, int] | None
    total: int = 0


def _board_keys(season: Season) -> list[str]:
    return [board_key("scores", season), board_key("versions", season)]


def _read_places(scores: Sequence[int], answer: Reply) -> Places:
    position, changes, ranks, total = answer
    change_numbers = [change_number(change) for change in changes]
    by_score = dict(zip(scores, ranks, strict=True)) if total >= 0 else None
    return Places(position or None, change_numbers, by_score, max(0, total))


def _parts(season: Season) -> list[list[str]]:
    """Return the keys of the parts of a board that are marked as complete: its ranks, and its order."""
    return [_board_keys(season), order_keys(season)]


class RankingStore:
    """The boards in Redis. A rank is 1 + the number of players with a better score."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts = client, scripts
        self.orders, self.lists = OrderStore(client, scripts), TopListStore(client, scripts)

    key = staticmethod(board_key)

    def record_call(
        self, season: Season, player_id: str, previous: int | None, score: int, change: int, *, wakes: bool = True
    ) -> Call:
        """Return the script call that puts a committed score on the board; see record.lua for its reply.

        `wakes`: it also wakes the relay, which one call for a redemption does.
        """
        keys = [board_key(name, season) for name in ("scores", "versions", "changed", "wake")]
        stored = season.stored(score)
        return (
            "record",
            keys,
            [
                player_id,
                stored if previous is None else season.stored(previous),
                stored,
                change,
                WAKE_CHANNEL if wakes else "",
            ],
        )

    def wake(self, season: Season) -> None:
        """Wake the relay for new outbox rows, and mark the cached lists as out of date."""
        self.note_change(season)
        self._client.publish(WAKE_CHANNEL, board_key("wake", season))

    def clear_wake(self, wake_key: str) -> None:
        """Clear the wake-up before the relay reads the outbox: a commit from now on wakes it again."""
        self._client.delete(wake_key)

    def is_ready(self, season: Season) -> bool:
        """Return whether the board is complete and Redis has lost nothing since by a restart or failover."""
        return self.are_ready([season])[0]

    def are_ready(self, seasons: Sequence[Season]) -> list[bool]:
        """Return for each board whether `is_ready`, in one round trip."""
        calls: list[Call] = [("ready", keys[:2], []) for season in seasons for keys in _parts(season)]
        marks = [completed == run for completed, run in self._scripts.run_together(calls)]
        return [scores and order for scores, order in zip(marks[::2], marks[1::2], strict=True)]

    def was_complete(self, season: Season) -> bool:
        """Return whether the board was complete on any run of Redis, and no part of it is missing."""
        return all(self._scripts.run("ready", keys[:2], [])[0] for keys in _parts(season))

    def run_id(self, season: Season) -> str:
        """Return the id of the Redis process that has this board; a restart or a failover changes it."""
        return str(self._scripts.run("ready", _board_keys(season), [])[1])

    def begin_rebuild(self, season: Season) -> str:
        """Begin to copy every standing; return the token for `mark_ready`. A complete board is readable meanwhile."""
        return "/".join(self._scripts.run_together([("begin", keys, []) for keys in _parts(season)]))

    def mark_ready(self, season: Season, rebuild: str) -> bool:
        """Mark the board as complete: every standing was copied since `rebuild` began.

        Return False, and change nothing, if Redis has lost any of the copied standings meanwhile.
        """
        # The change count jumps beyond any that was read before a loss of data, so that no list from before passes for
        # a new one.
        return all(
            self._scripts.run("complete", [*keys[:2], board_key("changed", season)], [life, _JUMP])
            for keys, life in zip(_parts(season), rebuild.split("/"), strict=True)
        )

    def drop_foreign(self, season: Season) -> list[str]:
        """Delete keys of this board that hold another type than we write, or a count that is none; return their names.

        Every command on such a key fails, so only deleting it helps. Its data is rebuilt. A cached list that can't be
        read, and a wake-up without an end, go too.
        """
        foreign = self._scripts.drop_foreign([board_key(name, season) for name in _TYPES], list(_TYPES.values()))
        wake, top = board_key("wake", season), board_key(f"top:{TOP}", season)
        unreadable = [wake] if self._client.ttl(wake) == -1 else []
        text = self._client.get(top)
        if text and not parse_top(text):
            unreadable.append(top)
        if unreadable:
            self._client.delete(*unreadable)
        return foreign + unreadable

    def rebuild_lease(self, season: Season) -> Lease:
        """Return a lease to rebuild the board, to take and to renew."""
        return Lease(self._scripts, board_key("rebuilding", season), _REBUILDING_SECONDS)

    def mark_incomplete(self, season: Season) -> None:
        """Let ranks and places be counted in the database until the board has been rebuilt."""
        for keys in _parts(season):
            self._client.zrem(keys[0], MARK)

    def clear(self, season: Season) -> None:
        """Delete the whole season. Its lists of other lengths end by themselves."""
        names = ("scores", "versions", f"top:{TOP}", f"end:{TOP}", "changed", "position", "proof")
        self._client.unlink(*(board_key(name, season) for name in names))
        self.orders.clear(season)

    def apply(self, season: Season, members: Iterable[RankedMember]) -> None:
        """Copy standings from the database to the board, except those that are older than the board's."""
        for call in self.apply_calls(season, members):
            self._scripts.run(*call)

    @staticmethod
    def apply_calls(season: Season, members: Iterable[RankedMember]) -> list[Call]:
        """Return the script calls of `apply`."""
        flat = [part for player, score, change in members for part in (player, "" if score is None else score, change)]
        starts = range(0, len(flat), 3 * _CHUNK)
        return [("apply", _board_keys(season), flat[start : start + 3 * _CHUNK]) for start in starts]

    def changes_of(self, season: Season, players: Sequence[UUID]) -> list[int | None]:
        """Return the change numbers that Redis has for these players, None for a missing one."""
        changes = (
            self._client.hmget(board_key("versions", season), [str(player) for player in players]) if players else []
        )
        return [change_number(change) for change in changes]

    def mend(self, season: Season, members: Iterable[tuple[str, int | None, int | None, int]]) -> None:
        """Correct standings: player, the change number that Redis had, score, change number; see mend.lua."""
        flat = ["" if part is None else part for member in members for part in member]
        if flat:
            self._scripts.run("mend", _board_keys(season), flat)

    def drop_top(self, season: Season, limit: int) -> None:
        """Delete a cached list, however new its version."""
        self._client.delete(board_key(f"top:{limit}", season))

    def comparison_lease(self, season: Season) -> Lease:
        """Return a lease to compare the board with the database, to take and to renew."""
        return Lease(self._scripts, board_key("proving", season), _COMPARISON_SECONDS)

    def forget(self, season: Season, players: Sequence[str]) -> None:
        """Remove players that the database doesn't have."""
        if players:
            self._client.zrem(board_key("scores", season), *players)

    def note_repair(self) -> None:
        """Record that the boards were just checked for completeness: scheduler, broker and a worker are alive."""
        self._client.set(_REPAIRED, 1, ex=_REPAIRED_SECONDS)

    def seconds_since_repair(self) -> int | None:
        """Return the seconds since `note_repair`, by Redis's own clock; None for more than an hour, or never.

        Also None for a time in the future, as after Redis's clock was set back: the age is unknown then.
        """
        ttl = int(self._client.ttl(_REPAIRED))
        return _REPAIRED_SECONDS - ttl if 0 <= ttl <= _REPAIRED_SECONDS else None

    def note_look(self) -> None:
        """Record that a relay looks for changes."""
        self._client.set(_LOOKED, 1, ex=_LOOKED_SECONDS)

    def has_relay_looked(self) -> bool:
        """Return whether a relay has noted a look in the last 15 s."""
        return bool(self._client.exists(_LOOKED))

    def listening_relays(self) -> int:
        """Return how many relays are subscribed to wake-ups."""
        return int(self._client.pubsub_numsub(WAKE_CHANNEL)[0][1])

    def ranks(self, season: Season, scores: Sequence[int]) -> list[int] | None:
        """Return the rank of each score; None while the board isn't complete."""
        ranks = self.places(season, [], scores).ranks
        return None if ranks is None else [ranks[score] for score in scores]

    def scores_of(self, season: Season, players: Sequence[UUID]) -> list[int | None]:
        """Return the stored scores that the sorted set has for these players, None for a missing one."""
        scores = (
            self._client.zmscore(board_key("scores", season), [str(player) for player in players]) if players else []
        )
        return [None if score is None else int(score) for score in scores]

    def members(self, season: Season) -> Iterator[tuple[str, int]]:
        """Yield each player on the sorted set with the score, in no order."""
        for player, score in self._client.zscan_iter(board_key("scores", season), count=_CHUNK):
            if player != MARK:
                yield player, int(score)

    def note_change(self, season: Season) -> None:
        """Count a change of the database: lists that were cached before it are out of date."""
        self._scripts.run(*self.change_call(season))

    @staticmethod
    def change_call(season: Season) -> Call:
        """Return the script call of `note_change`."""
        return "change", [board_key("changed", season)], []

    def places(self, season: Season, players: Sequence[UUID], scores: Sequence[int]) -> Places:
        """Return the change numbers of these players and the ranks of these scores, in one round trip."""
        return self.places_on([(season, scores)], players)[0]

    def many_places(self, season: Season, players: Sequence[UUID], scores: Sequence[int]) -> Places:
        """Return the same as `places`, in one round trip, in parts of which none holds up Redis for long."""
        keys = [board_key(name, season) for name in ("scores", "versions", "position")]
        calls: list[Call] = []
        parts: list[Sequence[int]] = []
        for start in range(0, max(len(players), len(scores), 1), _MOST_PLACES):
            some, part = players[start : start + _MOST_PLACES], scores[start : start + _MOST_PLACES]
            calls.append(("places", keys, [len(some), *map(str, some), *map(season.stored, part)]))
            parts.append(part)
        answers = [_read_places(*pair) for pair in zip(parts, self._scripts.run_together(calls), strict=True)]
        ranks: dict[int, int] | None = {}
        for answer in answers:
            ranks = None if ranks is None or answer.ranks is None else ranks | answer.ranks
        changes = [change for answer in answers for change in answer.changes]
        return Places(answers[-1].position, changes, ranks, answers[-1].total)

    def places_on(self, boards: Sequence[tuple[Season, Sequence[int]]], players: Sequence[UUID]) -> list[Places]:
        """Return the places on each of these boards, in one round trip."""
        calls: list[Call] = []
        for season, scores in boards:
            keys = [board_key(name, season) for name in ("scores", "versions", "position")]
            calls.append(("places", keys, [len(players), *map(str, players), *map(season.stored, scores)]))
        answers = self._scripts.run_together(calls)
        return [_read_places(scores, answer) for (_, scores), answer in zip(boards, answers, strict=True)]
