"""Deliveries of an event, written in the transaction that makes the event true: no crash comes between the two.

Without a webhook that is subscribed to it, an event costs one look at a small table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.domain.webhook_events import (
    CaseOpened,
    Event,
    EventData,
    EventPlayer,
    EventType,
    PlayerReinstated,
    PlayerRenamed,
    PlayerSuspended,
    event_of,
)
from app.domain.webhooks import GIVE_UP_AFTER
from app.stores.postgres.rows import parsed

_SUBSCRIBED = "SELECT id FROM webhooks WHERE enabled AND deleted_at IS NULL AND :event = ANY(events)"
_ADD = """
    INSERT INTO webhook_deliveries (id, webhook_id, event_id, type, player_id, payload, next_attempt_at, give_up_at)
    VALUES (:id, :webhook, :event, :type, :player, :payload, clock_timestamp(),
            clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (webhook_id, event_id) DO NOTHING
"""
_STATUS_EVENTS: dict[str, tuple[EventType, Callable[[EventPlayer], EventData]]] = {
    "suspended": ("player.suspended", lambda player: PlayerSuspended(player=player)),
    "active": ("player.reinstated", lambda player: PlayerReinstated(player=player)),
}


def add_deliveries(connection: sa.Connection, deliveries: Iterable[tuple[UUID, Event]]) -> None:
    """Write a delivery for each pair of a webhook's id and an event, except for pairs that have one already."""
    values = [
        {
            "id": uuid4(),
            "webhook": webhook_id,
            "event": event.id,
            "type": event.type,
            "player": event.player_id,
            "payload": event.payload,
            "seconds": GIVE_UP_AFTER.total_seconds(),
        }
        for webhook_id, event in deliveries
    ]
    if values:
        connection.execute(parsed(_ADD), values)


def note_status(connection: sa.Connection, player_id: UUID, status: str) -> None:
    """Tell that a player was suspended or reinstated; other statuses are nobody's business."""
    if status in _STATUS_EVENTS:
        event, make = _STATUS_EVENTS[status]
        _note(connection, event, player_id, make)


def note_rename(connection: sa.Connection, player_id: UUID, previous_username: str) -> None:
    """Tell that a player has another name, which the caller has written."""
    _note(
        connection,
        "player.renamed",
        player_id,
        lambda player: PlayerRenamed(player=player, previous_username=previous_username),
    )


def note_case(connection: sa.Connection, player_id: UUID, case_id: UUID) -> None:
    """Tell that a case was opened."""
    _note(connection, "case.opened", player_id, lambda player: CaseOpened(case_id=case_id, player=player))


def _note(
    connection: sa.Connection, event: EventType, player_id: UUID, make: Callable[[EventPlayer], EventData]
) -> None:
    webhook_ids = connection.execute(parsed(_SUBSCRIBED), {"event": event}).scalars().all()
    if not webhook_ids:
        return
    username, now = _name_and_time(connection, player_id)
    written = event_of(uuid4(), now, make(EventPlayer(user_id=player_id, username=username)))
    add_deliveries(connection, [(webhook_id, written) for webhook_id in webhook_ids])


def _name_and_time(connection: sa.Connection, player_id: UUID) -> tuple[str, datetime]:
    row = connection.execute(
        parsed("SELECT username, clock_timestamp() AS now FROM players WHERE id = :player"), {"player": player_id}
    ).one()
    return row.username, row.now
