"""Players that an import names or creates, many in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.accounts import username_key
from app.domain.transfer_lines import PlayerRef
from app.errors import UsernameTaken
from app.stores.accounts.players import NO_PASSWORD
from app.stores.postgres.engine import Database

_COLUMNS = """
    p.id, p.external_id, p.username, p.username_key, p.role, coalesce((
        SELECT jsonb_object_agg(a.name, a.value) FROM player_attributes a WHERE a.player_id = p.id
    ), '{}') AS attributes
"""
_ADD = f"""
    INSERT INTO players (id, username, username_key, password_hash, role, external_id, created_at)
    SELECT l.id, l.username, l.username_key, '{NO_PASSWORD}', 'player', l.external_id,
           coalesce(l.created_at, clock_timestamp())
    FROM unnest(CAST(:ids AS uuid[]), CAST(:usernames AS text[]), CAST(:keys AS text[]), CAST(:externals AS text[]),
                CAST(:times AS timestamptz[])) AS l (id, username, username_key, external_id, created_at)
"""
_ADD_SKELETONS = """
    INSERT INTO username_skeletons (skeleton, player_id)
    SELECT * FROM unnest(CAST(:skeletons AS text[]), CAST(:players AS uuid[])) AS l (skeleton, player_id)
    ORDER BY skeleton
"""
_ADD_ATTRIBUTES = """
    INSERT INTO player_attributes (player_id, name, value)
    SELECT * FROM unnest(CAST(:players AS uuid[]), CAST(:names AS text[]), CAST(:values AS text[]))
"""


@dataclass(frozen=True, slots=True)
class KnownPlayer:
    """A player that exists already."""

    id: UUID
    external_id: str | None
    username: str
    role: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewPlayer:
    """A player to create, with a checked name."""

    id: UUID
    external_id: str | None
    username: str
    skeletons: tuple[str, str]
    attributes: Mapping[str, str]
    created_at: datetime | None


class ImportedPlayerStore:
    """Erased players are not found, by any id, and neither their id can be used again."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ids(self, refs: Collection[PlayerRef]) -> dict[PlayerRef, UUID]:
        """Return the ids of the players of lines; unknown ones are left out."""
        by_external = {ref.external_id: ref for ref in refs if ref.external_id}
        by_id = {ref.user_id: ref for ref in refs if ref.user_id and not ref.external_id}
        by_key = {username_key(ref.username): ref for ref in refs if ref.username and ref.field == "username"}
        externals = self._search("external_id", "text", list(by_external))
        keys = self._search("username_key", "text", list(by_key))
        ids = self._search("id", "uuid", list(by_id))
        ids_by_ref: dict[PlayerRef, UUID] = {}
        for ref in refs:
            value = (
                externals.get(ref.external_id)
                if ref.external_id
                else ids.get(ref.user_id)
                if ref.user_id
                else keys.get(username_key(ref.username or ""))
            )
            if value is not None:
                ids_by_ref[ref] = value
        return ids_by_ref

    def known(self, external_ids: Sequence[str], ids: Sequence[UUID]) -> list[KnownPlayer]:
        """Return the players with one of these external ids or ids."""
        rows = self._db.rows(
            f"""
            SELECT {_COLUMNS} FROM players p WHERE p.external_id = ANY(CAST(:externals AS text[]))
            UNION SELECT {_COLUMNS} FROM players p WHERE p.id = ANY(CAST(:ids AS uuid[])) AND p.status <> 'erased'
            """,
            externals=list(external_ids),
            ids=list(ids),
        )
        return [KnownPlayer(row.id, row.external_id, row.username, row.role, row.attributes) for row in rows]

    def erased(self, ids: Sequence[UUID]) -> set[UUID]:
        """Return those of the ids that were of players who are erased."""
        rows = self._db.rows("SELECT id FROM players WHERE id = ANY(:ids) AND status = 'erased'", ids=list(ids))
        return {row.id for row in rows}

    def taken(self, keys: Sequence[str], skeletons: Sequence[str]) -> set[str]:
        """Return those of the keys of usernames, and of the skeletons, that a player has."""
        rows = self._db.rows(
            """
            SELECT username_key AS text FROM players WHERE username_key = ANY(CAST(:keys AS text[]))
            UNION ALL SELECT skeleton FROM username_skeletons WHERE skeleton = ANY(CAST(:skeletons AS text[]))
            """,
            keys=list(keys),
            skeletons=list(skeletons),
        )
        return {row.text for row in rows}

    def add(self, connection: sa.Connection, players: Sequence[NewPlayer]) -> None:
        """Create these players. Raises UsernameTaken if a name, an id or an external id was taken meanwhile."""
        names = [(text, player.id) for player in players for text in player.skeletons]
        attributes = [(player.id, name, value) for player in players for name, value in player.attributes.items()]
        try:
            connection.execute(
                sa.text(_ADD),
                {
                    "ids": [player.id for player in players],
                    "usernames": [player.username for player in players],
                    "keys": [username_key(player.username) for player in players],
                    "externals": [player.external_id for player in players],
                    "times": [player.created_at for player in players],
                },
            )
            skeletons = {"skeletons": [text for text, _ in names], "players": [player_id for _, player_id in names]}
            connection.execute(sa.text(_ADD_SKELETONS), skeletons)
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise UsernameTaken() from None
            raise
        connection.execute(
            sa.text(_ADD_ATTRIBUTES),
            {
                "players": [row[0] for row in attributes],
                "names": [row[1] for row in attributes],
                "values": [row[2] for row in attributes],
            },
        )

    def _search(self, column: str, kind: str, values: Sequence[object]) -> dict[object, UUID]:
        if not values:
            return {}
        query = f"""
            SELECT {column} AS value, id FROM players
            WHERE {column} = ANY(CAST(:values AS {kind}[])) AND status <> 'erased'
        """
        return {row.value: row.id for row in self._db.rows(query, values=list(values))}
