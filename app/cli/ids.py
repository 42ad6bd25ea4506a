"""Arguments that name a row: a name where there are names, an id, or a beginning of an id that is unique."""

from __future__ import annotations

from uuid import UUID

from app.cli.commands import container
from app.domain.api_keys import ApiKey
from app.domain.id_prefixes import LEAST_BESIDE_NAMES
from app.domain.webhooks import Webhook
from app.errors import NotFound
from app.stores.accounts.players import Player


def find_player(text: str) -> Player:
    """Return the player with this name, id, or beginning of an id (8 digits). Raises NotFound, AmbiguousId."""
    accounts = container().accounts
    try:
        return accounts.find(text)
    except NotFound:
        return accounts.find(str(container().ids.find("user", text, least=LEAST_BESIDE_NAMES)))


def find_case(text: str) -> UUID:
    """Return the id of the case with this id, or beginning of an id (4 digits). Raises NotFound, AmbiguousId."""
    return container().ids.find("case", text)


def find_correction(text: str) -> UUID:
    """Return the id of the correction with this id, or beginning of an id (4 digits). Raises as `find_case`."""
    return container().ids.find("correction", text)


def find_key(text: str) -> ApiKey:
    """Return the key with this name, prefix, id, or beginning of an id (8 digits). Raises NotFound, AmbiguousId."""
    api_keys = container().api_keys
    try:
        return api_keys.find(text)
    except NotFound:
        return api_keys.find(str(container().ids.find("key", text, least=LEAST_BESIDE_NAMES)))


def find_webhook(text: str) -> Webhook:
    """Return the webhook with this URL, id, or beginning of an id (4 digits). Raises Conflict, and as `find_case`."""
    webhooks = container().webhooks
    try:
        return webhooks.find(text)
    except NotFound:
        return webhooks.find(str(container().ids.find("webhook", text)))


def find_delivery(text: str) -> UUID:
    """Return the id of the delivery with this id, or beginning of an id (4 digits). Raises as `find_case`."""
    return container().ids.find("delivery", text)
