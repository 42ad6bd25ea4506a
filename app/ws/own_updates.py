"""The players' own standings, for the subscribers that asked for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.errors import NotFound, Refusal
from app.services.boards.own_standings import OwnReading
from app.stores.postgres.engine import UNAVAILABLE
from app.ws import messages
from app.ws.board import Board
from app.ws.hub import STRIDE, Hub, let_others_work, rest_between
from app.ws.messages import OwnStanding
from app.ws.subscriber import Subscriber

log = structlog.get_logger("fairboard.ws")

_DOWN: tuple[type[Exception], ...] = (*UNAVAILABLE, Refusal)

_LEAST_SECONDS = 1.0  # between two messages to a subscriber
_LOOK_SECONDS = 2.0  # between two looks for changes of which no message came

ReadOwn = Callable[[str, Sequence[UUID], OwnReading | None], OwnReading]
CountChanges = Callable[[Sequence[str]], Sequence[int]]


@dataclass(slots=True)
class _State:
    """The last reading of a board, and the subscribers that could not take it: they get it when they read again."""

    reading: OwnReading | None = None
    next_at: float = 0.0  # by the clock, in seconds
    changes: int = -1
    slow: list[Subscriber] = field(default_factory=list)


class OwnUpdates:
    """Reads the standings of all subscribers of a board together, after a change and at most once a second.

    Each gets its own only when it differs from the one that it got before.
    """

    def __init__(
        self, hub: Hub, read: ReadOwn, count_changes: CountChanges, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take `read` and `count_changes` of OwnStandings, which may block and raise."""
        self._hub, self._read, self._count_changes, self._clock = hub, read, count_changes, clock
        self._states: dict[Board[Subscriber], _State] = {}
        self._look_at = 0.0

    def run(self) -> None:
        """Send standings for ever. While a store is away they wait."""
        while True:
            self._hub.own_wake.wait(self._pause())
            self._hub.own_wake.clear()
            try:
                self.tick()
            except _DOWN as error:
                log.warning("own_standings_skipped", kind=type(error).__name__)
            except Exception:  # this process must go on after any error
                log.exception("own_standings_failed")

    def _pause(self) -> float:
        """Return the seconds until the next work, unless a board changes before."""
        times = [self._look_at, *(self._next_at(board) for board in self._waiting())]
        return max(0.0, min(times) - self._clock())

    def _waiting(self) -> list[Board[Subscriber]]:
        return [*self._hub.own_due, *(board for board, state in self._states.items() if state.slow)]

    def _next_at(self, board: Board[Subscriber]) -> float:
        state = self._states.get(board)
        return state.next_at if state else 0.0

    def tick(self) -> None:
        """Send the standings of the boards that are due now. Raises one of UNAVAILABLE, or a Refusal."""
        for board in self._waiting():
            if self._next_at(board) <= self._clock():
                self._serve(board)
        if self._clock() >= self._look_at:
            self._look_at = self._clock() + _LOOK_SECONDS
            self._look()

    def _look(self) -> None:
        """Find boards that have changed without a message, and forget those without subscribers."""
        boards = [board for board in self._hub.boards() if board.own_members]
        self._states = {board: self._states.get(board, _State()) for board in boards}
        if not boards:
            return
        for board, changes in zip(boards, self._count_changes([board.name for board in boards]), strict=True):
            if changes != self._states[board].changes:
                self._states[board].changes = changes
                self._hub.own_due.add(board)

    def _serve(self, board: Board[Subscriber]) -> None:
        state = self._states.setdefault(board, _State())
        members = state.slow
        state.slow = []
        try:
            if board in self._hub.own_due:
                self._hub.own_due.discard(board)  # a change from now on needs another reading
                members = list(board.own_members)
                players = list(dict.fromkeys(member.player_id for member in members if member.player_id))
                state.reading = self._read(board.name, players, state.reading) if players else None
            if state.reading is not None:
                state.slow = self._send(board, members, state.reading)
        except NotFound:
            return  # its sockets end soon
        except _DOWN:
            self._hub.own_due.add(board)
            raise
        finally:
            state.next_at = self._clock() + _LEAST_SECONDS

    def _send(self, board: Board[Subscriber], members: Sequence[Subscriber], reading: OwnReading) -> list[Subscriber]:
        """Send the members their standings; return those that have yet to read the one before."""
        slow = []
        for place, member in enumerate(members):
            if place and place % STRIDE == 0:
                let_others_work(rest_between(len(members)))
            if member in board.own_members and not _send_own(board.name, member, reading):
                slow.append(member)
        return slow


def _send_own(board: str, member: Subscriber, reading: OwnReading) -> bool:
    """Send a member its standing if that has changed; return False if it can't take it now."""
    standing = reading.standings.get(member.player_id) if member.player_id else None
    if standing is None:
        return True
    told = member.own_standing
    # A player whose points are held has a rank behind those that are ranked for everyone.
    total = max(reading.total, standing.rank or 0)
    newest = OwnStanding(standing.rank, standing.shown_score, total)
    if newest == told:
        return True
    if member.outbound.backlog:
        return False
    member.outbound.send(messages.standing(board, newest, told.rank if told else None))
    member.own_standing = newest
    return True
