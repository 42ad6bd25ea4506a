"""Action types, and the actions that players start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from uuid import UUID, uuid4

from anticheat.rules import ActionTypeLimits
from app.domain.action_token import Promise, SigningKey, digest_of, sign
from app.domain.action_types import LIMITS, TOGETHER, problems
from app.domain.actors import SYSTEM
from app.domain.boards import MAX_SCORE, ActionType, Season
from app.domain.times import rfc3339
from app.errors import BoardClosed, InvalidRequest, NotFound, TooManyActions
from app.services.boards.season_plans import SeasonPlans
from app.services.play.player_history import PlayerHistory
from app.stores.boards.standings import StandingStore
from app.stores.moderation.audit import AuditStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.ledger import LedgerStore
from app.stores.postgres.engine import Database


@dataclass(frozen=True, slots=True)
class Issued:
    """A new action: its promise, with the times that count, its token, and the score that the player would have.

    `expected_score` is that on the first open board; None where the result isn't fixed.
    """

    promise: Promise
    token: str
    expected_score: int | None


class Actions:
    """Manages action types and issues actions: a token lives `token_seconds`, a player holds at most `max_active`."""

    def __init__(
        self,
        database: Database,
        catalog: CatalogStore,
        claims: ActionClaimStore,
        ledger: LedgerStore,
        standings: StandingStore,
        history: PlayerHistory,
        season_plans: SeasonPlans,
        audit: AuditStore,
        *,
        key: SigningKey,
        clock: Callable[[], float],
        token_seconds: int,
        max_active: int,
    ) -> None:
        self._db, self._season_plans, self._audit = database, season_plans, audit
        self._catalog, self._claims, self._ledger, self._standings = catalog, claims, ledger, standings
        self._history, self._key, self._clock, self._token_seconds, self._max_active = (
            history,
            key,
            clock,
            token_seconds,
            max_active,
        )

    def types(self) -> list[ActionType]:
        """Return the action types that can be started."""
        return self._catalog.action_types()

    def change(self, slug: str, changes: Mapping[str, object], *, by: str = SYSTEM, request_id: str = "") -> ActionType:
        """Change some fields of an action type, and return it. Raises InvalidRequest, NotFound.

        Fields that have the value already are no change: without any other nothing is written or recorded.
        """
        action_type = self._find_type(slug)
        before = asdict(action_type)
        self._check({**{name: before[name] for name in TOGETHER}, **changes})
        changes = {name: value for name, value in changes.items() if value != before[name]}
        if not changes:
            return action_type
        with self._db.transaction() as connection:
            self._catalog.lock(connection)
            if not self._catalog.change_action_type(connection, slug, changes):
                raise _no_type(slug)
            details = {name: {"before": before[name], "after": value} for name, value in changes.items()}
            self._audit.append(connection, by, "action_type.changed", _subject(slug), details, request_id)
        return self._find_type(slug)

    def retire(self, slug: str, *, by: str = SYSTEM, request_id: str = "") -> None:
        """Stop offering this action type. Raises NotFound."""
        self._find_type(slug)
        with self._db.transaction() as connection:
            self._catalog.lock(connection)
            if not self._catalog.retire_action_type(connection, slug):
                raise _no_type(slug)
            self._audit.append(connection, by, "action_type.retired", _subject(slug), {}, request_id)

    def _find_type(self, slug: str) -> ActionType:
        action_type = self._catalog.action_type(slug) if slug.isprintable() else None
        if action_type is None:
            raise _no_type(slug)
        return action_type

    def _check(self, values: Mapping[str, object]) -> None:
        details = problems(values)
        life, least = values.get("token_seconds") or self._token_seconds, values.get("min_seconds", 0)
        if not details and isinstance(life, int) and isinstance(least, int | float) and least >= life:
            message = f"must be above min_seconds ({least:g}); tokens of this type live {life} s"
            details = [{"field": "token_seconds", "message": message}]
        if details:
            raise InvalidRequest(details=details)

    def _open_seasons(self, action_type: ActionType) -> list[Season]:
        """Return the open seasons that a type feeds, at least one. Raises BoardClosed."""
        seasons = self._season_plans.open_seasons(partial(self._catalog.fed_seasons, action_type))
        if not seasons:
            raise BoardClosed()
        return seasons

    def issue(self, player_id: UUID, slug: str) -> Issued:
        """Issue an action to a player. Raises InvalidRequest for an unknown type, BoardClosed, TooManyActions."""
        offered = self._catalog.offered(slug)
        if offered is None:
            raise InvalidRequest.field("action_type", "is not an action type; GET /api/v1/action-types lists them")
        action_type, seasons = offered
        seasons = seasons or self._open_seasons(action_type)
        season, now_ms = seasons[0], int(self._clock() * 1000)
        promise = Promise(
            action_id=str(uuid4()),
            player_id=str(player_id),
            action_type=action_type.slug,
            action_type_id=action_type.id,
            points=action_type.points or 0,
            board=season.board,
            season_id=season.id,
            season_number=season.number,
            issued_ms=now_ms,
            expires_ms=now_ms + (action_type.token_seconds or self._token_seconds) * 1000,
            result_kind=action_type.result_kind,
            min_result=action_type.min_result,
            max_result=action_type.max_result,
        )
        # The score is read first: if that fails, the player holds no action.
        expected = self._expected_score(season, player_id, action_type.points)
        token = sign(promise, self._key)
        issue = self._claims.issue(promise, digest_of(token), _limits_of(action_type), most=self._max_active)
        if issue.outcome == "unknown":
            self._fetch_history(promise)
        if issue.outcome == "too_many":
            raise TooManyActions(
                f"You hold {self._max_active} active actions, the most allowed. Complete one or let it expire.",
                details={"limit": self._max_active},
            )
        return Issued(replace(promise, issued_ms=issue.issued_ms, expires_ms=issue.expires_ms), token, expected)

    def _expected_score(self, season: Season, player_id: UUID, points: int | None) -> int | None:
        if points is None:
            return None
        score = self._standings.own_score(season, player_id)
        if season.scoring == "count":
            return (score or 0) + 1
        if season.scoring == "sum":
            expected = (score or 0) + points
            return expected if expected <= MAX_SCORE else score  # past it, nothing is scored
        if score is None or season.scoring == "last":
            return points
        return max(score, points) if season.order == "desc" else min(score, points)

    def _fetch_history(self, promise: Promise) -> None:
        """Copy the player's history to Redis. If it can't be read, withdraw the action, so that it stops counting."""
        try:
            self._history.fetch(promise.player_id)
        except Exception:
            self._claims.withdraw(promise)
            raise

    def state(self, player_id: UUID, action_id: UUID) -> dict[str, object]:
        """Return the player's own action in the API's words. Raises NotFound."""
        redemption = self._ledger.redeemed_action(player_id, action_id)
        if redemption:
            return {
                "action_id": str(action_id),
                "action_type": redemption.action_type,
                "state": "consumed",
                "points": redemption.points if redemption.result_kind == "fixed" else None,
                "result": redemption.points,
                "issued_at": rfc3339(redemption.issued_at),
                "completed_at": rfc3339(redemption.created_at),
                "score": {"previous": redemption.previous_score, "current": redemption.score},
            }
        fields = self._claims.state(str(player_id), str(action_id))
        if fields is None:
            raise NotFound("You have no such action.")
        return {
            "action_id": str(action_id),
            "action_type": fields["type"],
            "state": fields["state"],
            "points": int(fields["points"]) if fields.get("kind", "fixed") == "fixed" else None,
            "issued_at": rfc3339(int(fields["issued"]) / 1000),
            "expires_at": rfc3339(int(fields["expires"]) / 1000),
        }


def _limits_of(action_type: ActionType) -> ActionTypeLimits:
    return ActionTypeLimits(**{name: getattr(action_type, name) for name in LIMITS})


def _subject(slug: str) -> str:
    return f"action_type:{slug}"


def _no_type(slug: str) -> NotFound:
    return NotFound(f"There is no action type '{slug[:64]}' that can be started.")
