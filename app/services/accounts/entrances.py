"""The entrance of a request: its login and its rate limit, which are checked before anything else of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.services.accounts.accounts import Sessions
from app.stores.accounts.gates import Admission, Gate


class Entrance:
    """Admits one request of a player: counts it once, with any outcome, and refuses it before all other checks.

    Either `admit` does so in a round trip of its own, or a script begins with `gate`, and `check` gets its answer for
    a request that may have to be refused.
    """

    def __init__(self, sessions: Sessions, gate: Gate, check_count: Callable[[int], None]) -> None:
        self._sessions, self.gate, self._check_count = sessions, gate, check_count

    def admit(self) -> None:
        """Count the request. Raises Unauthorized, AccountSuspended, or RateLimited over the limit, in this order."""
        self._check_count(self._sessions.admit(self.gate))

    def check(self, admission: Admission) -> None:
        """Refuse a request that a script has counted, as `admit` does. Return if Redis only lacked a copy."""
        self._check_count(self._sessions.check_admission(self.gate, admission))

    @contextmanager
    def before(self) -> Iterator[None]:
        """Prepare the request within this, for a script with the gate: an error is raised after the admission."""
        try:
            yield
        except Exception:
            self.admit()
            raise
