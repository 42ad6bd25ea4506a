"""Telling every subscriber that a board has changed: at once, and then at most so often."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from app.domain.boards import Season
from app.services.boards.standings import Standings
from app.stores.boards.board_events import BoardChanged, publish_board
from app.stores.boards.broadcast_gate import AnnouncedElsewhere, BroadcastGateStore, Go
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.redis.client import Client

_REQUEST_IDS = 20


@dataclass(frozen=True, slots=True)
class BroadcastCause:
    """Why a board is announced: score events, the requests behind them, and when the oldest was made (Unix seconds)."""

    events: Sequence[int] = ()
    request_ids: Sequence[str] = ()
    committed_at: float | None = None
    id: str = field(default_factory=lambda: uuid4().hex)


class Broadcasts:
    """However many workers there are, a board is announced once per `interval` seconds, with all that changed."""

    def __init__(
        self,
        standings: StandingStore,
        rankings: RankingStore,
        reads: Standings,
        announcements: BroadcastGateStore,
        client: Client,
        *,
        interval: float,
    ) -> None:
        self._standings, self._rankings, self._reads = standings, rankings, reads
        self._announcements, self._client, self._interval = announcements, client, interval

    def announce(self, season: Season, change: BroadcastCause) -> int:
        """Tell every subscriber, after what has changed is in Redis. The board's version; 0 when another one tells it.

        Whoever comes too early waits for the interval to end, and then speaks for all that came meanwhile; only one
        waits. If that one dies, its task comes again, and finds what was left.
        """
        if self._interval <= 0:
            return self._publish(season, [change])
        entry = json.dumps(asdict(change))
        turn = self._announcements.turn(season, entry, self._interval)
        while not isinstance(turn, Go):
            if isinstance(turn, AnnouncedElsewhere):
                return 0
            time.sleep(turn.seconds)
            turn = self._announcements.turn(season, "", self._interval)
        version = self._publish(season, [BroadcastCause(**json.loads(text)) for text in turn.pending])
        self._announcements.announced(season, turn.pending)
        return version

    def _publish(self, season: Season, changes: Sequence[BroadcastCause]) -> int:
        events = [event for change in changes for event in change.events]
        request_ids = dict.fromkeys(one for change in changes for one in change.request_ids)
        committed = [change.committed_at for change in changes if change.committed_at is not None]
        info = self._change_info(season, events)  # before the list, whose position covers it then
        top = self._reads.build(season)
        told = BoardChanged(
            season.board,
            top.version,
            json.loads(top.rows),
            info,
            tuple(request_ids)[:_REQUEST_IDS],
            min(committed, default=None),
        )
        publish_board(self._client, told)
        return top.version

    def _change_info(self, season: Season, events: Sequence[int]) -> list[dict[str, Any]]:
        changed = self._standings.changed(season, events) if events else []
        scores = sorted({row.score for row in changed} | {row.previous_score for row in changed})
        ranks = self._rankings.ranks(season, scores) if scores else []
        rank = dict(zip(scores, ranks or [self._standings.rank(season, score) for score in scores], strict=True))
        return [
            {
                "user_id": str(row.player_id),
                "username": row.username,
                "score": row.score,
                "previous_score": row.previous_score,
                "rank": rank[row.score],
                # Among the others as they stand now; the player's own higher score doesn't count against it.
                "previous_rank": rank[row.previous_score] - (row.score > row.previous_score)
                if row.previous_score
                else None,
                "action_type": row.action_type,
            }
            for row in changed
        ]
