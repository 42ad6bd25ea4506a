"""Factory of the stores and services of webhooks."""

from __future__ import annotations

import random
from dataclasses import dataclass

from app.containers.connections import Connections
from app.services.operations.webhook_fan_out import WebhookFanOut
from app.services.operations.webhook_sender import WebhookSender
from app.services.operations.webhooks import Webhooks
from app.stores.boards.board_list import BoardListStore
from app.stores.boards.pages import PageStore
from app.stores.boards.seasons import SeasonStore
from app.stores.moderation.audit import AuditStore
from app.stores.operations.webhook_calls import ReceiverCaller
from app.stores.operations.webhook_deliveries import WebhookDeliveryStore
from app.stores.operations.webhook_sources import WebhookSourceStore
from app.stores.operations.webhooks import WebhookStore


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """The stores and services of webhooks."""

    webhooks: Webhooks
    fan_out: WebhookFanOut
    sender: WebhookSender
    deliveries: WebhookDeliveryStore


def build_webhooks(connections: Connections, audit: AuditStore) -> WebhookParts:
    """Return the stores and services of webhooks."""
    database, private = connections.database, connections.settings.webhook_private_addresses
    store, deliveries, sources = WebhookStore(database), WebhookDeliveryStore(database), WebhookSourceStore(database)
    caller = ReceiverCaller(private=private)
    return WebhookParts(
        Webhooks(database, store, deliveries, sources, BoardListStore(database), audit, caller, private=private),
        WebhookFanOut(database, store, sources, SeasonStore(database), PageStore(database)),
        WebhookSender(deliveries, caller.post, draw=random.random, clock=connections.clock),
        deliveries,
    )
