"""The routes of /admin/keys, for admins and keys with the scope `admin`."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response

from app.domain.api_keys import ApiKey
from app.http.bodies import body, no_query, optional_body
from app.http.envelope import answer, empty, plain, request_id
from app.http.identity import actor, container, operated
from app.http.json_body import discard_body
from app.http.key_bodies import NewKey, Rotation
from app.http.limits import RateLimits


def blueprint(limits: RateLimits) -> Blueprint:
    """Return the routes, each with its limit."""
    routes = Blueprint("keys", __name__)

    @routes.get("/admin/keys")
    @operated(limits)
    def page() -> Response:
        no_query()
        return answer([_key(key) for key in container().api_keys.all()])

    @routes.post("/admin/keys")
    @operated(limits)
    def create() -> Response:
        params = body(NewKey)
        shown = container().api_keys.create(
            params.name, params.scopes, params.per_minute, by=actor(), request_id=request_id()
        )
        return answer({**_key(shown.key), "key": shown.text}, 201)

    @routes.post("/admin/keys/<uuid:key_id>/rotate")
    @operated(limits)
    def rotate(key_id: UUID) -> Response:
        grace_seconds = optional_body(Rotation).grace_seconds
        shown = container().api_keys.rotate(key_id, grace_seconds, by=actor(), request_id=request_id())
        return answer({**_key(shown.key), "key": shown.text})

    @routes.delete("/admin/keys/<uuid:key_id>")
    @operated(limits)
    def revoke(key_id: UUID) -> Response:
        discard_body()
        no_query()
        container().api_keys.revoke(key_id, by=actor(), request_id=request_id())
        return empty(204)

    return routes


def _key(key: ApiKey) -> dict[str, object]:
    values = plain(asdict(key))
    del values["public_id"]
    return {**values, "prefix": key.prefix}
