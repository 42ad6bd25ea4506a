"""The merging of outbox rows to one change for each board."""

from __future__ import annotations

from uuid import UUID, uuid4

from app.services.boards.outbox import BATCH_ROWS, BoardChange, merged
from app.stores.boards.outbox import OutboxRow

_ANN, _BEN = uuid4(), uuid4()


def test_rows_become_one_change_for_each_board_with_each_player_and_request_once() -> None:
    rows = [
        OutboxRow(1, 7, "main", 1, _ANN, 21, "first", 50.0),
        OutboxRow(2, 8, "weekly", 3, _ANN, 21, "first", 50.0),
        OutboxRow(3, 7, "main", 1, _BEN, 22, "second", 40.0),
        OutboxRow(4, 7, "main", 1, _ANN, 23, "second", 60.0),
        OutboxRow(5, 7, "main", 1, _BEN, None, "suspension", 61.0),
        OutboxRow(6, 8, "weekly", 3, None, None, "end", 70.0),
    ]
    assert merged(rows) == [
        BoardChange(7, "main", 40.0, [_ANN, _BEN], [21, 22, 23], ["first", "second", "suspension"], has_ended=False),
        BoardChange(8, "weekly", 50.0, [_ANN], [21], ["first", "end"], has_ended=True),
    ]


class _Counted(UUID):
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        _Counted.comparisons += 1
        return super().__eq__(other)

    __hash__ = UUID.__hash__


def test_a_whole_batch_of_different_players_takes_no_comparison_of_each_with_each() -> None:
    rows = [
        OutboxRow(number, 7, "main", 1, _Counted(int=number), number, str(number), 0.0) for number in range(BATCH_ROWS)
    ]
    assert len(merged(rows)[0].players) == BATCH_ROWS
    assert _Counted.comparisons < 10 * BATCH_ROWS
