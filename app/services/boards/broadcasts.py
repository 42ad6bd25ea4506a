"""Broadcasts of changed boards to every subscriber: the first at once, the next ones after an interval."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from uuid import uuid4

from app.domain.boards import Season
from app.services.boards.standings import Standings
from app.stores.boards.board_events import BoardChanged, publish_board
from app.stores.boards.broadcast_gate import BroadcastElsewhere, BroadcastGateStore, BroadcastNow
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.play.catalog import CatalogStore
from app.stores.redis.client import Client

_REQUEST_IDS = 20


@dataclass(frozen=True, slots=True)
class BroadcastCause:
    """Why a board is sent: score events, the requests behind them, and the oldest one's commit time (Unix seconds)."""

    events: Sequence[int] = ()
    request_ids: Sequence[str] = ()
    committed_at: float | None = None
    id: str = field(default_factory=lambda: uuid4().hex)


def _parse_cause(text: str) -> BroadcastCause | None:
    """Return the cause; None for a text of another program."""
    try:
        cause = BroadcastCause(**json.loads(text))
        are_ours = all(isinstance(event, int) for event in cause.events) and isinstance(cause.request_ids, list)
    except (ValueError, TypeError):
        return None
    return cause if are_ours else None


class Broadcasts:
    """Sends a board once per `interval` seconds, with all of its changes, however many workers there are."""

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        rankings: RankingStore,
        reads: Standings,
        gate: BroadcastGateStore,
        client: Client,
        *,
        interval: float,
    ) -> None:
        self._catalog, self._standings, self._rankings, self._reads = catalog, standings, rankings, reads
        self._gate, self._client, self._interval = gate, client, interval

    def announce(self, season: Season, cause: BroadcastCause) -> int:
        """Send the board to every subscriber, once its changes are in Redis. Return its version.

        A worker that comes too early waits for the interval to end, and then sends all changes that came meanwhile;
        only one worker waits. If it dies, its task is delivered again, and finds the changes that are left. Return 0 if
        another worker sends the board, or if another season of it has begun.
        """
        if self._interval <= 0:
            return self._publish(season, [cause])
        entry = json.dumps(asdict(cause))
        turn = self._gate.request_turn(season, entry, self._interval)
        while not isinstance(turn, BroadcastNow):
            if isinstance(turn, BroadcastElsewhere):
                return 0
            time.sleep(turn.seconds)
            turn = self._gate.request_turn(season, "", self._interval)
        causes = list(filter(None, map(_parse_cause, turn.pending)))
        version = self._publish(season, causes)
        self._gate.remove_entries(season, turn.pending)
        return version

    def _publish(self, season: Season, causes: Sequence[BroadcastCause]) -> int:
        events = [event for cause in causes for event in cause.events]
        request_ids = dict.fromkeys(request_id for cause in causes for request_id in cause.request_ids)
        committed = [cause.committed_at for cause in causes if cause.committed_at is not None]
        changes = self._describe_changes(season, events)  # read before the list, so that the list's position covers it
        top = self._reads.build(season)
        # Versions rise from season to season: this list's is below those of a season that had not begun after it.
        if self._catalog.mirrored_season(season.id) is None:
            return 0
        message = BoardChanged(
            season.board,
            top.version,
            json.loads(top.rows),
            changes,
            tuple(request_ids)[:_REQUEST_IDS],
            min(committed, default=None),
        )
        publish_board(self._client, message)
        return top.version

    def _describe_changes(self, season: Season, events: Sequence[int]) -> list[dict[str, object]]:
        changed = self._standings.changed_standings(season, events) if events else []
        previous_scores = {row.previous_score for row in changed if row.previous_score is not None}
        scores = sorted({row.score for row in changed} | previous_scores)
        ranks = self._rankings.ranks(season, scores) if scores else []
        rank_by_score = dict(
            zip(scores, ranks or [self._standings.rank(season, score) for score in scores], strict=True)
        )
        return [
            {
                "user_id": str(row.player_id),
                "username": row.username,
                "score": row.score,
                "previous_score": row.previous_score if row.previous_score is not None else season.empty_score,
                "rank": rank_by_score[row.score],
                # The rank among the others as they stand now; the player's own better score doesn't count.
                "previous_rank": rank_by_score[row.previous_score]
                - (season.stored(row.score) > season.stored(row.previous_score))
                if row.previous_score is not None
                else None,
                "action_type": row.action_type,
            }
            for row in changed
        ]
