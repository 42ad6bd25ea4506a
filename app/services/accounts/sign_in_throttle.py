"""The throttle on password guessing: a network with too many failed sign-ins waits, before anything is hashed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.domain.guessing import OWN
from app.errors import InvalidCredentials, SignInDelayed, Unavailable, WrongPassword
from app.stores.accounts.failed_sign_ins import FailedSignInStore, SignInOutcome, SignInTry
from app.stores.postgres.engine import UNAVAILABLE

_PATIENCE_SECONDS = 5.0
_PAUSES = (0.02, 0.2)  # the first and the longest, between two checks of the tries in flight


class SignInThrottle:
    """Counts tries to sign in. Raises the errors of Redis: a try that can't be counted is refused."""

    def __init__(self, store: FailedSignInStore) -> None:
        self._store = store

    @contextmanager
    def attempt(self, username_key: str, address: str) -> Iterator[None]:
        """Count the check of a password that happens inside. Raises SignInDelayed, whether or not the name exists.

        InvalidCredentials or WrongPassword from inside is a failure; any other error means that none was tried.
        """
        current = self._store.sign_in_try(username_key, address)
        self._wait_for_turn(current)
        outcome: SignInOutcome = "withdrawn"
        try:
            yield
            outcome = "succeeded"
        except (InvalidCredentials, WrongPassword):
            outcome = "failed"
            raise
        finally:
            self._store.record_outcome(current, outcome)

    def remember(self, username_key: str, address: str) -> None:
        """Make the network known to an account that was just created from it, if Redis answers."""
        with suppress(*UNAVAILABLE):
            self._store.record_outcome(self._store.sign_in_try(username_key, address), "succeeded")

    def _wait_for_turn(self, current: SignInTry) -> None:
        """Wait while other tries of the same network are in flight: a successful one clears the count."""
        pause, ends_at = _PAUSES[0], time.monotonic() + _PATIENCE_SECONDS
        while (seconds := self._store.seconds_to_wait(current)) < 0:
            if time.monotonic() > ends_at:
                raise Unavailable()
            time.sleep(pause)
            pause = min(2 * pause, _PAUSES[1])
        if seconds:
            raise SignInDelayed(limit=OWN.free, retry_after=math.ceil(seconds))
