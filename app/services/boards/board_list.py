"""The boards with their rules and seasons, and how many players each season ranks."""

from __future__ import annotations

from dataclasses import replace

from app.domain.board_config import BoardConfig
from app.domain.boards import BoardView, SeasonFacts
from app.services.boards.board_pages import BoardPages
from app.stores.boards.board_list import BoardListStore
from app.stores.boards.seasons import SeasonStore


class BoardList:
    """The players of an open season are counted in Redis; those of a closed one were counted when it was closed."""

    def __init__(self, boards: BoardListStore, seasons: SeasonStore, pages: BoardPages) -> None:
        self._boards, self._seasons, self._pages = boards, seasons, pages

    def boards(self, *, with_hidden: bool) -> list[tuple[BoardConfig, SeasonFacts | None]]:
        """Return the boards, the oldest first, each with its present season if it has any."""
        present = self._seasons.present()
        return [
            (board, self._counted(present[board.slug]) if board.slug in present else None)
            for board in self._boards.boards()
            if board.public or with_hidden
        ]

    def board(self, view: BoardView) -> tuple[BoardConfig, SeasonFacts]:
        """Return a board, which may be archived, and its present season."""
        slug = view.season.board
        board = self._boards.board(slug, with_archived=True)
        assert board is not None, "a board stays for ever"
        return board, self._counted(self._seasons.present(slug)[slug])

    def seasons(self, board: str) -> list[SeasonFacts]:
        """Return the seasons of a board, newest first."""
        return [self._counted(season) for season in self._seasons.facts(board)]

    def _counted(self, facts: SeasonFacts) -> SeasonFacts:
        if facts.players is not None:
            return facts
        return replace(facts, players=0 if facts.state == "scheduled" else self._pages.total(facts.season))
