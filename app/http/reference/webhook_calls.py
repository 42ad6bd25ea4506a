"""The calls of operators about webhooks."""

from __future__ import annotations

from app import errors
from app.http.admin_webhooks import DeliveriesQuery, NewWebhook, SecretRotation, WebhookChange
from app.http.answers import webhooks as answers
from app.http.bodies import Nothing
from app.http.reference.call import API, Call, operators

_TAG = "Admin: webhooks"
_ADMIN = operators()
_ALL = f"{API}/admin/webhooks"
_ONE = f"{_ALL}/<uuid:webhook_id>"
_LINKS = ("self", "deliveries", "test")

CALLS = [
    Call("GET", _ALL, "List webhooks", _TAG, _ADMIN, {200: list[answers.WebhookRow]}),
    Call(
        "POST",
        _ALL,
        "Create a webhook",
        _TAG,
        _ADMIN,
        {201: answers.ShownWebhook},
        (errors.Conflict,),
        body=NewWebhook,
        links=_LINKS,
        has_location=True,
        example={"url": "https://example.org/hook", "events": ["record.set"], "boards": ["main"]},
    ),
    Call("GET", _ONE, "Show a webhook", _TAG, _ADMIN, {200: answers.WebhookRow}, links=_LINKS),
    Call(
        "PATCH",
        _ONE,
        "Change a webhook",
        _TAG,
        _ADMIN,
        {200: answers.WebhookRow},
        body=WebhookChange,
        links=_LINKS,
        example={"events": ["record.set", "season.ended"]},
    ),
    Call("DELETE", _ONE, "Delete a webhook", _TAG, _ADMIN, {204: None}),
    Call(
        "POST",
        f"{_ONE}/rotate",
        "Replace the secret of a webhook",
        _TAG,
        _ADMIN,
        {200: answers.ShownWebhook},
        body=SecretRotation,
        may_omit_body=True,
        links=_LINKS,
    ),
    Call(
        "POST",
        f"{_ONE}/test",
        "Send a test event",
        _TAG,
        _ADMIN,
        {202: answers.SentTest},
        (errors.Conflict,),
        body=Nothing,
        may_omit_body=True,
        links=_LINKS,
    ),
    Call(
        "GET",
        f"{_ONE}/deliveries",
        "List deliveries",
        _TAG,
        _ADMIN,
        {200: list[answers.DeliveryRow]},
        query=DeliveriesQuery,
        links=("next",),
    ),
    Call(
        "POST",
        f"{_ONE}/deliveries/<uuid:delivery_id>/replay",
        "Send a delivery again",
        _TAG,
        _ADMIN,
        {202: answers.DeliveryRow},
        body=Nothing,
        may_omit_body=True,
        links=_LINKS,
    ),
    Call(
        "POST",
        f"{_ONE}/replay-failed",
        "Send all failed deliveries again",
        _TAG,
        _ADMIN,
        {202: answers.Replayed},
        body=Nothing,
        may_omit_body=True,
        links=_LINKS,
    ),
]
