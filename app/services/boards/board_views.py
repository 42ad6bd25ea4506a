"""The boards that can be read, in their present or any other season."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.attributes import Segment, segment_of
from app.domain.boards import MAIN, BoardView
from app.errors import InvalidRequest, NotFound
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.engine import UNAVAILABLE

_SECONDS = 1.0


class BoardViews:
    """Boards by name, cached for a second, longer while the database is down."""

    def __init__(self, catalog: CatalogStore, *, clock: Callable[[], float]) -> None:
        self._catalog, self._clock = catalog, clock
        self._views: dict[tuple[str, int | None], tuple[float, BoardView]] = {}

    def view(self, board: str = MAIN, season: int | None = None, *, with_hidden: bool = False) -> BoardView:
        """Return a board in a season: without a number the open one, or the last one before, or else the next.

        Raises NotFound, also for a board that isn't public unless `with_hidden`.
        """
        view = self._read(board, season)
        if view is None or not (view.is_public or with_hidden):
            raise no_board(board, season)
        return view

    def public_views(self) -> list[BoardView]:
        """Return all public boards, each in its present season."""
        return self._catalog.public_views()

    def _read(self, board: str, season: int | None) -> BoardView | None:
        now = self._clock()
        cached = self._views.get((board, season))
        if cached and 0 <= now - cached[0] < _lifetime(cached[1]):
            return cached[1]
        try:
            view = self._catalog.view(board, season) if board.isprintable() else None
        except UNAVAILABLE:
            if cached is None:
                raise
            return cached[1]
        if view is not None:
            self._views[board, season] = now, view
        return view


def no_board(board: str, season: int | None = None) -> NotFound:
    """Return the refusal for a board or season that doesn't exist, or that the caller may not see."""
    return NotFound(f"There is no board '{board[:40]}'{f' with a season {season}' if season else ''}.")


def _lifetime(view: BoardView) -> float:
    """Return the seconds for which a view may be cached: none is shown beyond the end of its season."""
    return _SECONDS if view.seconds_left is None else min(_SECONDS, view.seconds_left)


def segment_in(view: BoardView, text: str | None) -> Segment | None:
    """Return the segment `name:value` of a board, None for None. Raises InvalidRequest for one that it doesn't have."""
    if text is None:
        return None
    try:
        segment = segment_of(text)
    except ValueError as error:
        raise InvalidRequest.field("segment", str(error)) from None
    if segment.name not in view.segments:
        names = ", ".join(view.segments) or "none"
        raise InvalidRequest.field(
            "segment", f"'{segment.name[:64]}' is no segment of the board '{view.season.board}'; it has {names}"
        )
    return segment
