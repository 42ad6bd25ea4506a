"""Webhooks as operators manage them. Each change is an act in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.domain.webhook_events import WebhookTest, event_of
from app.domain.webhooks import (
    GRACE_SECONDS,
    MOST_GRACE_SECONDS,
    MOST_WEBHOOKS,
    PRIVATE_REMEDY,
    Delivery,
    DeliveryState,
    Webhook,
    check_boards,
    check_events,
    check_url,
    new_secret,
    origin_of,
)
from app.errors import Conflict, InvalidRequest, NotFound
from app.stores.boards.board_list import BoardListStore
from app.stores.moderation.audit import AuditStore
from app.stores.operations.webhook_calls import PrivateAddress, ReceiverCaller
from app.stores.operations.webhook_deliveries import WebhookDeliveryStore
from app.stores.operations.webhook_outbox import add_deliveries
from app.stores.operations.webhook_sources import WebhookSourceStore
from app.stores.operations.webhooks import WebhookStore
from app.stores.postgres.engine import Database

Value = TypeVar("Value")


class WebhookFields(TypedDict, total=False):
    """The fields of a webhook that an operator gives."""

    url: str
    events: Sequence[str]
    boards: Sequence[str]
    enabled: bool


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """A webhook together with its secret, which is shown this once."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, the newest first, and the last of them if more follow."""

    deliveries: list[Delivery]
    last: UUID | None


class Webhooks:
    """Creates, changes, rotates and deletes webhooks, and replays their deliveries."""

    def __init__(
        self,
        database: Database,
        store: WebhookStore,
        deliveries: WebhookDeliveryStore,
        sources: WebhookSourceStore,
        boards: BoardListStore,
        audit: AuditStore,
        caller: ReceiverCaller,
        *,
        private: bool,
    ) -> None:
        self._db, self._store, self._deliveries, self._sources = database, store, deliveries, sources
        self._boards, self._audit, self._caller, self._private = boards, audit, caller, private

    def all(self) -> list[Webhook]:
        """Return all webhooks, the oldest first."""
        return self._store.all()

    def any_enabled(self) -> bool:
        """Return whether any webhook gets events."""
        return self._store.any_enabled()

    def get(self, webhook_id: UUID) -> Webhook:
        """Return a webhook. Raises NotFound."""
        webhook = self._store.get(webhook_id)
        if webhook is None:
            raise NotFound("There is no such webhook.")
        return webhook

    def find(self, text: str) -> Webhook:
        """Return the webhook with this id, or the only one with this URL. Raises NotFound, Conflict."""
        webhooks = [webhook for webhook in self._store.all() if text in (str(webhook.id), webhook.url)]
        if not webhooks:
            raise NotFound("There is no such webhook.")
        if len(webhooks) > 1:
            raise Conflict("Several webhooks have this URL. Name one by its id.")
        return webhooks[0]

    def create(
        self, url: str, events: Sequence[str], boards: Sequence[str] = (), *, by: str, request_id: str
    ) -> ShownSecret:
        """Create a webhook with a secret. Raises InvalidRequest, and Conflict if there are too many."""
        fields = self._checked({"url": url, "events": events, "boards": boards})
        secret = new_secret()
        with self._db.transaction() as connection:
            present = self._store.lock(connection)
            if len(present) >= MOST_WEBHOOKS:
                raise Conflict(f"There are {MOST_WEBHOOKS} webhooks, the most allowed. Delete one first.")
            webhook = self._store.add(
                connection,
                uuid4(),
                url=fields["url"],
                events=fields["events"],
                boards=fields["boards"],
                secret=secret,
                created_by=by,
            )
            self._note_leaders(connection, present, webhook)
            self._append(connection, by, "webhook.created", webhook, request_id)
        return ShownSecret(webhook, secret)

    def change(self, webhook_id: UUID, fields: WebhookFields, *, by: str, request_id: str) -> Webhook:
        """Change the given fields and return the webhook. Raises InvalidRequest, NotFound."""
        self.get(webhook_id)
        values = self._checked(fields)
        with self._db.transaction() as connection:
            present = self._store.lock(connection)
            if all(webhook.id != webhook_id for webhook in present):
                raise NotFound("There is no such webhook.")
            webhook = self._store.change(connection, webhook_id, values)
            self._note_leaders(connection, present, webhook)
            self._append(connection, by, "webhook.changed", webhook, request_id)
        return webhook

    def rotate(self, webhook_id: UUID, grace_seconds: int = GRACE_SECONDS, *, by: str, request_id: str) -> ShownSecret:
        """Give the webhook another secret; the present one signs too for `grace_seconds`. Raises NotFound."""
        if not 0 <= grace_seconds <= MOST_GRACE_SECONDS:
            raise InvalidRequest.field("grace_seconds", f"must be from 0 to {MOST_GRACE_SECONDS}")
        secret = new_secret()
        with self._db.transaction() as connection:
            webhook = self._store.rotate(connection, webhook_id, secret, grace_seconds)
            if webhook is None:
                raise NotFound("There is no such webhook.")
            self._append(connection, by, "webhook.rotated", webhook, request_id, grace_seconds=grace_seconds)
        return ShownSecret(webhook, secret)

    def delete(self, webhook_id: UUID, *, by: str, request_id: str) -> None:
        """Delete a webhook: deliveries that wait for it are not sent any more. Raises NotFound."""
        webhook = self.get(webhook_id)
        with self._db.transaction() as connection:
            self._store.delete(connection, webhook_id)
            self._append(connection, by, "webhook.deleted", webhook, request_id)

    def test(self, webhook_id: UUID, *, by: str, request_id: str) -> UUID:
        """Send a test event to one webhook alone; return the event's id. Raises NotFound, and Conflict if it is off."""
        webhook = self.get(webhook_id)
        if not webhook.enabled:
            raise Conflict("This webhook is off. Enable it first.")
        event = event_of(uuid4(), self._sources.now(), WebhookTest(webhook_id=webhook_id))
        with self._db.transaction() as connection:
            add_deliveries(connection, [(webhook_id, event)])
            self._append(connection, by, "webhook.tested", webhook, request_id, event_id=event.id)
        return event.id

    def deliveries(
        self, webhook_id: UUID, *, limit: int, state: DeliveryState | None = None, after: UUID | None = None
    ) -> DeliveryPage:
        """Return deliveries that follow the delivery `after`, with their attempts. Raises NotFound."""
        self.get(webhook_id)
        rows = self._deliveries.page(webhook_id, limit=limit + 1, state=state, after=after)
        return DeliveryPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)

    def replay(self, webhook_id: UUID, delivery_id: UUID, *, by: str, request_id: str) -> Delivery:
        """Send a delivery once more, in any state. Raises NotFound."""
        webhook = self.get(webhook_id)
        with self._db.transaction() as connection:
            if not self._deliveries.replay(connection, webhook_id, delivery_id):
                raise NotFound("There is no such delivery.")
            self._append(connection, by, "webhook.replayed", webhook, request_id, delivery_id=delivery_id)
        delivery = self._deliveries.get(webhook_id, delivery_id)
        if delivery is None:  # it was pruned meanwhile
            raise NotFound("There is no such delivery.")
        return delivery

    def replay_failed(self, webhook_id: UUID, *, by: str, request_id: str) -> int:
        """Send all failed deliveries once more; return how many. Raises NotFound."""
        webhook = self.get(webhook_id)
        with self._db.transaction() as connection:
            count = self._deliveries.replay_failed(connection, webhook_id)
            self._append(connection, by, "webhook.replayed", webhook, request_id, failed=count)
        return count

    def _checked(self, fields: WebhookFields) -> WebhookFields:
        """Return the fields as they are stored. Raises InvalidRequest."""
        values: WebhookFields = {}
        if "enabled" in fields:
            values["enabled"] = fields["enabled"]
        if "events" in fields:
            values["events"] = _field("events", check_events, fields["events"])
        if "boards" in fields:
            values["boards"] = _field("boards", self._check_boards, fields["boards"])
        if "url" in fields:
            values["url"] = _field("url", self._check_url, fields["url"])
        return values

    def _check_boards(self, slugs: Sequence[str]) -> list[str]:
        boards = check_boards(slugs)
        slugs_in_use = {board.slug for board in self._boards.boards()}
        unknown = [board for board in boards if board not in slugs_in_use]
        if unknown:
            raise ValueError(f"has {unknown[0][:40]!r}, which is no board")
        return boards

    def _check_url(self, url: str) -> str:
        """Return the URL if its host leads to public addresses, now. It is checked again at each call."""
        check_url(url, private=self._private)
        if self._private:
            return url
        try:
            self._caller.addresses(url)
        except PrivateAddress:
            raise ValueError(f"leads to an address that is not on the public internet; {PRIVATE_REMEDY}") from None
        except OSError:
            raise ValueError("has a host without an address") from None
        return url

    def _note_leaders(self, connection: sa.Connection, present: Sequence[Webhook], webhook: Webhook) -> None:
        """Note the first places if this is the first webhook that waits for record.set, so that none is told as new."""
        is_first = not any(_waits_for_records(present_webhook) for present_webhook in present)
        if is_first and _waits_for_records(webhook):
            self._sources.note_leaders(connection)

    def _append(
        self, connection: sa.Connection, by: str, act: str, webhook: Webhook, request_id: str, **details: object
    ) -> None:
        facts: Mapping[str, object] = {
            "receiver": origin_of(webhook.url),
            "events": list(webhook.events),
            "boards": list(webhook.boards),
            "enabled": webhook.enabled,
        }
        self._audit.append(connection, by, act, f"webhook:{webhook.id}", {**facts, **details}, request_id)


def _waits_for_records(webhook: Webhook) -> bool:
    return webhook.enabled and "record.set" in webhook.events


def _field(name: str, check: Callable[[Value], Value], value: Value) -> Value:
    try:
        return check(value)
    except ValueError as error:
        raise InvalidRequest.field(name, str(error)) from None
