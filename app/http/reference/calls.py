"""All calls, in the order of the documents."""

from __future__ import annotations

from app.http.reference import (
    account_calls,
    board_calls,
    moderation_calls,
    operator_calls,
    other_calls,
    play_calls,
    webhook_calls,
)
from app.http.reference.call import Call

CALLS: list[Call] = [
    *account_calls.CALLS,
    *play_calls.CALLS,
    *board_calls.CALLS,
    *operator_calls.CALLS,
    *moderation_calls.CALLS,
    *webhook_calls.CALLS,
    *other_calls.CALLS,
]
