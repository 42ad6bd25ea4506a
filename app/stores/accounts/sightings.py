"""Where accounts were seen, as keyed hashes that are kept for two weeks. Nothing else depends on these rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.stores.postgres.engine import Database

RETENTION_DAYS = 14


@dataclass(frozen=True, slots=True)
class SightingHashes:
    """The hashes of one sighting, with the key of this week (weeks since 1970)."""

    week: int
    network: bytes
    device: bytes


class SightingStore:
    """Sightings on the primary."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, player_id: UUID, day: int, hashes: Sequence[SightingHashes]) -> None:
        """Store a sighting on a day, once."""
        self._db.rows(
            """
            INSERT INTO sightings (player_id, day, week, network, device)
            SELECT :player, :day, week, network, device
            FROM unnest(CAST(:weeks AS int[]), CAST(:networks AS bytea[]), CAST(:devices AS bytea[]))
                AS s (week, network, device)
            ON CONFLICT DO NOTHING RETURNING day
            """,
            player=player_id,
            day=day,
            weeks=[entry.week for entry in hashes],
            networks=[entry.network for entry in hashes],
            devices=[entry.device for entry in hashes],
        )

    def prune(self, before: int) -> int:
        """Delete the sightings of before this day; return their number."""
        row = self._db.row(
            """
            WITH pruned AS (DELETE FROM sightings WHERE day < :before RETURNING 1)
            SELECT count(*) AS pruned FROM pruned
            """,
            before=before,
        )
        return int(row.pruned) if row else 0
