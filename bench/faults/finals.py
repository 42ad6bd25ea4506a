"""The final lists of seasons that ended under load, and the checks of them against answers, ledger and screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bench.faults.check import Books
from bench.faults.ledger import Ledger
from bench.faults.load import Screen
from fairboard_client import Player, Row

SeasonKey = tuple[str, int]
"""A board and the number of its season."""

_CLOSED = """
    SELECT b.slug, n.number, n.ends_at, extract(epoch FROM n.closed_at - n.ends_at)::float, n.corrected_at IS NOT NULL,
           (SELECT count(*) FROM drill_ends d WHERE d.season_id = n.id)
    FROM seasons n JOIN boards b ON b.id = n.board_id WHERE b.slug = ANY(%s) AND n.closed_at IS NOT NULL
"""
# A row of the outbox is deleted once it is delivered, so the drill counts the rows that say that a season has ended.
_COUNT_ENDS = """
    CREATE TABLE drill_ends (season_id int NOT NULL);
    CREATE FUNCTION drill_count_end() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO drill_ends VALUES (NEW.season_id); RETURN NULL; END $$;
    CREATE TRIGGER drill_count_end AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.player_id IS NULL)
    EXECUTE FUNCTION drill_count_end();
"""


@dataclass(frozen=True, slots=True)
class EndedSeason:
    """A season that has ended: the seconds until it was closed, and its list as it was read then."""

    board: str
    number: int
    ends_at: datetime
    closed_after: float
    rows: list[Row]

    @property
    def name(self) -> str:
        return f"{self.board}/{self.number}"


class Finals:
    """The seasons of some boards that were closed: `boards` names them, with what an action adds to a score.

    `closed_within`: the most seconds from the end of a season until it is closed.
    """

    def __init__(self, url: str, books: Books, boards: Mapping[str, int], closed_within: float) -> None:
        self._url, self._books, self._boards, self._closed_within = url, books, boards, closed_within
        self.ended: dict[SeasonKey, EndedSeason] = {}
        books.execute(_COUNT_ENDS)
        # On a slow machine the minute of a board can be over before its ends are counted.
        self._closed_before = {(row[0], row[1]) for row in books.rows(_CLOSED, list(boards))}

    def read_closed(self) -> None:
        """Read the lists of the seasons that were closed since the last time."""
        for board, number, ends_at, closed_after, _, _ in self._books.rows(_CLOSED, list(self._boards)):
            if (board, number) not in self.ended:
                rows = self._list(board, number)
                self.ended[board, number] = EndedSeason(board, number, ends_at, closed_after, rows)

    def findings(self, answers: Mapping[SeasonKey, int]) -> list[str]:
        """Check the seasons against the answers of 200, which are counted by the seasons that they name."""
        self.read_closed()
        ledger = Ledger(self._books.rows)
        return [
            *self._ledger_findings(ledger, answers),
            *ledger.wrong_standings(),
            *self._list_findings(answers),
            *self._closing_findings(),
        ]

    def _ledger_findings(self, ledger: Ledger, answers: Mapping[SeasonKey, int]) -> Iterator[str]:
        counts: Counter[SeasonKey] = Counter()
        for action, boards in ledger.seasons_by_action.items():
            for board, numbers in boards.items():
                if board in self._boards:
                    counts.update((board, number) for number in numbers)
                    if len(numbers) != 1:
                        yield f"action {action} is in the seasons {numbers} of {board}"
        if counts != answers:
            yield f"the ledger has {_text(counts)}, the answers of 200 said {_text(answers)}"

    def _list_findings(self, answers: Mapping[SeasonKey, int]) -> Iterator[str]:
        for (board, number), count in answers.items():
            rows = self._list(board, number)
            total = sum(row["score"] or 0 for row in rows)
            if total != count * self._boards[board]:
                yield f"the list of {board}/{number} has {total}, {count} answers said so"
            ended = self.ended.get((board, number))
            if ended and ended.rows != rows:
                yield f"the list of {ended.name} has changed after it was closed"

    def _closing_findings(self) -> Iterator[str]:
        for board, number, _, closed_after, is_corrected, ends in self._books.rows(_CLOSED, list(self._boards)):
            name = f"{board}/{number}"
            if closed_after > self._closed_within:
                yield f"{name} was closed {closed_after:.1f} s after its end"
            if is_corrected:
                yield f"{name} was corrected after its end"
            if ends != 1 and (board, number) not in self._closed_before:
                yield f"season.ended of {name} was {ends} times in the outbox"

    def _list(self, board: str, number: int) -> list[Row]:
        """Return all rows of a season's list, page by page."""
        with Player(self._url) as reader:
            return list(reader.top(board, limit=None, season=number))


def check_screens(season: EndedSeason, screens: Sequence[Screen]) -> tuple[float, list[str]]:
    """Return the seconds after the end until every screen of the board had the next season, and the findings."""
    begin = season.ends_at.replace(microsecond=season.ends_at.microsecond // 1000 * 1000)  # rows have milliseconds
    findings, last = [], 0.0
    for screen in screens:
        if screen.board != season.board:
            continue
        shown = [(at, datetime.fromisoformat(oldest) >= begin) for at, oldest in screen.boards]
        news = [at for at, is_new in shown if is_new]
        if not news or len(news) == len(shown):
            findings.append(f"a screen has not seen the end of {season.name}")
        elif [is_new for _, is_new in shown] != sorted(is_new for _, is_new in shown):
            findings.append(f"a screen had the board of {season.name} after the next one's")
        else:
            last = max(last, news[0] - season.ends_at.timestamp())
    return last, findings


def _text(counts: Mapping[SeasonKey, int]) -> str:
    return ", ".join(f"{count} in {board}/{number}" for (board, number), count in sorted(counts.items()))
