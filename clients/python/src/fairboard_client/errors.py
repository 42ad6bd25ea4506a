"""The one error of the client."""

from __future__ import annotations

from typing import Any

NETWORK = "network"
UNREADABLE = "unreadable"


class FairboardError(Exception):
    """A refusal by the server, or a call without an answer.

    `code` is the API's error code, such as `board_closed`; `network` when no answer came, `unreadable` for an answer
    that is none of Fairboard's. `status` is the HTTP status, 0 without an answer. `details` is as in the API;
    `retry_after` is in seconds. `was_sent` is False if the request is known not to have reached the server.
    `idempotency_key` is the key that the call was sent with: the same call with this key is safe at any later time.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 0,
        details: Any = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        was_sent: bool = True,
    ) -> None:
        super().__init__(code, message, status, details, retry_after, request_id, was_sent)
        self.code, self.message, self.status, self.details = code, message, status, details
        self.retry_after, self.request_id, self.was_sent = retry_after, request_id, was_sent
        self.idempotency_key: str | None = None

    def __str__(self) -> str:
        words = f"{self.status or ''} {self.code}: {self.message}".strip()
        return f"{words} {self.details}" if self.details else words
