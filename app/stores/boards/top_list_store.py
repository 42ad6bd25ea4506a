"""The top lists of boards in Redis: the newest, for subscribers, and the one that HTTP readers see this second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from app.domain.boards import Season
from app.stores.boards.board_keys import board_key
from app.stores.boards.cached_lists import CachedTop, ShownTop, parse_count, parse_shown, parse_top
from app.stores.postgres.lsn import Position
from app.stores.redis.client import Call, Client, Scripts, direct_connection
from app.stores.redis.connection import RedisValue, raw
from app.stores.redis.leases import Lease

SECONDS_AHEAD = 2  # how far the clock of another server may be ahead
_TOP_SECONDS = 60
_SHOWN_MS = 2000  # longer than the second that it is for, so that clocks may differ; Redis's own clock ends it
_BUILDING_SECONDS = 2


@dataclass(frozen=True, slots=True)
class NewTop:
    """A list to cache, and the refusal of an earlier try to cache such a list, "" for a first try."""

    season: Season
    top: CachedTop
    refusal: str = ""


class TopListStore:
    """Caches top lists. The counts of changes tell whether a cached one is the newest."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._scripts, self._direct = scripts, direct_connection(client)

    def changes(self, seasons: Sequence[Season]) -> list[int]:
        """Return how often each board has changed since Redis was last empty, in one round trip."""
        answers = self._direct.call_together([("MGET", board_key("changed", season)) for season in seasons])
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return [parse_count(count) for (count,) in answers]

    def top(self, season: Season, limit: int) -> tuple[CachedTop | None, int]:
        """Return the cached list, if any, and the board's present change count."""
        keys = board_key(f"top:{limit}", season), board_key("changed", season), board_key(f"end:{limit}", season)
        text, changes, end_text = self._direct.call("MGET", *keys)
        return parse_top(text, end_text), parse_count(changes)

    def put(self, tops: Sequence[NewTop], limit: int, after: Position, until: Position) -> list[str]:
        """Cache lists for a minute, in one round trip; return "" for each, or a refusal.

        A list is refused if one that was shown may include later changes. `after`: the lists include all changes up
        to there; `until`: and none beyond. After a refusal, the caller reads again and passes the refusal; see
        put_top.lua.
        """
        calls: list[Call] = []
        for new in tops:
            top, season = new.top, new.season
            text = f"{top.version} {top.changes} {top.built_ms}\n{top.rows}"
            end = f"{top.version} {top.end}" if top.end else ""
            keys = [board_key(f"top:{limit}", season), board_key("position", season), board_key(f"end:{limit}", season)]
            arguments: list[RedisValue] = [top.version, text, _TOP_SECONDS, after, until, raw(new.refusal), end]
            calls.append(("put_top", keys, arguments))
        return [str(answer) for answer in self._scripts.run_together(calls)]

    def shown(self, season: Season, limit: int) -> ShownTop | None:
        """Return the list that was shown last, if that was a moment ago."""
        return parse_shown(self._direct.call("MGET", board_key(f"shown:page:{limit}", season))[0])

    def offer(self, season: Season, limit: int, top: ShownTop) -> ShownTop:
        """Offer a list for its second; return the list to show, which is the first that any process offered."""
        text = f"{top.second} {top.version} {top.end}\n{top.rows}"
        keys = [board_key(f"shown:page:{limit}", season)]
        shown_text = ""
        while True:
            arguments: list[RedisValue] = [top.second, text, _SHOWN_MS, SECONDS_AHEAD, raw(shown_text)]
            shown_text = self._scripts.run("show", keys, arguments)
            if shown := parse_shown(shown_text):
                return shown

    def build_lease(self, season: Season, limit: int) -> Lease:
        """Return a lease to rebuild a list, to take; other callers wait for the list."""
        return Lease(self._scripts, board_key(f"building:{limit}", season), _BUILDING_SECONDS)
