"""Argon2id, with the parameters OWASP names as the least: 19 MiB, two passes, one lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Run = Callable[..., Any]  # run(function, *arguments): somewhere a slow computation holds nobody up


class Passwords:
    """`run` says where the slow part runs: a thread of its own under gevent, right here elsewhere."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """The hash to keep, salted."""
        return str(self._run(self._hasher.hash, password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the password. For None, an unknown name, it takes as long and says no."""
        if kept is None:
            if self._nobody is None:
                self._nobody = self.hash("nobody has this password")
            self._verify(password, self._nobody)
            return False
        return self._verify(password, kept)

    def outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, password: str, kept: str) -> bool:
        try:
            return bool(self._run(self._hasher.verify, kept, password))
        except (VerificationError, InvalidHashError):
            return False
