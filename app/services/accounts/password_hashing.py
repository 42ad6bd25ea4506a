"""Argon2id, with the parameters OWASP names as the least: 19 MiB, two passes, one lane."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.domain.passwords import normalized_password
from app.errors import Unavailable

_REMEMBERED = 10  # runs that the expected time of the next one is an average of

Run = Callable[..., Any]  # run(function, *arguments): somewhere a slow computation holds nobody up


class PasswordHashing:
    """Hashes a few passwords at a time; others wait in turn, and are refused when too many wait already.

    Passwords are hashed in NFC. One that was hashed as it was typed, before that was so, still matches.
    """

    def __init__(self, run: Run, *, at_once: int = 1, most_waiting: int = 100, longest_wait: float = 10.0) -> None:
        """`run` says where the slow part runs: a thread of its own under gevent, right here elsewhere.

        `longest_wait` (seconds) is what the last in the queue may expect to wait, by how long hashing took lately.
        """
        self._run, self._at_once, self._most, self._longest_wait = run, at_once, at_once + most_waiting, longest_wait
        self._turns = threading.BoundedSemaphore(at_once)
        self.present = 0
        self._seconds_each = 0.0
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return the hash to keep, salted. Raises Unavailable when too many wait."""
        return str(self._in_turn(self._hasher.hash, normalized_password(password)))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the password. For None, an unknown name, it takes as long and says no."""
        if kept is None:
            if self._nobody is None:
                self._nobody = self.hash("nobody has this password")
            self._verify(password, self._nobody)
            return False
        return self._verify(password, kept)

    def outdated(self, password: str, kept: str) -> bool:
        """Whether the hash of this password, which matches it, was made in another way than today's."""
        if self._hasher.check_needs_rehash(kept):
            return True
        return password != normalized_password(password) and not self._matches_form(normalized_password(password), kept)

    def _verify(self, password: str, kept: str) -> bool:
        """Try the normalised form, and the form as it was given where that differs."""
        forms = dict.fromkeys((normalized_password(password), password))
        matches = [self._matches_form(form, kept) for form in forms]  # all of them: it takes as long either way
        return any(matches)

    def _matches_form(self, form: str, kept: str) -> bool:
        return bool(self._in_turn(self._verifies, kept, form))

    def _verifies(self, kept: str, form: str) -> bool:
        """Whether the hash is that of this form. Never raises: gevent logs whatever leaves a thread of its pool."""
        try:
            return bool(self._hasher.verify(kept, form))
        except (VerificationError, InvalidHashError):
            return False

    def _in_turn(self, function: Callable[..., Any], *arguments: Any) -> Any:
        wait = (self.present - self._at_once + 1) / self._at_once * self._seconds_each
        if self.present >= self._most or wait > self._longest_wait:
            raise Unavailable("Too many people are signing in at this moment. Try again in a moment.")
        self.present += 1
        try:
            with self._turns:
                return self._timed(function, *arguments)
        finally:
            self.present -= 1

    def _timed(self, function: Callable[..., Any], *arguments: Any) -> Any:
        began = time.monotonic()
        try:
            return self._run(function, *arguments)
        finally:
            self._seconds_each += (time.monotonic() - began - self._seconds_each) / _REMEMBERED
