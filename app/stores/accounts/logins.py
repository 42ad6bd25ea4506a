"""Logins in PostgreSQL, each one family of refresh tokens, and their states, cached in Redis for every request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from app.stores.accounts.gates import Admission, Copies, Gate, Pair, login_key, read_admission, status_key
from app.stores.postgres.engine import Database
from app.stores.redis.client import Client, Scripts, direct_connection
from app.stores.redis.connection import Command

LoginState = Literal["active", "suspended", "ended"]
_CACHE_SECONDS = 300
LATELY_SECONDS = 2 * _CACHE_SECONDS  # a copy that was filled late outlives a change by its own lifetime
_CHUNK = 1000
PRUNE_SECONDS = 600
_PARTS = 86_400 // PRUNE_SECONDS
_PART_ROWS = 100_000  # pruned in some tenths of a second
_IDS = 2**128


class LoginStore:
    """Logins. The database decides; Redis has a copy that may be lost.

    A change overwrites the copy and a reader only fills a gap, so a slow reader never revives a login that has ended.
    """

    def __init__(self, database: Database, client: Client, scripts: Scripts) -> None:
        self._db, self._client, self._scripts = database, client, scripts
        self._direct = direct_connection(client)

    def open(
        self,
        login_id: UUID,
        player_id: UUID,
        refresh_id: UUID,
        expires_at: datetime,
        password_hash: str | None = None,
    ) -> bool:
        """Start a family, with the refresh token that may be used next.

        Return False if the player was erased, or has another password hash than this one: a change of the password
        ends all logins, so it must not miss one that is opened meanwhile.
        """
        rows = self._db.rows(
            """
            INSERT INTO logins (id, player_id, refresh_id, expires_at)
            SELECT :id, id, :refresh, :expires FROM players
            WHERE id = :player AND status <> 'erased' AND password_hash = coalesce(:hash, password_hash)
            FOR SHARE RETURNING id
            """,
            id=login_id,
            player=player_id,
            refresh=refresh_id,
            expires=expires_at,
            hash=password_hash,
        )
        return bool(rows)

    def rotate(self, login_id: UUID, old_id: UUID, new_id: UUID, expires_at: datetime) -> bool:
        """Swap the refresh token; return False if `old_id` isn't the one that may be used, or the family has ended."""
        rows = self._db.rows(
            """
            UPDATE logins SET refresh_id = :new, expires_at = :expires
            WHERE id = :id AND refresh_id = :old AND ended_at IS NULL RETURNING id
            """,
            id=login_id,
            old=old_id,
            new=new_id,
            expires=expires_at,
        )
        return bool(rows)

    def end(self, player_id: UUID, login_id: UUID, reason: str) -> None:
        """End a family: its access tokens stop working at once."""
        self._db.rows(
            "UPDATE logins SET ended_at = now(), ended_why = :why WHERE id = :id AND ended_at IS NULL RETURNING id",
            id=login_id,
            why=reason,
        )
        self._direct.write_durably("SET", login_key(player_id, login_id), "ended", "EX", _CACHE_SECONDS)

    def end_all(
        self, connection: sa.Connection, player_id: UUID, reason: str, besides: UUID | None = None
    ) -> list[UUID]:
        """End all families of a player but `besides`, and return their ids, for `note_ended` after the commit.

        An identity provider's tokens that were issued before now, and that no request has brought yet, are refused
        from now on. The caller has locked the player, so that no family is opened meanwhile.
        """
        connection.execute(
            sa.text("UPDATE identities SET tokens_from = clock_timestamp() WHERE player_id = :player"),
            {"player": player_id},
        )
        rows = connection.execute(
            sa.text(
                """
                UPDATE logins SET ended_at = clock_timestamp(), ended_why = :why
                WHERE player_id = :player AND ended_at IS NULL AND id IS DISTINCT FROM CAST(:besides AS uuid)
                RETURNING id
                """
            ),
            {"why": reason, "player": player_id, "besides": besides},
        )
        return list(rows.scalars())

    def note_ended(self, player_id: UUID, login_ids: Sequence[UUID]) -> None:
        """Store in Redis that these families have ended."""
        for login_id in login_ids:
            self._direct.write_durably("SET", login_key(player_id, login_id), "ended", "EX", _CACHE_SECONDS)

    def note_status(self, player_id: UUID, status: str) -> None:
        """Store in Redis that the account was suspended, reinstated or erased."""
        self._direct.write_durably("SET", status_key(player_id), status, "EX", _CACHE_SECONDS)

    def correct_ended_logins(self) -> None:
        """Correct Redis's copies of the logins that ended in the last LATELY_SECONDS."""
        rows = self._db.rows(
            "SELECT id, player_id FROM logins WHERE ended_at > now() - make_interval(secs => :seconds)",
            seconds=LATELY_SECONDS,
        )
        self._correct([(login_key(row.player_id, row.id), "ended") for row in rows])

    def correct_statuses(self, statuses: Sequence[tuple[UUID, str]]) -> None:
        """Correct Redis's copies of these accounts' statuses, `(player id, status)`."""
        self._correct([(status_key(player), status) for player, status in statuses])

    def _correct(self, copies: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(copies), _CHUNK):
            chunk = copies[start : start + _CHUNK]
            for answer in self._direct.call_together([("SET", key, value, "XX", "KEEPTTL") for key, value in chunk]):
                if isinstance(answer, Exception):
                    raise answer

    def admit(self, gate: Gate) -> Admission:
        """Count a request in its window, and read the copies of its login's state, in one round trip."""
        admission = read_admission(self._scripts.run(*gate.alone()))
        assert admission is not None, "no script is behind this gate"
        return admission

    def states(self, pairs: Sequence[Pair], copies: list[Copies] | None = None) -> list[LoginState]:
        """Return the logins' states, in the order of `pairs`: one round trip, and one query for those that Redis lacks.

        `copies` are Redis's answers, if the caller has them already.
        """
        copies = copies or self._copies(pairs)
        gaps = [pair for pair, copy in zip(pairs, copies, strict=True) if not _is_complete(copy)]
        filled = self._fill(gaps) if gaps else {}
        return [filled.get(pair) or _state(*copy) for pair, copy in zip(pairs, copies, strict=True)]

    def _copies(self, pairs: Sequence[Pair]) -> list[Copies]:
        copies: list[Copies] = self._direct.call_together([_copies_query(pair) for pair in pairs])
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
        states = {(row.player, row.login): (row.status, row.login_state) for row in rows}
        self._scripts.run_together(
            [
                ("fill", [status_key(player), login_key(player, login)], [_CACHE_SECONDS, *copies])
                for (player, login), copies in states.items()
            ]
        )
        return {pair: _state(*states.get(pair, ("active", "ended"))) for pair in pairs}

    def prune(self, at: float, *, part_rows: int = _PART_ROWS) -> int:
        """Remove families that can't be used any more and return their number.

        A run covers one part of a large table, by the ids, which are random; a day's runs, `at` their Unix times, cover
        all of it. An index by the time of expiry would cost more, at each refresh of a token.
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


def _copies_query(pair: Pair) -> Command:
    return "MGET", status_key(pair[0]), login_key(*pair)


def _is_complete(copy: Copies) -> bool:
    status, login = copy
    return status in ("active", "suspended", "erased") and login in ("active", "ended")


def _state(status: str | None, login: str | None) -> LoginState:
    if login != "active" or status == "erased":
        return "ended"
    return "active" if status == "active" else "suspended"
