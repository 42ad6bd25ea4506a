"""The calls of operators about API keys."""

from __future__ import annotations

from app import errors
from app.http.answers import operators as answers
from app.http.key_bodies import NewKey, Rotation
from app.http.reference.call import API, Call, operators

_ADMIN = operators()
_KEYS = "Admin: keys"
_KEY = f"{API}/admin/keys"

CALLS = [
    Call("GET", _KEY, "List API keys", _KEYS, _ADMIN, {200: list[answers.Key]}),
    Call("POST", _KEY, "Create an API key", _KEYS, _ADMIN, {201: answers.ShownKey}, body=NewKey),
    Call(
        "POST",
        f"{_KEY}/<uuid:key_id>/rotate",
        "Replace the secret of an API key",
        _KEYS,
        _ADMIN,
        {200: answers.ShownKey},
        (errors.Conflict,),
        body=Rotation,
        may_omit_body=True,
        description="The secret before is good for `grace_seconds` more.",
    ),
    Call("DELETE", f"{_KEY}/<uuid:key_id>", "Revoke an API key", _KEYS, _ADMIN, {204: None}),
]
