"""The routes of /admin/webhooks, for admins and keys with the scope `admin`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, Response
from pydantic import AfterValidator, Field

from app.domain.webhook_events import readable
from app.domain.webhooks import (
    GRACE_SECONDS,
    MOST_GRACE_SECONDS,
    Delivery,
    DeliveryState,
    Webhook,
    check_boards,
    check_events,
)
from app.errors import InvalidRequest
from app.http.admin_bodies import Limit, id_parser
from app.http.bodies import Strict, body, no_query, optional_body, query
from app.http.envelope import answer, empty, plain, request_id
from app.http.identity import actor, container, operated
from app.http.json_body import discard_body
from app.http.limits import RateLimits
from app.services.operations.webhooks import ShownSecret, WebhookFields

_WEBHOOKS = "/api/v1/admin/webhooks"
_Events = Annotated[list[str], AfterValidator(check_events)]
_Boards = Annotated[list[str], AfterValidator(check_boards)]


class NewWebhook(Strict):
    """The body of `POST /admin/webhooks`."""

    url: str
    events: _Events
    boards: Annotated[_Boards, Field(default_factory=list)]


class WebhookChange(Strict):
    """The body of `PATCH /admin/webhooks/{id}`: the fields to change."""

    url: str = ""
    events: Annotated[_Events, Field(default_factory=list)]
    boards: Annotated[_Boards, Field(default_factory=list)]
    enabled: bool = True


class SecretRotation(Strict):
    """The body of `POST /admin/webhooks/{id}/rotate`."""

    grace_seconds: Annotated[int, Field(ge=0, le=MOST_GRACE_SECONDS)] = GRACE_SECONDS


class DeliveriesQuery(Strict):
    """The parameters of `GET /admin/webhooks/{id}/deliveries`."""

    state: DeliveryState | None = None
    limit: Limit = 50
    after: Annotated[UUID | None, id_parser("a delivery")] = None


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("webhooks", __name__)

    @routes.get("/admin/webhooks")
    @operated(limits)
    def page() -> Response:
        no_query()
        return answer([_webhook(webhook) for webhook in container().webhooks.all()])

    @routes.post("/admin/webhooks")
    @operated(limits)
    def create() -> Response:
        params = body(NewWebhook)
        issued = container().webhooks.create(
            params.url, params.events, params.boards, by=actor(), request_id=request_id()
        )
        response = answer(_shown(issued), 201, _links(issued.webhook.id))
        response.headers["Location"] = f"{_WEBHOOKS}/{issued.webhook.id}"
        return response

    @routes.get("/admin/webhooks/<uuid:webhook_id>")
    @operated(limits)
    def show(webhook_id: UUID) -> Response:
        no_query()
        return answer(_webhook(container().webhooks.get(webhook_id)), links=_links(webhook_id))

    @routes.patch("/admin/webhooks/<uuid:webhook_id>")
    @operated(limits)
    def change(webhook_id: UUID) -> Response:
        fields = _given(body(WebhookChange))
        webhook = container().webhooks.change(webhook_id, fields, by=actor(), request_id=request_id())
        return answer(_webhook(webhook), links=_links(webhook_id))

    @routes.delete("/admin/webhooks/<uuid:webhook_id>")
    @operated(limits)
    def delete(webhook_id: UUID) -> Response:
        discard_body()
        no_query()
        container().webhooks.delete(webhook_id, by=actor(), request_id=request_id())
        return empty(204)

    @routes.post("/admin/webhooks/<uuid:webhook_id>/rotate")
    @operated(limits)
    def rotate(webhook_id: UUID) -> Response:
        grace_seconds = optional_body(SecretRotation).grace_seconds
        issued = container().webhooks.rotate(webhook_id, grace_seconds, by=actor(), request_id=request_id())
        return answer(_shown(issued), links=_links(webhook_id))

    @routes.post("/admin/webhooks/<uuid:webhook_id>/test")
    @operated(limits)
    def test(webhook_id: UUID) -> Response:
        optional_body(Strict)
        event_id = container().webhooks.test(webhook_id, by=actor(), request_id=request_id())
        return answer({"event_id": str(event_id)}, 202, _links(webhook_id))

    _add_deliveries(routes, limits)
    return routes


def _add_deliveries(routes: Blueprint, limits: RateLimits) -> None:
    @routes.get("/admin/webhooks/<uuid:webhook_id>/deliveries")
    @operated(limits)
    def deliveries(webhook_id: UUID) -> Response:
        params = query(DeliveriesQuery)
        result = container().webhooks.deliveries(webhook_id, **params.model_dump())
        links = None
        if result.last is not None:
            following = {**params.model_dump(exclude_none=True), "after": result.last}
            links = {"next": f"{_WEBHOOKS}/{webhook_id}/deliveries?{urlencode(following)}"}
        return answer([_delivery(delivery) for delivery in result.deliveries], links=links)

    @routes.post("/admin/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/replay")
    @operated(limits)
    def replay(webhook_id: UUID, delivery_id: UUID) -> Response:
        optional_body(Strict)
        delivery = container().webhooks.replay(webhook_id, delivery_id, by=actor(), request_id=request_id())
        return answer(_delivery(delivery), 202, _links(webhook_id))

    @routes.post("/admin/webhooks/<uuid:webhook_id>/replay-failed")
    @operated(limits)
    def replay_failed(webhook_id: UUID) -> Response:
        optional_body(Strict)
        count = container().webhooks.replay_failed(webhook_id, by=actor(), request_id=request_id())
        return answer({"replayed": count}, 202, _links(webhook_id))


def _given(params: WebhookChange) -> WebhookFields:
    """Return the fields that the body has. Raises InvalidRequest without any."""
    if not params.model_fields_set:
        raise InvalidRequest.field("body", "must have a field to change")
    fields = WebhookFields(url=params.url, events=params.events, boards=params.boards, enabled=params.enabled)
    for name in ("url", "events", "boards", "enabled"):
        if name not in params.model_fields_set:
            del fields[name]  # type: ignore[misc]
    return fields


def _webhook(webhook: Webhook) -> dict[str, object]:
    return plain(asdict(webhook))


def _shown(issued: ShownSecret) -> dict[str, object]:
    return {**_webhook(issued.webhook), "secret": issued.secret}


def _delivery(delivery: Delivery) -> dict[str, object]:
    return {**plain(asdict(delivery)), "payload": readable(delivery.payload)}


def _links(webhook_id: UUID) -> dict[str, str]:
    address = f"{_WEBHOOKS}/{webhook_id}"
    return {"self": address, "deliveries": f"{address}/deliveries", "test": f"{address}/test"}
