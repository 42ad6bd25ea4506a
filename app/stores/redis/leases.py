"""Leases in Redis: at most one holder at a time, and an end by themselves, so that a crash blocks nobody."""

from __future__ import annotations

from uuid import uuid4

from app.stores.redis.client import Scripts


class Lease:
    """One caller's side of the lease on a key. A holder that is late may find that another caller has it by then."""

    def __init__(self, scripts: Scripts, key: str, seconds: float) -> None:
        self._scripts, self._key, self._milliseconds = scripts, key, int(seconds * 1000)
        self._token = uuid4().hex

    def hold(self) -> bool:
        """Take the lease, or renew it; return False, with nothing changed, while another caller has it."""
        return bool(self._scripts.run("lease_hold", [self._key], [self._token, self._milliseconds]))

    def release(self) -> None:
        """Release the lease, unless another caller has it by now."""
        self._scripts.run("lease_release", [self._key], [self._token])
