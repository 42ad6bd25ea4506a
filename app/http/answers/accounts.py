"""The answers about accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from app.domain.cases import CaseState
from app.http.answers.base import Answered, sometimes

Role = Literal["player", "admin"]
Status = Literal["active", "suspended"]
Record = dict[str, object]


class User(Answered):
    """The player of a sign-in."""

    user_id: UUID
    username: str
    role: Role
    status: Status


class SignIn(Answered):
    """A pair of tokens; `expires_in` is the life of the access token in seconds."""

    user: User
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class OwnCase(Answered):
    """The case about a player's own play, as the player may know it."""

    case_id: UUID
    state: CaseState
    opened_at: datetime
    decided_at: datetime | None
    appealed_at: datetime | None
    may_appeal: bool


class Profile(Answered):
    """The caller's account, with the score and the rank on `main`."""

    user_id: UUID
    username: str
    role: Role
    status: Status
    score: int
    rank: int | None
    guest: Literal[True] = sometimes("Present for a guest.")
    case: OwnCase = sometimes("Present if there is a case about the player.")


class Appealed(Answered):
    """An appeal that a person will read."""

    case_id: UUID
    appealed_at: datetime


class ResetToken(Answered):
    """A token for `POST /auth/reset`, shown this once."""

    user_id: UUID
    token: str
    expires_at: datetime


class SignedOut(Answered):
    """How many logins of a player have ended."""

    user_id: UUID
    logins: int


class Erased(Answered):
    """A player that is erased now."""

    user_id: UUID
    erased: Literal[True]
    dry_run: Literal[False]


class Export(Answered):
    """Everything that is stored about a player: the account, and a list of records of each kind."""

    account: Record
    attributes: list[Record]
    name_skeletons: list[Record]
    identities: list[Record]
    logins: list[Record]
    reset_links: list[Record]
    sightings: list[Record]
    standings: list[Record]
    podium_entries: list[Record]
    suspicion: list[Record]
    cases: list[Record]
    decisions: list[Record]
    signals: list[Record]
    cleared_rules: list[Record]
    refusals: list[Record]
    corrections: list[Record]
    points_by_hour: list[Record]
    points_by_day: list[Record]
    looks_at_points: list[Record]
    idempotency_keys: list[Record]
    webhook_deliveries: list[Record]
    audit_log: list[Record]
    open_actions: list[Record]
    score_events: list[Record]
