"""The identity provider's key set in this process: read when needed, kept while the provider is down."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping

import structlog

from app.domain.provider_keys import ProviderKey, choose_key, read_key_set
from app.errors import Unavailable
from app.stores.accounts.key_sources import KeySource

log = structlog.get_logger("fairboard.accounts")

KEEP_SECONDS = 86_400.0  # how long the last good set is used while no newer one can be read
_EARLY = 0.8  # of the fresh time: from then on it is renewed beside the requests
_FAILING_SECONDS = 60.0  # after a failure requests with known keys wait for no further try, for this long
_WAIT_SECONDS = 5.0
_MOST_WAITING = 200
BROKEN = (OSError, ValueError, http.client.HTTPException)


class ProviderKeys:
    """Keys by id. One thread (under gevent a greenlet) reads at a time, and pauses after it, whatever tokens arrive.

    A set that can't be read never replaces one that was.
    """

    def __init__(self, source: KeySource, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a `clock` in seconds that is never set."""
        self._source, self._clock = source, clock
        self._keys: Mapping[str, ProviderKey] = {}
        self._read_at: float | None = None
        self._failed_at: float | None = None  # None after a success
        self._next_at = float("-inf")
        self._lock = threading.Lock()
        self._reading: threading.Event | None = None
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)

    def find(self, kid: str | None) -> ProviderKey | None:
        """Return the key with this id, None for an unknown one. Raises Unavailable if too many wait for the set."""
        now = self._clock()
        age = float("inf") if self._read_at is None else now - self._read_at
        if age >= self._source.fresh_seconds:
            is_failing = self._failed_at is not None and now - self._failed_at < _FAILING_SECONDS
            if is_failing and age < KEEP_SECONDS:
                self._begin()
            else:
                self._read_and_wait()
        elif age >= _EARLY * self._source.fresh_seconds:
            self._begin()
        key = self._choose(kid)
        if key is None:
            self._read_and_wait()
            key = self._choose(kid)
        return key

    def examine(self) -> Mapping[str, ProviderKey]:
        """Read the set now, for `flask doctor`; return the keys. Raises one of BROKEN."""
        return read_key_set(self._source.read())

    @property
    def source_name(self) -> str:
        """Return the source as messages name it."""
        return self._source.name

    def _choose(self, kid: str | None) -> ProviderKey | None:
        if self._read_at is None or self._clock() - self._read_at >= KEEP_SECONDS:
            return None
        return choose_key(self._keys, kid)

    def _read_and_wait(self) -> None:
        reading = self._begin()
        if reading is None:
            return
        if not self._waiting.acquire(blocking=False):
            raise Unavailable("The identity provider's keys are being read. Try again in a moment.")
        try:
            reading.wait(_WAIT_SECONDS)
        finally:
            self._waiting.release()

    def _begin(self) -> threading.Event | None:
        """Return the event of the read that is under way, or of a new one; None in the pause after the last one."""
        with self._lock:
            if self._reading is None and self._clock() >= self._next_at:
                self._reading = threading.Event()
                threading.Thread(target=self._read, args=(self._reading,), daemon=True, name="identity-keys").start()
            return self._reading

    def _read(self, reading: threading.Event) -> None:
        try:
            keys = read_key_set(self._source.read())
        except Exception as error:
            self._failed_at = self._clock()
            trace = not isinstance(error, BROKEN)
            log.warning("identity_keys_unreadable", source=self._source.name, error=str(error), exc_info=trace)
        else:
            if keys != self._keys:
                log.info("identity_keys_read", source=self._source.name, keys=sorted(keys))
            self._keys, self._read_at, self._failed_at = keys, self._clock(), None
        finally:
            with self._lock:
                self._next_at, self._reading = self._clock() + self._source.pause_seconds, None
            reading.set()
