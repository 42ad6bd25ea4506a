"""From score events and ends of seasons to deliveries: one for each webhook that is subscribed to it.

The tasks that call this may come twice, late or in any order. Events that are told of a score event or of a season have
ids that follow from it, and the first place is compared with the one that was noted, so none is told twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

from app.domain.boards import Season
from app.domain.webhook_events import (
    TOP_OF_A_SEASON,
    Event,
    SeasonEnded,
    TopRow,
    event_of,
    score_event_id,
    season_event_id,
)
from app.domain.webhooks import Webhook
from app.services.boards.outbox import BoardChange
from app.stores.boards.board_rows import BoardEntry
from app.stores.boards.pages import PageStore
from app.stores.boards.seasons import SeasonStore
from app.stores.operations.webhook_outbox import add_deliveries
from app.stores.operations.webhook_sources import NotedSeason, WebhookSourceStore
from app.stores.operations.webhooks import WebhookStore
from app.stores.postgres.engine import Database


class WebhookFanOut:
    """Writes deliveries. Without webhooks it costs one look at their table."""

    def __init__(
        self,
        database: Database,
        webhooks: WebhookStore,
        sources: WebhookSourceStore,
        seasons: SeasonStore,
        pages: PageStore,
    ) -> None:
        self._db, self._webhooks, self._sources = database, webhooks, sources
        self._seasons, self._pages = seasons, pages

    def note_scores(self, changes: Sequence[BoardChange]) -> int:
        """Write the deliveries of score.counted and record.set for these changes; return how many events."""
        webhooks = self._webhooks.enabled()
        if not webhooks:
            return 0
        seasons = self._sources.seasons([change.season_id for change in changes])
        count = 0
        for change in changes:
            if noted := seasons.get(change.season_id):
                count += self._write(webhooks, list(self._counted(webhooks, noted.season, change)))
                count += self._note_leader(webhooks, noted, change)
        return count

    def note_season(self, season_id: int) -> int:
        """Write the deliveries of season.ended with the final list; return how many events."""
        webhooks = self._webhooks.enabled()
        noted = self._sources.seasons([season_id]).get(season_id) if webhooks else None
        if noted is None or not noted.is_final:  # it is open again: the clock was set back
            return 0
        season = noted.season
        if not any(webhook.wants(SeasonEnded.type, season.board) for webhook in webhooks):
            return 0
        return self._write(webhooks, [self._ended(season)])

    def _counted(self, webhooks: Sequence[Webhook], season: Season, change: BoardChange) -> Iterator[Event]:
        if not change.events or not any(webhook.wants("score.counted", season.board) for webhook in webhooks):
            return
        for result in self._sources.counted(season, change.season_id, change.events):
            event_id = score_event_id(result.event_id, result.season_id)
            yield event_of(event_id, result.data.achieved_at, result.data)

    def _note_leader(self, webhooks: Sequence[Webhook], noted: NotedSeason, change: BoardChange) -> int:
        """Tell of another player on the first place. A correction after the end of a season is no record.

        The first places of all boards are noted while any webhook waits for one of them.
        """
        is_wanted = any("record.set" in webhook.events for webhook in webhooks)
        if not is_wanted or (noted.is_final and not change.events):
            return 0
        with self._db.transaction() as connection:
            record = self._sources.new_leader(connection, noted.season)
            if record is None:
                return 0
            event = event_of(uuid4(), record.achieved_at, record)
            add_deliveries(connection, _deliveries(webhooks, [event]))
        return 1

    def _ended(self, season: Season) -> Event:
        (facts,) = [facts for facts in self._seasons.facts(season.board) if facts.season.id == season.id]
        assert facts.ends_at is not None
        data = SeasonEnded(
            board=season.board,
            season=season.number,
            starts_at=facts.starts_at,
            ends_at=facts.ends_at,
            players=self._pages.total(season),
            top=_top_rows(self._pages.top(season, TOP_OF_A_SEASON)),
        )
        return event_of(season_event_id(season.id, facts.ends_at), facts.ends_at, data)

    def _write(self, webhooks: Sequence[Webhook], events: Sequence[Event]) -> int:
        if events:
            with self._db.transaction() as connection:
                add_deliveries(connection, _deliveries(webhooks, events))
        return len(events)


def _top_rows(entries: Sequence[BoardEntry]) -> list[TopRow]:
    """Return the rows of a whole list from the top. Ranks are counted here: those in Redis may lack the last moment."""
    scores = [entry.standing.score for entry in entries]
    rows = []
    for standing in (entry.standing for entry in entries):
        assert standing.achieved_at is not None
        rows.append(
            TopRow(
                user_id=standing.user_id,
                username=standing.username,
                rank=1 + scores.index(standing.score),
                score=standing.score,
                achieved_at=standing.achieved_at,
                metadata=None if standing.metadata is None else dict(standing.metadata),
            )
        )
    return rows


def _deliveries(webhooks: Sequence[Webhook], events: Sequence[Event]) -> list[tuple[UUID, Event]]:
    return [(webhook.id, event) for event in events for webhook in webhooks if webhook.wants(event.type, event.board)]
