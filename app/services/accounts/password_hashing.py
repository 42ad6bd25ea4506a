"""Password hashing by Argon2id with OWASP's minimum parameters: 19 MiB, two passes, one lane."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.domain.passwords import normalized_password
from app.errors import Unavailable

_AVERAGED_RUNS = 10  # recent runs, whose average is the expected time of the next run

Run = Callable[..., object]  # run(function, *arguments): in a place where a slow computation blocks no request


class PasswordHashing:
    """Hashes a few passwords at a time; other callers wait in turn, and are refused when too many wait already.

    Passwords are hashed in NFC. A password that an older version hashed as typed still matches.
    """

    def __init__(self, run: Run, *, at_once: int = 1, most_waiting: int = 100, longest_wait: float = 10.0) -> None:
        """Set the limits. `run` runs the slow part: under gevent in a thread of its own, elsewhere in the caller.

        `longest_wait` (seconds) is the longest expected wait at the end of the queue, by recent hashing times.
        """
        self._run, self._at_once, self._most_present, self._longest_wait = (
            run,
            at_once,
            at_once + most_waiting,
            longest_wait,
        )
        self._turns = threading.BoundedSemaphore(at_once)
        self.present = 0
        self._average_seconds = 0.0
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._decoy_hash: str | None = None

    def hash(self, password: str) -> str:
        """Return the salted hash to store. Raises Unavailable when too many wait."""
        return str(self._run_in_turn(self._hasher.hash, normalized_password(password)))

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is the password's. None, for an unknown name, takes as long and never matches."""
        if password_hash is None:
            if self._decoy_hash is None:
                self._decoy_hash = self.hash("nobody has this password")
            self._verify(password, self._decoy_hash)
            return False
        return self._verify(password, password_hash)

    def needs_rehash(self, password: str, password_hash: str) -> bool:
        """Return whether the hash, which matches this password, was made in another way than today's."""
        if self._hasher.check_needs_rehash(password_hash):
            return True
        return password != normalized_password(password) and not self._matches_form(
            normalized_password(password), password_hash
        )

    def _verify(self, password: str, password_hash: str) -> bool:
        """Return whether the password matches in its normalised form, or as typed where that differs."""
        forms = dict.fromkeys((normalized_password(password), password))
        matches = [
            self._matches_form(form, password_hash) for form in forms
        ]  # all forms, so that a match takes as long as a miss
        return any(matches)

    def _matches_form(self, form: str, password_hash: str) -> bool:
        return bool(self._run_in_turn(self._check_hash, password_hash, form))

    def _check_hash(self, password_hash: str, form: str) -> bool:
        """Return whether the hash is that of this form. Never raises: gevent logs errors that leave its thread pool."""
        try:
            return bool(self._hasher.verify(password_hash, form))
        except (VerificationError, InvalidHashError):
            return False

    def _run_in_turn(self, function: Callable[..., object], *arguments: object) -> object:
        wait = (self.present - self._at_once + 1) / self._at_once * self._average_seconds
        if self.present >= self._most_present or wait > self._longest_wait:
            raise Unavailable("Too many people are signing in at this moment. Try again in a moment.")
        self.present += 1
        try:
            with self._turns:
                return self._run_timed(function, *arguments)
        finally:
            self.present -= 1

    def _run_timed(self, function: Callable[..., object], *arguments: object) -> object:
        started = time.monotonic()
        try:
            return self._run(function, *arguments)
        finally:
            self._average_seconds += (time.monotonic() - started - self._average_seconds) / _AVERAGED_RUNS
