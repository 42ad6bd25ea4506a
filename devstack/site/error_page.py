"""The page about the errors: codes, statuses and texts from the code, and the advice to a client's developer."""

from __future__ import annotations

from collections.abc import Iterator

from app import errors
from app.http.failures import STATUS

_INTRODUCTION = """# Errors

Every refusal is [the envelope of the API](../api.md#http) with `error.code`, a `message` for people, and where it
helps `details`. Decide by the code: the message is for people.
Send a request again by yourself only where this page says so.
"""
# Of gunicorn, nginx and the handshake of a socket, and where a class has no text: (status, text).
_OTHERS = {
    "invalid_handshake": (400, "The request to open a socket breaks RFC 6455."),
    "method_not_allowed": (405, "The path has no such method."),
    "too_soon": (409, "Another action of the player was completed meanwhile."),
    "uri_too_long": (414, "The address is too long."),
    "expectation_failed": (417, "The server knows no expectation but 100-continue."),
    "upgrade_required": (426, "The address speaks WebSocket, version 13."),
    "headers_too_large": (431, "The headers are too large."),
    "internal_error": (500, "Something went wrong in the server. It was logged with the request id."),
    "not_implemented": (501, "The server reads no transfer coding but chunked."),
    "http_version_not_supported": (505, "The server speaks HTTP/1.1."),
}
_LATER = "Send the same request again after `Retry-After`."
_PROGRAM = "The client has a fault: correct the request."
ADVICE = {
    "account_suspended": "Stop playing for this player, and show [how to appeal](../fair-play.md#if-you-disagree).",
    "already_appealed": "Show that a person will read the appeal.",
    "already_decided": "Read the case again; undo its decision first.",
    "bad_request": _PROGRAM,
    "board_closed": "Offer nothing to play on these boards; `GET /boards` says when they open.",
    "case_open": "Decide the player's open case first.",
    "conflict": "Read the present state; the message names the obstacle.",
    "expectation_failed": _PROGRAM,
    "forbidden": "Use an account or a key that may; `details` names the missing scope.",
    "headers_too_large": _PROGRAM,
    "http_version_not_supported": _PROGRAM,
    "idempotency_key_reused": "Use another key for another request, and the same key only for the very same one.",
    "in_progress": "The first try is still at work. " + _LATER,
    "internal_error": "Send it again with the same `Idempotency-Key`; report the request id if it stays.",
    "invalid_credentials": "Ask for the name and the password again.",
    "invalid_handshake": _PROGRAM,
    "invalid_request": "`details` names each field. The token of an action is still usable: correct the request.",
    "invalid_signature": "Start a new action; if it stays, check that all servers have the same `ACTION_TOKEN_KEYS`.",
    "invalid_token": "Start a new action, or ask for another reset link.",
    "last_admin": "Make another account an admin first.",
    "malformed_json": _PROGRAM,
    "method_not_allowed": "`Allow` names the methods of the path.",
    "not_a_guest": "The account has a name and a password already: sign in.",
    "not_found": "Check the id or the address. Boards that are not public look the same.",
    "not_implemented": _PROGRAM,
    "nothing_to_undo": "Read the case again: it has no decision.",
    "rate_limited": _LATER,
    "rebuild_required": "Look at the `dry_run`, then send it with `rebuild: true`.",
    "request_timeout": "The connection is slow: send it again with the same `Idempotency-Key`.",
    "suspicious_activity": "Do not send it again: it adds suspicion. The next action can score.",
    "token_already_used": "It scored before: read the score. With an `Idempotency-Key` you get the first answer.",
    "too_large": "Send less: 16 KiB, 1 MiB for a batch.",
    "too_many_actions": "Complete an action, or wait until one expires.",
    "too_many_sockets": "Close a socket, then connect again.",
    "too_soon": "Nothing is lost, and nothing is held against the player. " + _LATER,
    "trusted_only": "Let your game's server submit it: `POST /scores`.",
    "unauthorized": "Renew the access token, or sign in again; then send it once more.",
    "unavailable": "A part is down. " + _LATER + " With the same `Idempotency-Key` it counts once.",
    "unsupported_media_type": _PROGRAM,
    "upgrade_required": _PROGRAM,
    "uri_too_long": _PROGRAM,
    "username_taken": "Ask for another name.",
}
"""The advice for each code."""


def codes() -> dict[tuple[int, str], str]:
    """Return the text of each status and code; the first class of a code has the text."""
    texts = {(status, code): text for code, (status, text) in _OTHERS.items()}
    for refusal in _classes(errors.Refusal):
        status = next(STATUS[kind] for kind in refusal.__mro__ if kind in STATUS)
        texts.setdefault((status, refusal.code), refusal.default_message)
    return dict(sorted(texts.items()))


def _classes(refusal: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    for child in refusal.__subclasses__():
        yield child
        yield from _classes(child)


def page() -> str:
    """Return the page as Markdown."""
    rows = [f"| {status} | `{code}` | {text} | {ADVICE[code]} |" for (status, code), text in codes().items()]
    head = ["| status | code | text | your client |", "| --- | --- | --- | --- |"]
    end = "Other statuses have the code `http_error`: the status says it all."
    return "\n".join([_INTRODUCTION, *head, *rows, "", end, ""])
