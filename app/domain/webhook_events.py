"""The events that webhooks send: the data of each, as types, and the body that is signed.

A body reads `{"type": …, "timestamp": …, "data": …}`, as Standard Webhooks has it. The id of an event is the same in
every delivery of it, so that receivers can leave out repetitions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal, get_args
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.domain.json_text import compact
from app.domain.times import rfc3339

EventType = Literal[
    "score.counted",
    "record.set",
    "season.ended",
    "case.opened",
    "player.suspended",
    "player.reinstated",
    "player.renamed",
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
TEST = "webhook.test"
"""The type of the event that an operator sends to one webhook. No subscription chooses it."""

TOP_OF_A_SEASON = 100
_IDS = UUID("5a1c1c9e-7a8e-4f0e-9d5e-0f7f5d1b2c26")

Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class EventData(BaseModel):
    """The data of an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]


class EventPlayer(BaseModel):
    """A player, by the name that they have when the event is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: UUID
    username: str


class EventScore(BaseModel):
    """A player's score before and after; `previous` is null before the first result of a `best` or `last` board."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    previous: int | None
    current: int


class FirstPlace(EventPlayer):
    """A player on the first place of a board."""

    score: int


class TopRow(EventPlayer):
    """A row of a board's final list. `metadata` is that of the run that counts, on `best` and `last` boards."""

    rank: int
    score: int
    achieved_at: Moment
    metadata: dict[str, object] | None = None


class ScoreCounted(EventData):
    """A result has counted on a board. An action that feeds several boards brings one event for each of them.

    `held`: the points are in quarantine, so that the player sees them and the public board does not.
    """

    type: ClassVar[str] = "score.counted"

    board: str
    season: int
    player: EventPlayer
    action_id: UUID
    action_type: str
    result: int
    score: EventScore
    achieved_at: Moment
    held: bool
    metadata: dict[str, object] | None


class RecordSet(EventData):
    """The first place of a board's open season has changed hands, or was taken for the first time (`previous` null)."""

    type: ClassVar[str] = "record.set"

    board: str
    season: int
    player: FirstPlace
    previous: FirstPlace | None
    achieved_at: Moment


class SeasonEnded(EventData):
    """A season has ended and is final. `players` is how many it ranks, `top` its first hundred rows."""

    type: ClassVar[str] = "season.ended"

    board: str
    season: int
    starts_at: Moment
    ends_at: Moment
    players: int
    top: Annotated[list[TopRow], Field(max_length=TOP_OF_A_SEASON)]


class CaseOpened(EventData):
    """A case waits for a person: something in this player's play looks like cheating."""

    type: ClassVar[str] = "case.opened"

    case_id: UUID
    player: EventPlayer


class PlayerSuspended(EventData):
    """A player is off every board until they are reinstated."""

    type: ClassVar[str] = "player.suspended"

    player: EventPlayer


class PlayerReinstated(EventData):
    """A player is on the boards again."""

    type: ClassVar[str] = "player.reinstated"

    player: EventPlayer


class PlayerRenamed(EventData):
    """A player has another name."""

    type: ClassVar[str] = "player.renamed"

    player: EventPlayer
    previous_username: str


class WebhookTest(EventData):
    """An operator has asked for a test event."""

    type: ClassVar[str] = TEST

    webhook_id: UUID


EVENT_DATA: Mapping[str, type[EventData]] = {
    data.type: data
    for data in (
        ScoreCounted,
        RecordSet,
        SeasonEnded,
        CaseOpened,
        PlayerSuspended,
        PlayerReinstated,
        PlayerRenamed,
        WebhookTest,
    )
}
"""The data of each type of event."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is delivered. `board` is None for one that is about no board, `player_id` unless it is about one.

    `payload` is the body: the same bytes in every attempt.
    """

    id: UUID
    type: str
    board: str | None
    player_id: UUID | None
    payload: str


def event_of(event_id: UUID, at: datetime, data: EventData) -> Event:
    """Return the event with this data, which happened at `at`."""
    values = data.model_dump(mode="json")
    board, player = getattr(data, "board", None), getattr(data, "player", None)
    body = {"type": data.type, "timestamp": rfc3339(at), "data": values}
    return Event(event_id, data.type, board, player.user_id if player else None, compact(body))


def score_event_id(event_id: int, season_id: int) -> UUID:
    """Return the id of the score.counted of a score event on one board: the same one each time."""
    return uuid5(_IDS, f"score.counted {event_id} {season_id}")


def season_event_id(season_id: int, ends_at: datetime) -> UUID:
    """Return the id of the season.ended of this end of a season: the same one each time."""
    return uuid5(_IDS, f"season.ended {season_id} {ends_at.timestamp()}")


def readable(payload: str) -> object:
    """Return the value of a body."""
    value: object = json.loads(payload)
    return value
