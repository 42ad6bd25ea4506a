"""Sightings of accounts: which ones share a network or a kind of client, without keeping either.

A network and a client become hashes with a key of their week, derived from a secret: hashes of different keys can't be
compared. Each sighting is stored with the key of its week and of the week before, so no boundary of weeks separates two
days that are less than a week apart. Nobody sees these hashes, and they are in no log.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain.networks import line_of
from app.stores.accounts.sightings import RETENTION_DAYS, SightingHashes, SightingStore

log = structlog.get_logger("fairboard.accounts")

_DAY_SECONDS, _WEEK_DAYS = 86_400, 7
_HASH_BYTES = 16


class Sightings:
    """Records sightings, unless they are switched off; the rows of before end by themselves."""

    def __init__(self, store: SightingStore, *, secret: str, is_on: bool, clock: Callable[[], float]) -> None:
        self._store, self._secret, self._is_on, self._clock = store, secret.encode(), is_on, clock

    def note(self, player_id: UUID, address: str, user_agent: str, accept_language: str) -> None:
        """Record the network and the client of a player today. If the database refuses it, do nothing."""
        if not self._is_on:
            return
        day = int(self._clock()) // _DAY_SECONDS
        week = day // _WEEK_DAYS
        hashes = [self._hashes(number, address, f"{user_agent}\n{accept_language}") for number in (week - 1, week)]
        try:
            self._store.add(player_id, day, hashes)
        except SQLAlchemyError as error:
            log.warning("sighting_not_recorded", error=type(error).__name__)

    def prune(self) -> int:
        """Delete the sightings older than the retention; all of them if recording is off. Return their number."""
        today = int(self._clock()) // _DAY_SECONDS
        return self._store.prune(today - RETENTION_DAYS if self._is_on else today + 1)

    def _hashes(self, week: int, address: str, client: str) -> SightingHashes:
        key = hmac.digest(self._secret, f"fairboard sightings {week}".encode(), hashlib.sha256)
        network, device = (
            hmac.digest(key, f"{kind} {value}".encode("utf-8", "surrogatepass"), hashlib.sha256)[:_HASH_BYTES]
            for kind, value in (("network", line_of(address)), ("device", client))
        )
        return SightingHashes(week, network, device)
