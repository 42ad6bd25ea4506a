"""The score events that count, and the scores made of them. `app.stores.boards.counting` has the same in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

Scoring: TypeAlias = Literal["sum", "best", "last", "count"]
Order: TypeAlias = Literal["desc", "asc"]
ONE_RUN: tuple[Scoring, ...] = ("best", "last")
"""The ways to score by which one event alone is the score."""


@dataclass(frozen=True, slots=True)
class ScoreEvent:
    """An event of the ledger: ids rise in the order of events, `held_under` is the hold on the player then.

    `points` is the result of a redemption, any integer, and of a void its negative.
    """

    id: int
    kind: Literal["redeem", "void", "restore"]
    action_id: UUID
    points: int
    created_at: datetime
    held_under: UUID | None = None
    metadata: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The score that a board makes of some events, the time at which it was reached, and the run that it is.

    `run` is the one event that counts on a `best` or `last` board, with its result, time and metadata; None elsewhere.
    """

    score: int
    achieved_at: datetime
    run: ScoreEvent | None = None


@dataclass(frozen=True, slots=True)
class BoardFold:
    """A board's fold of a player's events in a season: `public` for everyone, `own` for the player, with held events.

    None: no such event counts, and the player is not ranked.
    """

    public: Score | None
    own: Score | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on a player's points. `until`: it may end by itself from then on; None: a person ends it.

    It holds events scored under it and, where it reaches back, events scored from `since` to before `begun`.
    """

    id: UUID
    until: datetime | None = None
    since: datetime | None = None
    begun: datetime | None = None

    def holds(self, redemption: ScoreEvent) -> bool:
        """Return whether the redemption is held."""
        if self.since is not None and self.begun is not None and self.since <= redemption.created_at < self.begun:
            return True
        return redemption.held_under == self.id


@dataclass(frozen=True, slots=True)
class Fold:
    """The sums of a player's events: `score` is public, only the player sees the `held` points.

    `achieved_at` is the time at which the public score was reached, None without a public event that counts.
    """

    score: int
    held: int
    achieved_at: datetime | None


def counting_events(events: Iterable[ScoreEvent]) -> list[ScoreEvent]:
    """Return the redemptions that count, the oldest first: those whose action's newest event is not a void."""
    redemptions: dict[UUID, ScoreEvent] = {}
    voided_actions: dict[UUID, bool] = {}
    for event in sorted(events, key=lambda event: event.id):
        if event.kind == "redeem":
            redemptions[event.action_id] = event
        voided_actions[event.action_id] = event.kind == "void"
    return [event for event in redemptions.values() if not voided_actions[event.action_id]]


def fold_events(events: Iterable[ScoreEvent], hold: Hold | None) -> Fold:
    """Return the sums of a player's events in a season, with this hold on the player."""
    fold = fold_board(events, hold)
    score = fold.public.score if fold.public else 0
    own = fold.own.score if fold.own else 0
    return Fold(score, own - score, fold.public.achieved_at if fold.public else None)


def fold_board(
    events: Iterable[ScoreEvent], hold: Hold | None, scoring: Scoring = "sum", order: Order = "desc"
) -> BoardFold:
    """Return a board's fold of a player's events in a season, with this hold on the player."""
    counting = counting_events(events)
    held = [event for event in counting if hold is not None and hold.holds(event)]
    public = [event for event in counting if event not in held]
    return BoardFold(public=score_of(public, scoring, order), own=score_of(counting, scoring, order))


def score_of(events: list[ScoreEvent], scoring: Scoring, order: Order = "desc") -> Score | None:
    """Return the score of events that count, the oldest first; None without any.

    Of equal best results the earliest counts. A sum is reached by the newest event that changes it: a result of 0 moves
    nobody behind those who got there later. A sum of such results alone is reached by the first one.
    """
    if not events:
        return None
    if scoring in ONE_RUN:
        run = events[-1] if scoring == "last" else _best(events, order)
        return Score(run.points, run.created_at, run)
    total = len(events) if scoring == "count" else sum(event.points for event in events)
    reached = next((event for event in reversed(events) if event.points or scoring == "count"), events[0])
    return Score(total, reached.created_at)


def _best(events: list[ScoreEvent], order: Order) -> ScoreEvent:
    sign = 1 if order == "desc" else -1
    return max(events, key=lambda event: (sign * event.points, -event.id))


def ranked(scores: Mapping[UUID, Score], order: Order = "desc") -> list[tuple[int, UUID]]:
    """Return (rank, player) in the order of a board: equal scores share a rank, the earlier achiever comes first."""
    sign = 1 if order == "desc" else -1

    def place(player: UUID) -> tuple[int, datetime, UUID]:
        return -sign * scores[player].score, scores[player].achieved_at, player

    strengths = [sign * score.score for score in scores.values()]
    return [
        (1 + sum(strength > sign * scores[player].score for strength in strengths), player)
        for player in sorted(scores, key=place)
    ]
