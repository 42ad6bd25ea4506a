"""Broadcasts of changed boards to every subscriber: the first at once, the next ones after an interval."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from uuid import uuid4

from app.domain.boards import Season
from app.services.boards.standings import Standings
from app.stores.boards.board_events import BoardChanged, publish_board
from app.stores.boards.broadcast_gate import BroadcastGateStore, BroadcastNow, Wait
from app.stores.boards.cached_lists import CachedTop
from app.stores.boards.rankings import Places, RankingStore
from app.stores.boards.standings import ChangedStanding, StandingStore
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

    def announce(self, boards: Sequence[tuple[Season, BroadcastCause]]) -> dict[int, int]:
        """Send boards to every subscriber, once their changes are in Redis. Return their versions by season id.

        A worker that comes too early waits for the interval to end, and then sends all changes that came meanwhile;
        only one worker waits. If it dies, its task is delivered again, and finds the changes that are left. The version
        is 0 if another worker sends the board, or if another season of it has begun.
        """
        versions = {season.id: 0 for season, _ in boards}
        if self._interval <= 0:
            return versions | self._publish([(season, [cause]) for season, cause in boards])
        asking = [(season, json.dumps(asdict(cause))) for season, cause in boards]
        while asking:
            turns = list(zip(asking, self._gate.request_turns(asking, self._interval), strict=True))
            now = [(season, turn.pending) for (season, _), turn in turns if isinstance(turn, BroadcastNow)]
            versions |= self._publish(
                [(season, list(filter(None, map(_parse_cause, pending)))) for season, pending in now]
            )
            self._gate.remove_entries(now)
            waits = {season: turn.seconds for (season, _), turn in turns if isinstance(turn, Wait)}
            time.sleep(max(waits.values(), default=0.0))
            asking = [(season, "") for season in waits]
        return versions

    def _publish(self, boards: Sequence[tuple[Season, Sequence[BroadcastCause]]]) -> dict[int, int]:
        if not boards:
            return {}
        seasons = [season for season, _ in boards]
        events = [(season, [event for cause in causes for event in cause.events]) for season, causes in boards]
        changes = self._describe_changes(events)  # read before the lists, so that the lists' position covers them
        tops = self._reads.build(seasons)
        # Versions rise from season to season: this list's is below those of a season that had not begun after it.
        mirrored = self._catalog.mirrored_of([season.id for season in seasons])
        versions = {}
        for (season, causes), change_info, top in zip(boards, changes, tops, strict=True):
            if season.id in mirrored:
                publish_board(self._client, _message(season, top, change_info, causes))
                versions[season.id] = top.version
        return versions

    def _describe_changes(self, boards: Sequence[tuple[Season, Sequence[int]]]) -> list[list[dict[str, object]]]:
        changed_standings = self._standings.changed_standings(boards)
        scores = [(season, _scores(changed)) for (season, _), changed in zip(boards, changed_standings, strict=True)]
        places = self._rankings.places_on(scores, ()) if any(changed_standings) else [None] * len(boards)
        return [
            [_describe(season, row, ranks) for row in changed]
            for (season, wanted), changed, known in zip(scores, changed_standings, places, strict=True)
            for ranks in [self._ranks(season, wanted, known)]
        ]

    def _ranks(self, season: Season, scores: Sequence[int], places: Places | None) -> dict[int, int]:
        if places is not None and places.ranks is not None:
            return places.ranks
        return {score: self._standings.rank(season, score) for score in scores}


def _scores(changed: Sequence[ChangedStanding]) -> list[int]:
    previous = {row.previous_score for row in changed if row.previous_score is not None}
    return sorted(previous | {row.score for row in changed})


def _describe(season: Season, row: ChangedStanding, ranks: Mapping[int, int]) -> dict[str, object]:
    return {
        "user_id": str(row.player_id),
        "username": row.username,
        "score": row.score,
        "previous_score": season.empty_score if row.previous_score is None else row.previous_score,
        "rank": ranks[row.score],
        # The rank among the others as they stand now; the player's own better score doesn't count.
        "previous_rank": ranks[row.previous_score] - (season.stored(row.score) > season.stored(row.previous_score))
        if row.previous_score is not None
        else None,
        "action_type": row.action_type,
    }


def _message(
    season: Season, top: CachedTop, changes: Sequence[dict[str, object]], causes: Sequence[BroadcastCause]
) -> BoardChanged:
    request_ids = dict.fromkeys(request_id for cause in causes for request_id in cause.request_ids)
    committed = [cause.committed_at for cause in causes if cause.committed_at is not None]
    return BoardChanged(
        season.board,
        top.version,
        json.loads(top.rows),
        changes,
        tuple(request_ids)[:_REQUEST_IDS],
        min(committed, default=None),
    )
