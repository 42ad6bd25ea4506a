"""Logins: one family of refresh tokens each, in PostgreSQL; their state, cached in Redis for every request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.stores.postgres.engine import Database
from app.stores.redis.client import Client, lane_of
from app.stores.redis.connection import Along

LoginState = Literal["active", "suspended", "ended"]
Pair = tuple[UUID, UUID]  # player, login
_CACHE_SECONDS = 300
LATELY_SECONDS = 2 * _CACHE_SECONDS  # a copy that was filled late outlives a change by its own life
_CHUNK = 1000
PRUNE_SECONDS = 600
_PARTS = 86_400 // PRUNE_SECONDS
_PART_ROWS = 100_000  # some tenths of a second
_IDS = 2**128


class LoginStore:
    """The database decides; what Redis has is a copy that may be lost.

    A change overwrites the copy, a reader only fills a gap: so a reader that was slow never brings back what ended.
    """

    def __init__(self, database: Database, client: Client) -> None:
        self._db, self._client = database, client
        self._lane = lane_of(client)

    def open(self, login_id: UUID, player_id: UUID, refresh_id: UUID, expires_at: datetime) -> None:
        """A new family, with the refresh token that may be used next."""
        self._db.rows(
            """
            INSERT INTO logins (id, player_id, refresh_id, expires_at)
            VALUES (:id, :player, :refresh, :expires) RETURNING id
            """,
            id=login_id,
            player=player_id,
            refresh=refresh_id,
            expires=expires_at,
        )

    def rotate(self, login_id: UUID, old: UUID, new: UUID, expires_at: datetime) -> bool:
        """Swap the refresh token; False when `old` isn't the one that may be used, or the family has ended."""
        rows = self._db.rows(
            """
            UPDATE logins SET refresh_id = :new, expires_at = :expires
            WHERE id = :id AND refresh_id = :old AND ended_at IS NULL RETURNING id
            """,
            id=login_id,
            old=old,
            new=new,
            expires=expires_at,
        )
        return bool(rows)

    def end(self, player_id: UUID, login_id: UUID, why: str) -> None:
        """End a family: its access tokens stop working at once."""
        self._db.rows(
            "UPDATE logins SET ended_at = now(), ended_why = :why WHERE id = :id AND ended_at IS NULL RETURNING id",
            id=login_id,
            why=why,
        )
        self._lane.kept("SET", _login(player_id, login_id), "ended", "EX", _CACHE_SECONDS)

    def note_status(self, player_id: UUID, status: str) -> None:
        """The account was suspended or reinstated."""
        self._lane.kept("SET", _status(player_id), status, "EX", _CACHE_SECONDS)

    def restate_ended(self) -> None:
        """Tell Redis again which logins have ended lately, as far as it has copies."""
        ended = self._db.rows(
            "SELECT id, player_id FROM logins WHERE ended_at > now() - make_interval(secs => :seconds)",
            seconds=LATELY_SECONDS,
        )
        self._correct([(_login(row.player_id, row.id), "ended") for row in ended])

    def restate_statuses(self, statuses: Sequence[tuple[UUID, str]]) -> None:
        """Tell Redis again how these accounts stand, as far as it has copies."""
        self._correct([(_status(player), status) for player, status in statuses])

    def _correct(self, copies: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(copies), _CHUNK):
            chunk = copies[start : start + _CHUNK]
            for answer in self._lane.together([("SET", key, value, "XX", "KEEPTTL") for key, value in chunk]):
                if isinstance(answer, Exception):
                    raise answer

    def question(self, pair: Pair) -> Along:
        """Asks Redis for one login's state; its answer can be handed to `states`."""
        return Along(("MGET", _status(pair[0]), _login(*pair)))

    def states(self, pairs: Sequence[Pair], copies: list[list[str | None]] | None = None) -> list[LoginState]:
        """How each login stands, in the order asked: one round trip, and one query for those that Redis forgot.

        `copies` is what Redis has, where that is known already.
        """
        copies = copies or self._copies(pairs)
        gaps = [pair for pair, copy in zip(pairs, copies, strict=True) if None in copy]
        filled = self._fill(gaps) if gaps else {}
        return [filled.get(pair) or _state(*copy) for pair, copy in zip(pairs, copies, strict=True)]

    def _copies(self, pairs: Sequence[Pair]) -> list[list[str | None]]:
        keys = [(_status(player), _login(player, login)) for player, login in pairs]
        copies: list[list[str | None]] = self._lane.together([("MGET", *pair) for pair in keys])
        for copy in copies:
            if isinstance(copy, Exception):
                raise copy
        return copies

    def _fill(self, pairs: Sequence[Pair]) -> dict[Pair, LoginState]:
        rows = self._db.rows(
            """
            SELECT l.id AS login, p.id AS player, p.status,
                   CASE WHEN l.ended_at IS NULL THEN 'active' ELSE 'ended' END AS login_state
            FROM logins l JOIN players p ON p.id = l.player_id WHERE l.id = ANY(:logins)
            """,
            logins=[login for _, login in pairs],
        )
        found = {(row.player, row.login): (row.status, row.login_state) for row in rows}
        pipeline = self._client.pipeline(transaction=False)
        for (player, login), (status, login_state) in found.items():
            pipeline.set(_status(player), status, ex=_CACHE_SECONDS, nx=True)
            pipeline.set(_login(player, login), login_state, ex=_CACHE_SECONDS, nx=True)
        pipeline.execute()
        return {pair: _state(*found.get(pair, ("active", "ended"))) for pair in pairs}

    def prune(self, at: float, *, part_rows: int = _PART_ROWS) -> int:
        """Remove families that can't be used any more; how many.

        Of a large table a part by the ids, which are random: the parts of a day's runs, `at` their Unix times, are all
        of it. An index by the time of expiry would cost each refresh of a token more than that.
        """
        estimate = self._db.row("SELECT reltuples FROM pg_class WHERE oid = 'logins'::regclass")
        parts = min(_PARTS, 1 + int(max(0.0, estimate.reltuples) if estimate else 0) // part_rows)
        part, width = int(at // PRUNE_SECONDS) % parts, _IDS // parts
        row = self._db.row(
            """
            WITH pruned AS (
                DELETE FROM logins WHERE id BETWEEN :first AND :last AND expires_at < now() - interval '1 day'
                RETURNING 1
            )
            SELECT count(*) AS pruned FROM pruned
            """,
            first=UUID(int=part * width),
            last=UUID(int=_IDS - 1 if part == parts - 1 else (part + 1) * width - 1),
        )
        return int(row.pruned) if row else 0


def _status(player_id: UUID) -> str:
    return f"status:{{{player_id}}}"


def _login(player_id: UUID, login_id: UUID) -> str:
    return f"login:{{{player_id}}}:{login_id}"


def _state(status: str | None, login: str | None) -> LoginState:
    if login != "active":
        return "ended"
    return "active" if status == "active" else "suspended"
