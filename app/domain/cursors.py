"""Cursors: opaque texts that say where a page ended, valid for the list that they were written for alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_MAC_BYTES = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 200
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the order of a board: the score as it is stored, the time at which it was reached, the player."""

    score: int
    achieved_at: datetime
    player: UUID

    @classmethod
    def first_with(cls, score: int) -> Place:
        """Return the place ahead of all players with this stored score, behind all with a better one."""
        return cls(score, _BEGINNING, UUID(int=0))


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds_since: int) -> datetime:
    """Return the moment that is so many microseconds after 1970."""
    return _EPOCH + microseconds_since * _MICROSECOND


class Cursors:
    """Writes and reads cursors. The first secret signs and all verify, so that secrets can rotate."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [_key(secret) for secret in secrets]

    def write(self, scope: Sequence[object], *parts: int) -> str:
        """Return the cursor with these numbers, for the list that `scope` names."""
        payload = " ".join(map(str, parts)).encode()
        return base64.urlsafe_b64encode(_mac(self._keys[0], scope, payload) + payload).decode().rstrip("=")

    def read(self, scope: Sequence[object], cursor: str) -> list[int]:
        """Return the numbers of a cursor. Raises ValueError unless it was written for this list, by us."""
        try:
            raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        macs = [_mac(key, scope, payload) for key in self._keys]
        if len(cursor) > _LONGEST or not any(hmac.compare_digest(mac, valid) for valid in macs):
            raise ValueError("is not a cursor of this list")
        return [int(part) for part in payload.split()]

    def write_place(self, scope: Sequence[object], place: Place) -> str:
        """Return the cursor of a place."""
        return self.write(scope, place.score, microseconds(place.achieved_at), place.player.int)

    def read_place(self, scope: Sequence[object], cursor: str) -> Place:
        """Return the place of a cursor. Raises ValueError unless it was written for this list, by us."""
        score, since, player = self.read(scope, cursor)
        return Place(score, moment_of(since), UUID(int=player))


def _key(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"cursors").digest()


def _mac(key: bytes, scope: Sequence[object], payload: bytes) -> bytes:
    text = repr([str(part) for part in scope]).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text + b"\n" + payload, key=key, digest_size=_MAC_BYTES).digest()
