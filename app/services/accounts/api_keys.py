"""API keys of a game's own server: they are made, rotated and revoked, and checked on every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from app.domain.api_keys import (
    MOST_GRACE_SECONDS,
    MOST_PER_MINUTE,
    PREFIX,
    ApiKey,
    KeyCaller,
    NotAKey,
    Scope,
    check_key_name,
    check_scopes,
    digest_of,
    new_key,
    new_public_id,
    read_key,
)
from app.errors import Conflict, InvalidRequest, NotFound, Unauthorized
from app.stores.accounts.api_keys import ApiKeyStore
from app.stores.moderation.audit import AuditStore
from app.stores.postgres.engine import Database
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.accounts")


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key together with its text, which is shown this once and stored nowhere."""

    key: ApiKey
    text: str


class ApiKeys:
    """Manages keys. Each change is an act in the audit log, and holds on every process at once."""

    def __init__(self, database: Database, store: ApiKeyStore, audit: AuditStore) -> None:
        self._db, self._store, self._audit = database, store, audit

    def create(
        self, name: str, scopes: Sequence[Scope], per_minute: int | None = None, *, by: str, request_id: str
    ) -> ShownKey:
        """Create a key. Raises InvalidRequest with the first field that is not valid."""
        try:
            name = check_key_name(name)
        except ValueError as error:
            raise InvalidRequest.field("name", str(error)) from None
        try:
            scopes = check_scopes(scopes)
        except ValueError as error:
            raise InvalidRequest.field("scopes", str(error)) from None
        if per_minute is not None and not 1 <= per_minute <= MOST_PER_MINUTE:
            raise InvalidRequest.field("per_minute", f"must be from 1 to {MOST_PER_MINUTE}")
        public_id = new_public_id()
        text = new_key(public_id)
        with self._db.transaction() as connection:
            key = self._store.add(
                connection,
                uuid4(),
                public_id,
                digest_of(text),
                name=name,
                scopes=scopes,
                per_minute=per_minute,
                created_by=by,
            )
            details = {"name": name, "prefix": key.prefix, "scopes": scopes, "per_minute": per_minute}
            self._audit.append(connection, by, "key.created", f"key:{key.id}", details, request_id)
        return ShownKey(key, text)

    def all(self) -> list[ApiKey]:
        """Return all keys, revoked ones too, the oldest first."""
        return self._store.all()

    def find(self, text: str) -> ApiKey:
        """Return the key with this id, prefix or name. Raises NotFound."""
        is_storable = "\0" not in text and text.isprintable()
        key = self._store.find(text.removeprefix(PREFIX)) or self._store.find(text) if is_storable else None
        if key is None:
            raise NotFound("There is no such key.")
        return key

    def rotate(self, key_id: UUID, grace_seconds: int = 0, *, by: str, request_id: str) -> ShownKey:
        """Give the key another secret; the present one stays good for `grace_seconds`. Raises NotFound, Conflict."""
        if not 0 <= grace_seconds <= MOST_GRACE_SECONDS:
            raise InvalidRequest.field("grace_seconds", f"must be from 0 to {MOST_GRACE_SECONDS}")
        text = new_key(self.find(str(key_id)).public_id)
        with self._db.transaction() as connection:
            key = self._store.rotate(connection, key_id, digest_of(text), grace_seconds)
            if key is None:
                raise Conflict("This key was revoked. Create another one.")
            details = {"name": key.name, "prefix": key.prefix, "grace_seconds": grace_seconds}
            self._audit.append(connection, by, "key.rotated", f"key:{key_id}", details, request_id)
        self._publish(key_id)
        return ShownKey(key, text)

    def revoke(self, key_id: UUID, *, by: str, request_id: str) -> bool:
        """End a key for ever; return False if it was revoked already. Raises NotFound."""
        self.find(str(key_id))
        with self._db.transaction() as connection:
            key = self._store.revoke(connection, key_id)
            if key is None:
                return False
            details = {"name": key.name, "prefix": key.prefix}
            self._audit.append(connection, by, "key.revoked", f"key:{key_id}", details, request_id)
        self._publish(key_id)
        return True

    def resend_changes(self) -> None:
        """Send Redis the recent rotations and revocations again, which it may have missed while it was away."""
        self._store.correct_lately_changed()

    def _publish(self, key_id: UUID) -> None:
        try:
            self._store.publish(key_id)
        except AFTER_COMMIT as error:  # without Redis no key is good; the repair corrects it as soon as it is back
            log.error("redis_after_commit", error=reason_of(error), api_key=str(key_id))


class KeyChecks:
    """Checks the key of a request against Redis's copy, or the database where Redis has none."""

    def __init__(self, store: ApiKeyStore, *, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    def caller(self, text: str, admit_lookup: Callable[[], None]) -> KeyCaller:
        """Return the key that this text proves. Raises Unauthorized; for a text that is no key, without a round trip.

        `admit_lookup` is called before a look into the database: strangers may present any number of unknown keys.
        """
        try:
            presented = read_key(text)
        except NotAKey:
            raise Unauthorized("This is not a valid API key.") from None
        copy = self._store.copy(presented.public_id)
        is_gap = copy is None
        if copy is None:
            admit_lookup()
            copy = self._store.load(presented.public_id)
        if copy is None or not copy.secrets.accept(presented.digest, self._clock()):
            raise Unauthorized("This API key is unknown, was replaced, or was revoked.")
        if is_gap:  # at most once in the life of a copy, so that a use costs no write
            self._store.note_use(copy.caller.id)
        return copy.caller
