"""The answers about cases, corrections, analytics and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from app.domain.cases import CaseState
from app.http.answers.base import Answered


class Harm(Answered):
    """The expected harm of leaving a case undecided, and its parts."""

    score: float
    certainty: float
    points: float
    place: float
    waiting: float


class ListedCase(Answered):
    """A case of a list, with a summary of its signals; `harm` is null for a decided one."""

    case_id: UUID
    state: CaseState
    opened_at: datetime
    starts_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    appealed_at: datetime | None
    player_id: UUID
    username: str
    status: str
    signals: int
    highest_suspicion: float
    rules: list[str]
    harm: Harm | None


class CaseSignal(Answered):
    """One signal on a case: the observation, the expectation, and the suspicion it added."""

    at: datetime
    source: str
    rule: str
    action_id: str | None
    action_type: str | None
    seen: str
    expected: str
    added: float
    left: float
    decayed: float
    suspicion: float
    outcome: str
    is_hard: bool


class CaseDecision(Answered):
    """A decision on a case; the newest may have been undone."""

    decision: str
    decided_by: str
    decided_by_name: str | None
    decided_at: datetime
    reason: str
    correction_id: UUID | None
    request_id: str


class LinkedCase(Answered):
    """A case of an account that seems to belong to the same person."""

    case_id: UUID
    username: str
    status: str
    state: CaseState
    opened_at: datetime


class CaseAppeal(Answered):
    """The player's own words."""

    text: str
    appealed_at: datetime


class CaseFile(Answered):
    """A case with its evidence: the newest 1,000 of `signals_total` signals."""

    case_id: UUID
    state: CaseState
    opened_at: datetime
    starts_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    correction_id: UUID | None
    player_id: UUID
    username: str
    status: str
    held: bool
    signals: list[CaseSignal]
    signals_total: int
    summary: str
    suspicion: float
    decisions: list[CaseDecision]
    linked_cases: list[LinkedCase]
    appeal: CaseAppeal | None


class Move(Answered):
    """A player whose rank or score on a board would change."""

    board: str
    season: int
    username: str
    player_id: UUID
    events: int
    points: int
    score_before: int | None
    score_after: int | None
    rank_before: int | None
    rank_after: int | None


class Moves(Answered):
    """A dry run: `moving` standings would change, of which `moves` are the first."""

    dry_run: Literal[True]
    events: int
    points: int
    players: int
    moving: int
    moves: list[Move]


class PlayerMoves(Moves):
    """A dry run of an erasure."""

    user_id: UUID


class StatusMoves(Moves):
    """A dry run of a change of a player's status."""

    user_id: UUID
    username: str
    role: str
    status: str
    created_at: datetime
    changed: bool


class Selection(Answered):
    """The redemptions that a correction is about; null: any."""

    player: str | None
    action_type: str | None
    board: str | None
    since: datetime | None
    until: datetime | None


class Correction(Answered):
    """A void or a restore, with the events, points and players so far."""

    correction_id: UUID
    kind: Literal["void", "restore"]
    state: Literal["running", "done", "restored"]
    selection: Selection
    made_by: str
    reason: str
    made_at: datetime
    finished_at: datetime | None
    case_id: UUID | None
    restores_id: UUID | None
    events: int
    points: int
    players: int


class Voided(Answered):
    """The redemptions of a time that were voided."""

    redemptions: int
    points: int


class Seconds(Answered):
    """Seconds from issue to completion; null without redemptions."""

    median: float | None
    p95: float | None


class Rollup(Answered):
    """The play of an hour or a day; `action_type` is null for all types together."""

    board: str
    season: int
    action_type: str | None
    from_: datetime = Field(alias="from")
    to: datetime
    redemptions: int
    points: int
    players: int
    voided: Voided
    refusals: dict[str, int]
    completion_seconds: Seconds
    complete: bool
    computed_at: datetime


class AuditRow(Answered):
    """One act, and the hash that chains it to the one before."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: dict[str, object]
    request_id: str
    hash: str


class GainLimits(Answered):
    """Points in 24 hours: the honest 99th percentile, from where to look, and from where there is always a case."""

    usual: float
    high: float
    ceiling: float
    accounts: int
    own_share: float


class HighGain(Answered):
    """A player above the limit from which to look, with the points of the last 24 hours."""

    player_id: UUID
    username: str
    points: int


class Gain(Answered):
    """Bounded gain: the limits in force, and the players above them."""

    is_on: bool
    limits: GainLimits
    source: str
    above: list[HighGain]
