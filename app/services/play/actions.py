"""Start an action, ask for its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

from anticheat.rules import ActionTypeLimits
from app.domain.action_token import Promise, SigningKey, sign
from app.domain.action_types import EXPECTED, problems
from app.domain.actors import SYSTEM
from app.domain.boards import MAIN, ActionType
from app.domain.times import rfc3339
from app.errors import InvalidRequest, NotFound, TooManyActions
from app.services.play.player_history import PlayerHistory
from app.stores.boards.standings import StandingStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.ledger import LedgerStore
from app.stores.postgres.engine import Database


@dataclass(frozen=True, slots=True)
class Issued:
    """A new action: what it promises, its token, and what the score would become."""

    promise: Promise
    token: str
    expected_score: int


class Actions:
    """`seconds` is the life of a token, `most` how many active ones a player may hold."""

    def __init__(
        self,
        database: Database,
        catalog: CatalogStore,
        permits: ActionClaimStore,
        ledger: LedgerStore,
        standings: StandingStore,
        past: PlayerHistory,
        *,
        key: SigningKey,
        clock: Callable[[], float],
        seconds: int,
        most: int,
    ) -> None:
        self._db = database
        self._catalog, self._permits, self._ledger, self._standings = catalog, permits, ledger, standings
        self._past, self._key, self._clock, self._seconds, self._most = past, key, clock, seconds, most

    def types(self) -> list[ActionType]:
        """What can be played."""
        return self._catalog.action_types()

    def add(
        self, slug: str, values: dict[str, Any], board: str = MAIN, *, by: str = SYSTEM, request_id: str = ""
    ) -> ActionType:
        """A new type; `values` has all that can be changed. Raises InvalidRequest, NotFound, Conflict."""
        _check({"slug": slug, **values})
        if not board.isprintable() or self._catalog.open_season(board) is None:
            raise NotFound(f"There is no board '{board[:40]}'.")
        with self._db.transaction() as connection:
            self._catalog.add_action_type(connection, {"slug": slug, **values}, board)
            AuditStore.append(
                connection, by, "action_type.added", _subject(slug), {**values, "board": board}, request_id
            )
        return self._type(slug)

    def change(self, slug: str, changes: dict[str, Any], *, by: str = SYSTEM, request_id: str = "") -> ActionType:
        """Change some of what `add` takes. Raises InvalidRequest, NotFound."""
        before = asdict(self._type(slug))
        _check({**{name: before[name] for name in EXPECTED}, **changes})
        with self._db.transaction() as connection:
            if not self._catalog.change_action_type(connection, slug, changes):
                raise _no_type(slug)
            details = {name: {"before": before[name], "after": value} for name, value in changes.items()}
            AuditStore.append(connection, by, "action_type.changed", _subject(slug), details, request_id)
        return self._type(slug)

    def retire(self, slug: str, *, by: str = SYSTEM, request_id: str = "") -> None:
        """Nobody can start it any more. Raises NotFound."""
        self._type(slug)
        with self._db.transaction() as connection:
            if not self._catalog.retire_action_type(connection, slug):
                raise _no_type(slug)
            AuditStore.append(connection, by, "action_type.retired", _subject(slug), {}, request_id)

    def _type(self, slug: str) -> ActionType:
        found = self._catalog.action_type(slug) if slug.isprintable() else None
        if found is None:
            raise _no_type(slug)
        return found

    def issue(self, player_id: UUID, slug: str) -> Issued:
        """Open an action. Raises InvalidRequest for an unknown type, TooManyActions."""
        kind = self._catalog.action_type(slug)
        season = self._catalog.open_season(kind.board) if kind else None
        if kind is None or season is None:
            raise InvalidRequest.field("action_type", "is not an action type; GET /api/v1/action-types lists them")
        now = int(self._clock() * 1000)
        promise = Promise(
            action_id=str(uuid4()),
            player_id=str(player_id),
            action_type=kind.slug,
            action_type_id=kind.id,
            points=kind.points,
            board=season.board,
            season_id=season.id,
            season_number=season.number,
            issued_ms=now,
            expires_ms=now + self._seconds * 1000,
        )
        limits = ActionTypeLimits(kind.min_seconds, kind.burst, kind.per_minute)
        expected = self._standings.score(season.id, player_id) + kind.points  # first: if it fails, nothing is held
        word = self._permits.issue(promise, limits, most=self._most)
        if word == "unknown":
            self._fetch_past(promise)
        if word == "too_many":
            raise TooManyActions(
                f"You hold {self._most} active actions, the most allowed. Complete one or let it expire.",
                details={"limit": self._most},
            )
        return Issued(promise, sign(promise, self._key), expected)

    def _fetch_past(self, promise: Promise) -> None:
        """Bring the player's past to Redis. If it can't be read, nobody gets this action: it counts no more."""
        try:
            self._past.fetch(promise.player_id)
        except Exception:
            self._permits.withdraw(promise)
            raise

    def state(self, player_id: UUID, action_id: UUID) -> dict[str, Any]:
        """The player's own action in the contract's words. Raises NotFound."""
        scored = self._ledger.redeemed_action(player_id, action_id)
        if scored:
            return {
                "action_id": str(action_id),
                "action_type": scored["action_type"],
                "state": "consumed",
                "points": scored["points"],
                "issued_at": rfc3339(scored["issued_at"]),
                "completed_at": rfc3339(scored["created_at"]),
                "score": {"previous": scored["previous_score"], "current": scored["score"]},
            }
        kept = self._permits.state(str(player_id), str(action_id), int(self._clock() * 1000))
        if kept is None:
            raise NotFound("You have no such action.")
        return {
            "action_id": str(action_id),
            "action_type": kept["type"],
            "state": kept["state"],
            "points": int(kept["points"]),
            "issued_at": rfc3339(int(kept["issued"]) / 1000),
            "expires_at": rfc3339(int(kept["expires"]) / 1000),
        }


def _subject(slug: str) -> str:
    return f"action_type:{slug}"


def _no_type(slug: str) -> NotFound:
    return NotFound(f"There is no action type '{slug[:64]}' that can be started.")


def _check(values: dict[str, Any]) -> None:
    wrong = problems(values)
    if wrong:
        raise InvalidRequest(details=wrong)
