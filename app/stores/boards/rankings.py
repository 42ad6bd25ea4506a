"""A board in Redis: the sorted set for ranks, the cached top lists, the word that wakes the relay.

Everything here can be thrown away and comes back from PostgreSQL. A board is complete while both its sorted set and its
hash of change numbers have the marks of that (see is_complete.lua), which are lost with them; otherwise no rank is read
here. The marks name the run of Redis on which the board was completed: on another one it is rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.boards import Season
from app.stores.postgres.lsn import Position
from app.stores.redis.client import Call, Client, Scripts, lane_of

WAKE_CHANNEL = "fairboard:wake"
_TOP_SECONDS = 60
_SHOWN_MS = 2000  # longer than the second it counts for, so that clocks may differ; ended by Redis's own clock
SECONDS_AHEAD = 2  # that the clock of another server may be
_CHUNK = 1000
_REPAIRED = "leaderboard:repaired"
_REPAIRED_SECONDS = 3600
_PROVING_SECONDS = 30  # longer than the comparison of any 5,000 standings takes
_REBUILDING_SECONDS = 10
_JUMP = 1_000_000
MARK = "*"
"""The member of the sorted set, and the field of the hash, that is lost with it; see is_complete.lua. No player."""

_TYPES = {"scores": "zset", "versions": "hash"} | dict.fromkeys(("changed", "position", "wake", "top:10"), "string")
"""What Redis's TYPE says of the keys that a board always has."""

RankedMember = tuple[str, int | None, int]  # player, score (None: off the board), change number


@dataclass(frozen=True, slots=True)
class CachedTop:
    """A top list as text. `changes` is the board's count of changes when it was read, `built_ms` when that was."""

    version: int
    changes: int
    built_ms: int
    rows: str


@dataclass(frozen=True, slots=True)
class ShownTop:
    """The list that every HTTP reader gets until the end of `second`, in Unix time."""

    second: int
    version: int
    rows: str


def _shown(text: str) -> ShownTop:
    head, rows = text.split("\n", 1)
    second, version = head.split(" ")
    return ShownTop(int(second), int(version), rows)


@dataclass(frozen=True, slots=True)
class Places:
    """`position`: not before anything that a list of this board has shown; None if Redis doesn't know.

    `changes`: each player's change number, None where Redis has none; `ranks`: what each score has, None while the
    board isn't complete.
    """

    position: Position | None
    changes: list[int | None]
    ranks: dict[int, int] | None


def _key(name: str, season: Season) -> str:
    return f"leaderboard:{name}:{{{season.tag}}}"


def _board(season: Season) -> list[str]:
    return [_key("scores", season), _key("versions", season)]


class RankingStore:
    """Ranks are 1 + how many have more."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts = client, scripts
        self._lane = lane_of(client)

    key = staticmethod(_key)

    def record_call(self, season: Season, player_id: str, previous: int, score: int, change: int) -> Call:
        """The script call that puts a committed score on the board; see record.lua for its answer."""
        keys = [_key(name, season) for name in ("scores", "versions", "changed", "wake")]
        return "record", keys, [player_id, previous, score, change, WAKE_CHANNEL]

    def wake(self, season: Season) -> None:
        """Say that something waits in the outbox, and that cached lists are out of date."""
        self.note_change(season)
        self._client.publish(WAKE_CHANNEL, _key("wake", season))

    def rested(self, wake_key: str) -> None:
        """The relay is about to look: whoever commits from now on wakes it again."""
        self._client.delete(wake_key)

    def ready(self, season: Season) -> bool:
        """Whether the board is complete, and nothing was lost since: Redis has not restarted or failed over."""
        completed, run = self._scripts.run("ready", _board(season), [])
        return bool(completed == run)

    def run(self, season: Season) -> str:
        """Return the id of the Redis process that has this board; a restart or a failover changes it."""
        return str(self._scripts.run("ready", _board(season), [])[1])

    def begin_rebuild(self, season: Season) -> str:
        """Begin to bring every standing; the answer is for `mark_ready`. A complete board is read meanwhile."""
        return str(self._scripts.run("begin", _board(season), []))

    def mark_ready(self, season: Season, rebuild: str) -> bool:
        """Say that the board is complete: every standing was brought since `rebuild` began.

        Return False, and change nothing, if Redis has lost what was brought, or a part of it, meanwhile.
        """
        # The count of changes goes beyond any that was read before something was lost, so that no list from then passes
        # for a new one.
        return bool(self._scripts.run("complete", [*_board(season), _key("changed", season)], [rebuild, _JUMP]))

    def drop_foreign(self, season: Season) -> list[str]:
        """Delete keys of this board that hold a value of another type than we write; return their names.

        Every command on such a key fails, so nothing but deleting it helps. What was in it is rebuilt.
        """
        pipeline = self._client.pipeline(transaction=False)
        for name in _TYPES:
            pipeline.type(_key(name, season))
        found = dict(zip(_TYPES, pipeline.execute(), strict=True))
        foreign = [_key(name, season) for name, kind in found.items() if kind not in {_TYPES[name], "none"}]
        if foreign:
            self._client.delete(*foreign)
        return foreign

    def may_rebuild(self, season: Season) -> bool:
        """Whether the caller is the one to rebuild the board. Ends by itself unless `rebuilding` is called."""
        return self._held("rebuilding", season, 1000 * _REBUILDING_SECONDS)

    def rebuilding(self, season: Season) -> None:
        """Somebody is at it."""
        self._client.set(_key("rebuilding", season), 1, ex=_REBUILDING_SECONDS)

    def rebuilt(self, season: Season) -> None:
        """It is done."""
        self._client.delete(_key("rebuilding", season))

    def clear(self, season: Season) -> None:
        """Forget the whole board."""
        names = ("scores", "versions", "top:10")
        self._client.delete(*(_key(name, season) for name in names))

    def apply(self, season: Season, members: Iterable[RankedMember]) -> None:
        """Bring standings as the database has them, older ones left alone."""
        flat = [part for player, score, change in members for part in (player, "" if score is None else score, change)]
        for start in range(0, len(flat), 3 * _CHUNK):
            self._scripts.run("apply", _board(season), flat[start : start + 3 * _CHUNK])

    def changes_of(self, season: Season, players: Sequence[UUID]) -> list[int | None]:
        """The change numbers that Redis has for these players."""
        found = self._client.hmget(_key("versions", season), [str(player) for player in players]) if players else []
        return [None if change is None else int(change) for change in found]

    def mend(self, season: Season, members: Iterable[tuple[str, int | None, int | None, int]]) -> None:
        """Put standings right: player, the change number that Redis had, score, change number; see mend.lua."""
        flat = ["" if part is None else part for member in members for part in member]
        if flat:
            self._scripts.run("mend", _board(season), flat)

    def drop_top(self, season: Season, limit: int) -> None:
        """Forget a cached list, however new it calls itself."""
        self._client.delete(_key(f"top:{limit}", season))

    def may_prove(self, season: Season) -> bool:
        """Whether nobody else compares this board now. Ends by itself unless `proving` goes on."""
        return self._held("proving", season, 1000 * _PROVING_SECONDS)

    def proving(self, season: Season) -> None:
        """The comparison goes on."""
        self._client.expire(_key("proving", season), _PROVING_SECONDS)

    def proved(self, season: Season) -> None:
        """The comparison is over."""
        self._client.delete(_key("proving", season))

    def forget(self, season: Season, players: Sequence[str]) -> None:
        """Take players off whom the database doesn't have."""
        if players:
            self._client.zrem(_key("scores", season), *players)

    def note_repair(self) -> None:
        """Somebody has just looked whether the boards are complete: the scheduler, the broker and a worker live."""
        self._client.set(_REPAIRED, 1, ex=_REPAIRED_SECONDS)

    def repaired_ago(self) -> int | None:
        """Seconds since `note_repair`, in Redis's own time; None for more than an hour, or never.

        None too when it is yet to come, as after Redis's clock was set back: nobody knows then.
        """
        left = int(self._client.ttl(_REPAIRED))
        return _REPAIRED_SECONDS - left if 0 <= left <= _REPAIRED_SECONDS else None

    def listening_relays(self) -> int:
        """How many relays wait to be woken."""
        return int(self._client.pubsub_numsub(WAKE_CHANNEL)[0][1])

    def ranks(self, season: Season, scores: Sequence[int]) -> list[int] | None:
        """The rank that each score has; None while the board isn't complete."""
        ranks = self.places(season, [], scores).ranks
        return None if ranks is None else [ranks[score] for score in scores]

    def scores_of(self, season: Season, players: Sequence[UUID]) -> list[int | None]:
        """The scores that the sorted set has for these players."""
        found = self._client.zmscore(_key("scores", season), [str(player) for player in players]) if players else []
        return [None if score is None else int(score) for score in found]

    def members(self, season: Season) -> Iterator[tuple[str, int]]:
        """Everything on the sorted set, in no order."""
        for player, score in self._client.zscan_iter(_key("scores", season), count=_CHUNK):
            if player != MARK:
                yield player, int(score)

    def changes(self, season: Season) -> int:
        """How often the board has changed since Redis was last empty."""
        return int(self._client.get(_key("changed", season)) or 0)

    def note_change(self, season: Season) -> None:
        """The database has changed: what was cached before is out of date."""
        self._scripts.run("change", [_key("changed", season)], [])

    def top(self, season: Season, limit: int) -> tuple[CachedTop | None, int]:
        """The cached list, if any, and the board's count of changes now."""
        keys = _key(f"top:{limit}", season), _key("changed", season)
        text, changes = self._lane.call("MGET", *keys)
        if not text:
            return None, int(changes or 0)
        head, rows = text.split("\n", 1)
        version, at, built = head.split(" ")
        return CachedTop(int(version), int(at), int(built), rows), int(changes or 0)

    def put_top(
        self, season: Season, limit: int, top: CachedTop, after: Position, seen: Position, refusal: str = ""
    ) -> str:
        """Cache a list for a minute; "" unless it is refused, because a list that was shown may have seen more.

        `after`: the list has seen all up to there; `seen`: and nothing beyond. Who is refused reads anew and gives the
        refusal along; see put_top.lua.
        """
        text = f"{top.version} {top.changes} {top.built_ms}\n{top.rows}"
        keys = [_key(f"top:{limit}", season), _key("position", season)]
        return str(self._scripts.run("put_top", keys, [top.version, text, _TOP_SECONDS, after, seen, refusal]))

    def places(self, season: Season, players: Sequence[UUID], scores: Sequence[int]) -> Places:
        """What Redis knows of these players and scores, in one round trip."""
        keys = [_key(name, season) for name in ("scores", "versions", "position")]
        arguments = [len(players), *map(str, players), *scores]
        position, changes, ranks = self._scripts.run("places", keys, arguments)
        known = [int(change) if change else None for change in changes]
        by_score = dict(zip(scores, ranks, strict=True)) if len(ranks) == len(scores) else None
        return Places(position or None, known, by_score)

    def shown(self, season: Season, limit: int) -> ShownTop | None:
        """The list shown last, if that was a moment ago."""
        key = _key(f"shown:{limit}", season)
        text = self._lane.call("GET", key)
        return _shown(text) if text else None

    def show(self, season: Season, limit: int, top: ShownTop) -> ShownTop:
        """Offer a list for its second; the answer is what counts: the first one offered, by whichever process."""
        text = f"{top.second} {top.version}\n{top.rows}"
        keys = [_key(f"shown:{limit}", season)]
        return _shown(self._scripts.run("show", keys, [top.second, text, _SHOWN_MS, SECONDS_AHEAD]))

    def may_build(self, season: Season, limit: int) -> bool:
        """Whether the caller is the one to rebuild a list; others wait for it. Ends by itself."""
        return self._held(f"building:{limit}", season, 2000)

    def _held(self, name: str, season: Season, milliseconds: int) -> bool:
        return bool(self._scripts.run("hold", [_key(name, season)], [milliseconds]))

    def built(self, season: Season, limit: int) -> None:
        """The rebuild is over."""
        self._client.delete(_key(f"building:{limit}", season))
