"""Pages of a board: ranges of its index that begin at a place, so that each page costs the same."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.domain.attributes import Segment
from app.domain.boards import Season
from app.domain.cursors import Place
from app.stores.boards.board_rows import (
    IS_LISTED,
    RUN,
    BoardEntry,
    best_listed,
    in_segment,
    listed,
    place_of,
    public_view,
    rows_of,
    segment_values,
)
from app.stores.boards.season_marks import LAST_BEFORE
from app.stores.postgres.engine import Database


class PageStore:
    """Reads ranges of a board, from the top, without ranks.

    A segment is read by its players (`entries`), whom its sorted set names. Its ranges, ranks and places are for a
    board whose sorted sets are not complete: they cost as much as the board or the segment is large.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def above(
        self, season: Season, place: Place, count: int, *, segment: Segment | None = None, without: UUID | None = None
    ) -> list[BoardEntry]:
        """Return up to `count` entries that end before the place."""
        if count == 0:
            return []
        rows = self._db.rows(
            _from_place(
                season,
                segment,
                count,
                "(s.achieved_at, s.player_id) < (:at, :player)",
                "s.score > :score",
                "score ASC, achieved_at DESC, player_id DESC",
            ),
            **_values(season, place, segment, without),
        )
        return [public_view(season, row) for row in reversed(rows)]

    def below(
        self,
        season: Season,
        place: Place,
        count: int,
        *,
        segment: Segment | None = None,
        without: UUID | None = None,
        with_place: bool = False,
    ) -> list[BoardEntry]:
        """Return up to `count` entries after the place, or from it on with `with_place`."""
        if count == 0:
            return []
        rows = self._db.rows(
            _from_place(
                season,
                segment,
                count,
                f"(s.achieved_at, s.player_id) >{'=' if with_place else ''} (:at, :player)",
                "s.score < :score",
                "score DESC, achieved_at, player_id",
            ),
            **_values(season, place, segment, without),
        )
        return [public_view(season, row) for row in rows]

    def top(self, season: Season, count: int, segment: Segment | None = None) -> list[BoardEntry]:
        """Return the first `count` entries."""
        rows = self._db.rows(
            f"{best_listed(season, count, segment)} ORDER BY s.score DESC, s.achieved_at, s.player_id",
            season=season.id,
            **segment_values(segment),
        )
        return [public_view(season, row) for row in rows]

    def entries(self, season: Season, players: Sequence[UUID], segment: Segment | None = None) -> list[BoardEntry]:
        """Return the listed standings among those of these players, from the top."""
        rows = self._db.rows(
            f"""{listed(season, segment)} AND s.player_id = ANY(:players)
            ORDER BY s.score DESC, s.achieved_at, s.player_id""",
            season=season.id,
            players=list(players),
            **segment_values(segment),
        )
        return [public_view(season, row) for row in rows]

    def of_player(self, player: UUID, seasons: Sequence[Season]) -> dict[int, BoardEntry]:
        """Return the player's standings in these seasons by the seasons' ids."""
        rows = self._db.rows(
            f"""
            SELECT s.season_id, s.player_id, p.username, s.score, s.achieved_at, s.changes, {IS_LISTED} AS listed,
                   run.metadata
            FROM standings s JOIN players p ON p.id = s.player_id {RUN}
            WHERE s.player_id = :player AND s.season_id = ANY(:seasons)
            """,
            player=player,
            seasons=[season.id for season in seasons],
        )
        by_id = {season.id: season for season in seasons}
        return {row.season_id: public_view(by_id[row.season_id], row) for row in rows}

    def is_in(self, player: UUID, segment: Segment) -> bool:
        """Return whether the player belongs to the segment."""
        row = self._db.row(
            "SELECT FROM player_attributes WHERE player_id = :player AND name = :name AND value = :value",
            player=player,
            name=segment.name,
            value=segment.value,
        )
        return row is not None

    def place(self, season: Season, number: int, segment: Segment | None = None) -> Place | None:
        """Return the place of this number, counting from the top; None beyond the last."""
        mark = None if segment else self._db.row(LAST_BEFORE, season=season.id, number=number)
        if mark is None:
            entries = self.top(season, number, segment)
        else:
            number -= mark.number
            entries = self.below(season, Place(mark.score, mark.achieved_at, mark.player_id), number)
        return place_of(season, entries[-1].standing) if len(entries) == number else None

    def total(self, season: Season, segment: Segment | None = None) -> int:
        """Return how many players are ranked."""
        counted = None if segment else self._counted(season)
        if counted is not None:
            return counted
        row = self._db.row(
            f"SELECT count(*) AS total FROM standings s WHERE season_id = :season AND {IS_LISTED}{in_segment(segment)}",
            season=season.id,
            **segment_values(segment),
        )
        assert row is not None
        return int(row.total)

    def _counted(self, season: Season) -> int | None:
        """Return how many players a closed season ranks; None for one that was not counted."""
        row = self._db.row("SELECT players FROM seasons WHERE id = :season", season=season.id)
        return row.players if row else None


def _from_place(season: Season, segment: Segment | None, count: int, same_score: str, beyond: str, order: str) -> str:
    """Return the query of two ranges, so that the index goes straight to the place: the same score, then beyond.

    Only the rows that are returned are joined with players and runs. The count is in the text, as in `best_listed`.
    """
    inner = ", ".join(f"s.{column}" for column in order.split(", "))
    by_time = inner.partition(", ")[2]
    others = f"""
        SELECT * FROM standings s WHERE s.season_id = :season AND {IS_LISTED}{in_segment(segment)}
        AND s.player_id IS DISTINCT FROM CAST(:without AS uuid)
    """
    near = f"""(
        SELECT * FROM (
            ({others} AND s.score = :score AND {same_score} ORDER BY {by_time} LIMIT {count:d})
            UNION ALL
            ({others} AND {beyond} ORDER BY {inner} LIMIT {count:d})
        ) s ORDER BY {inner} LIMIT {count:d}
    )"""
    return f"{rows_of(season, near)} ORDER BY {inner}"


def _values(season: Season, place: Place, segment: Segment | None, without: UUID | None) -> dict[str, object]:
    return {
        "season": season.id,
        "score": place.score,
        "at": place.achieved_at,
        "player": place.player,
        "without": without,
        **segment_values(segment),
    }
