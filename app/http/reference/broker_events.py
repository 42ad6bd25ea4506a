"""The events that the relay publishes on RabbitMQ, as tasks of Celery: the arguments of each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.http.answers.base import Answered

EXCHANGE = "fairboard"


class ChangedBoard(Answered):
    """A season whose standings have changed. `committed_at` is the time of the oldest change, in Unix seconds."""

    season_id: int
    players: list[UUID]
    events: list[int]
    request_ids: list[str]
    committed_at: float | None


class ChangedBoards(Answered):
    """Up to eight seasons whose standings have changed, with the ids of the score events and of their requests."""

    boards: list[ChangedBoard]
    request_ids: list[str]


class EndedSeason(Answered):
    """A season that has ended."""

    season_id: int


@dataclass(frozen=True, slots=True)
class BrokerEvent:
    """An event: the name of its task, its routing key, and the model of its arguments."""

    task: str
    routing_key: str
    arguments: type[Answered]
    summary: str


BROKER_EVENTS = [
    BrokerEvent("leaderboard.refresh", "leaderboard.leaderboard", ChangedBoards, "Standings have changed"),
    BrokerEvent("leaderboard.end_season", "leaderboard.leaderboard", EndedSeason, "A season has ended"),
    BrokerEvent("webhooks.note_scores", "webhooks.webhooks", ChangedBoards, "Standings have changed, for webhooks"),
    BrokerEvent("webhooks.note_season", "webhooks.webhooks", EndedSeason, "A season has ended, for webhooks"),
]
