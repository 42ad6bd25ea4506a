"""Group commit: the redemptions of a process that wait at the same moment are one transaction, with one flush to disk.

A redemption that comes while none is away goes alone, at once. Those that come while it is away gather, and go together
when it is back: nobody waits for company. Each statement is the one of a redemption that goes alone; if one of them
fails, all are rolled back and each goes alone, so that it gets its own answer.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy.exc
from psycopg.rows import TupleRow

from app.stores.postgres.engine import Database, certainly_changed_nothing
from app.stores.postgres.pipeline import Parameters, PreparedStatement, execute_together

if TYPE_CHECKING:
    from gevent.event import AsyncResult

Value = TypeVar("Value")

GROUP_SIZE = 32
MAX_WAITING = 256
HOLD_SECONDS = 0.25
"""A lock takes a group back after this time, and nobody waits longer for those before: so at most 2 s in the queue."""


class _Departure:
    """A transaction that is away. A member that gets one as its outcome goes alone, and is the one that is away."""


_ALONE = object()  # the outcome of a member whose group was taken back


class _Member:
    __slots__ = ("outcome", "parameters", "player", "statement")

    def __init__(self, player: str, statement: PreparedStatement, parameters: Parameters) -> None:
        from gevent.event import AsyncResult

        self.player, self.statement, self.parameters = player, statement, parameters
        self.outcome: AsyncResult[Any] = AsyncResult()


class RedeemGroups:
    """For a process on gevent. One group is away at a time, more only while one is held up.

    A group has one redemption of a player: further ones that come meanwhile go alone, since they wait for the same
    rows. Within a statement standings are locked by season, and a group goes by player.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._waiting: deque[_Member] = deque()
        self._players: Counter[str] = Counter()
        self._away: _Departure | None = None  # if there is none, nobody waits either
        self._timer: Any = None
        self.observe: Callable[[int], object] = _ignore
        """Called with the size of each group that was committed."""

    def run(
        self,
        player: str,
        statement: PreparedStatement,
        values: Mapping[str, object],
        *,
        read: Callable[[Sequence[TupleRow]], Value],
        alone: Callable[[], Value],
    ) -> Value:
        """Return the result of `alone`, or that of `read` for the statement's rows, committed as part of a group.

        Raises the errors of both, and TimeoutError, as a pool does, while too many wait.
        """
        self._players[player] += 1
        try:
            if self._players[player] > 1:
                return alone()
            if self._away is None:
                self._away = _Departure()
                return self._go_alone(alone, self._away)
            outcome = self._wait(_Member(player, statement, statement.parameters(values)))
            if isinstance(outcome, _Departure):
                return self._go_alone(alone, outcome)
            return alone() if outcome is _ALONE else read(outcome)
        finally:
            self._players[player] -= 1
            if not self._players[player]:
                del self._players[player]

    def _wait(self, member: _Member) -> Any:
        if len(self._waiting) >= MAX_WAITING:
            raise sqlalchemy.exc.TimeoutError(f"{MAX_WAITING} redemptions wait for the database already")
        self._waiting.append(member)
        if self._timer is None:
            self._start_timer()
        try:
            return member.outcome.get()
        except BaseException:
            self._leave(member)
            raise

    def _leave(self, member: _Member) -> None:
        """Forget a member whose greenlet was killed. A group that is away with it goes on."""
        if member in self._waiting:
            self._waiting.remove(member)
        elif member.outcome.successful() and isinstance(departure := member.outcome.value, _Departure):
            self._land(departure)

    def _go_alone(self, alone: Callable[[], Value], departure: _Departure) -> Value:
        try:
            return alone()
        finally:
            self._land(departure)

    def _land(self, departure: _Departure) -> None:
        if self._away is departure:  # else it was held up, and the next ones have left
            self._depart()

    def _depart(self) -> None:
        """Send those who wait. Runs in the hub too, so it may not block."""
        from gevent import spawn

        self._stop_timer()
        group = [self._waiting.popleft() for _ in range(min(GROUP_SIZE, len(self._waiting)))]
        self._away = departure = _Departure() if group else None
        if departure is None:
            return
        if len(group) == 1:
            group[0].outcome.set(departure)
        else:  # in a greenlet of its own, so that no member can take the group with it
            spawn(self._commit, group, departure)
        if self._waiting:
            self._start_timer()

    def _start_timer(self) -> None:
        from gevent import get_hub

        self._timer = get_hub().loop.timer(HOLD_SECONDS)
        self._timer.start(self._depart)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _commit(self, group: list[_Member], departure: _Departure) -> None:
        group.sort(key=lambda member: member.player)
        try:
            rows = self._execute(group)
        except Exception as error:  # noqa: BLE001 - whoever waits must get an answer
            self._land(departure)
            for member in group:
                member.outcome.set_exception(error)
            return
        self._land(departure)
        for member, member_rows in zip(group, rows, strict=True):
            member.outcome.set(member_rows)

    def _execute(self, group: list[_Member]) -> list[Any]:
        """Return the rows of each member, or _ALONE for each. Raises an error after which nobody may try again."""
        executions = [(member.statement, member.parameters) for member in group]
        connected = False
        try:
            with self._db.driver() as connection:
                connected = True
                rows = execute_together(connection, executions, lock_ms=int(HOLD_SECONDS * 1000))
        except Exception as error:
            if connected and certainly_changed_nothing(error):
                return [_ALONE] * len(group)
            raise
        self.observe(len(group))
        return rows


def _ignore(_size: int) -> None:
    return None
