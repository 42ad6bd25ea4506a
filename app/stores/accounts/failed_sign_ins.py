"""Failed sign-ins in Redis, by account and network. Accounts are keyed by a hash: a name field may hold a password."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.domain.guessing import FORGET_SECONDS, KNOWN_SECONDS, MOST_KNOWN, OWN, STRANGERS
from app.domain.networks import network_of, wide_network_of
from app.stores.redis.client import Scripts
from app.stores.redis.connection import RedisValue

SignInOutcome = Literal["failed", "withdrawn", "succeeded"]
_LEASE_MS = 5000  # a try that is still in flight after this has died with its process

_OWN = " ".join(map(str, OWN.table()))
_STRANGERS = " ".join(map(str, STRANGERS.table()))


@dataclass(frozen=True, slots=True)
class SignInTry:
    """One try to sign in; `keys` are the keys of the scripts."""

    network: str
    keys: tuple[str, str, str, str]


class FailedSignInStore:
    """Failed sign-ins. All keys of an account share a hash tag; each call is one script in one round trip."""

    def __init__(self, scripts: Scripts, clock: Callable[[], float]) -> None:
        self._scripts, self._clock = scripts, clock

    @staticmethod
    def sign_in_try(username_key: str, address: str) -> SignInTry:
        """Return the try to sign in by this name from this address, whether or not the account exists."""
        account = hashlib.blake2b(username_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        tag, network, wide = f"guesses:{{{account}}}", network_of(address), wide_network_of(address)
        return SignInTry(network, (f"{tag}:from:{network}", f"{tag}:strangers", f"{tag}:turn:{wide}", f"{tag}:known"))

    def seconds_to_wait(self, attempt: SignInTry) -> float:
        """Count the try as failed and return 0; or count nothing and return the seconds that it has to wait first.

        Returns -1 as long as the answer depends on tries that are still in flight.
        """
        now = self._now()
        oldest_known = now - KNOWN_SECONDS * 1000
        args: list[RedisValue] = [attempt.network, now, FORGET_SECONDS * 1000, oldest_known]
        wait_ms = int(self._scripts.run("guess", attempt.keys, [*args, _LEASE_MS, _OWN, _STRANGERS]))
        return wait_ms / 1000 if wait_ms >= 0 else -1

    def record_outcome(self, attempt: SignInTry, outcome: SignInOutcome) -> None:
        """Record how a try that was let through ended: success clears the network's failures and makes it known."""
        self._scripts.run(
            "guess_over", attempt.keys, [attempt.network, self._now(), outcome, KNOWN_SECONDS, MOST_KNOWN]
        )

    def _now(self) -> int:
        return math.floor(self._clock() * 1000)
