"""The tree of all refusals of Fairboard. No HTTP here: `app.http.failures` maps each class to a status.

Refusal
├── InvalidRequest        a field is out of range, unknown or missing (details name each field)
├── BadRequest            the body is not as the headers announced it
├── RequestTimeout        the body did not arrive in time
├── MalformedJson         the body is not JSON
├── TooLarge              the body is over the limit
├── UnsupportedMediaType  the body is not application/json in UTF-8, or is compressed
├── Unauthorized          the credentials are missing, malformed, expired or revoked
│   └── InvalidCredentials
├── Forbidden             the player is signed in, but may not do this
│   ├── AccountSuspended
│   ├── SuspiciousActivity
│   ├── TokenAlreadyUsed
│   ├── WrongPassword     a player who changes or erases the account has not proved the password
│   └── TrustedOnly       a player tries to complete what only the game's server may
├── InvalidToken          the action token is unknown, expired, or belongs to another action
├── InvalidSignature      the action token was not signed by us
├── NotFound
├── Conflict
│   ├── UsernameTaken
│   ├── NotAGuest         the account is a full one already
│   ├── LastAdmin         the account is the last of an admin
│   ├── TooManyActions
│   ├── InProgress
│   ├── TooSoon           another action was completed meanwhile; carries the seconds to wait
│   ├── BoardClosed       no board that the action feeds is open
│   ├── RebuildRequired   the change would change past scores, and did not ask for that
│   ├── AlreadyDecided    the case has a decision already
│   ├── CaseOpen          the player has another case that waits for a decision
│   ├── NothingToUndo     the case has no decision yet
│   └── AlreadyAppealed
├── IdempotencyKeyReused
├── RateLimited           too many requests; carries the seconds to wait
│   ├── SignInDelayed     too many failed sign-ins to one account
│   └── RenamedLately     the player has chosen another name a short time ago
├── TooManyMessages       a socket has sent too many messages, too fast
├── TooManySockets        a player or an address has too many open sockets
└── Unavailable           a part that the request needs is down; nothing has scored, or a retry tells the outcome
"""

from __future__ import annotations

import math
from collections.abc import Mapping

Details = list[dict[str, str]] | Mapping[str, object]


class Refusal(Exception):
    """A request that was not carried out, in words that its sender can act on.

    `code` is the API's error code; `details` is a list of `{"field", "message"}` or a dict of facts.
    """

    code = "refused"
    default_message = "The request was refused."
    replayed = False  # True if this repeats the first answer to an Idempotency-Key

    def __init__(self, message: str | None = None, *, details: Details | None = None) -> None:
        super().__init__(message or self.default_message)
        self.message = message or self.default_message
        self.details = details


class InvalidRequest(Refusal):
    code = "invalid_request"
    default_message = "Some fields are not valid."

    @classmethod
    def field(cls, name: str, message: str) -> InvalidRequest:
        """Return the refusal of one bad field."""
        return cls(details=[{"field": name, "message": message}])


class BadRequest(Refusal):
    code = "bad_request"
    default_message = "The request can't be read."


class RequestTimeout(Refusal):
    code = "request_timeout"
    default_message = "The request took too long to arrive."


class MalformedJson(Refusal):
    code = "malformed_json"
    default_message = "The body is not valid JSON."


class TooLarge(Refusal):
    code = "too_large"
    default_message = "The body is over 16 KiB."


class UnsupportedMediaType(Refusal):
    code = "unsupported_media_type"
    default_message = "Send the body as application/json."


class Unauthorized(Refusal):
    code = "unauthorized"
    default_message = "Sign in and send a valid access token as 'Authorization: Bearer …'."


class InvalidCredentials(Unauthorized):
    code = "invalid_credentials"
    default_message = "The username or the password is wrong."


class Forbidden(Refusal):
    code = "forbidden"
    default_message = "You may not do this."


class AccountSuspended(Forbidden):
    code = "account_suspended"
    default_message = "This account is suspended until a person has reviewed it."


class SuspiciousActivity(Forbidden):
    code = "suspicious_activity"
    default_message = "This play looks automated; it did not score and was kept for review."


class TokenAlreadyUsed(Forbidden):
    code = "token_already_used"
    default_message = "This action has been completed already."


class WrongPassword(Forbidden):
    code = "invalid_credentials"
    default_message = "The password is wrong."


class TrustedOnly(Forbidden):
    code = "trusted_only"
    default_message = "Only the game's own server may complete this action."


class InvalidToken(Refusal):
    code = "invalid_token"
    default_message = "This action token is unknown, has expired, or belongs to another action. Start a new action."


class InvalidSignature(Refusal):
    code = "invalid_signature"
    default_message = "This action token was not signed by this server. Start a new action."


class NotFound(Refusal):
    code = "not_found"
    default_message = "This resource does not exist."


class Conflict(Refusal):
    code = "conflict"
    default_message = "The request conflicts with the current state."


class UsernameTaken(Conflict):
    code = "username_taken"
    default_message = "This username is taken."


class NotAGuest(Conflict):
    code = "not_a_guest"
    default_message = "This is a full account already. Only a guest can be made one."


class LastAdmin(Conflict):
    code = "last_admin"
    default_message = "This is the last admin. Make another account an admin first."


class TooManyActions(Conflict):
    code = "too_many_actions"
    default_message = "You hold too many active actions. Complete one or let it expire."


class InProgress(Conflict):
    code = "in_progress"
    default_message = "The first try with this Idempotency-Key is still in flight. Try again in a moment."


class TooSoon(Conflict):
    """The same request may score after `retry_after` whole seconds; `wait` is the exact time in seconds."""

    code = "too_soon"

    def __init__(self, wait: float) -> None:
        self.retry_after = max(1, math.ceil(wait))
        super().__init__(
            f"Another action was completed meanwhile. Nothing is lost: send this again in {self.retry_after} s.",
            details={"retry_after": self.retry_after, "wait_ms": math.ceil(wait * 1000)},
        )


class BoardClosed(Conflict):
    code = "board_closed"
    default_message = "None of the boards that this action counts on is open now."


class RebuildRequired(Conflict):
    code = "rebuild_required"
    default_message = 'This changes past scores: it needs "rebuild": true, which replays the ledger.'


class AlreadyDecided(Conflict):
    code = "already_decided"
    default_message = "This case has been decided already. Undo that decision first."


class CaseOpen(Conflict):
    code = "case_open"
    default_message = "The player has another open case, and can have one at a time. Decide that one first."


class NothingToUndo(Conflict):
    code = "nothing_to_undo"
    default_message = "This case has no decision."


class AlreadyAppealed(Conflict):
    code = "already_appealed"
    default_message = "You have appealed in this case; a person will read it. Each case allows one appeal."


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
    default_message = "This Idempotency-Key was used for another action, token, result or metadata. Use a new key."


class RateLimited(Refusal):
    """`limit` requests in `window` seconds; `retry_after` whole seconds until the next one is let through."""

    code = "rate_limited"
    default_message = "Too many requests."

    def __init__(self, *, limit: int, remaining: int, window: int, retry_after: int) -> None:
        super().__init__(
            f"Too many requests: {limit} in {window} s are allowed. Try again in {retry_after} s.",
            details={"limit": limit, "window": window, "retry_after": retry_after},
        )
        self.limit, self.remaining, self.window, self.retry_after = limit, remaining, window, retry_after


class SignInDelayed(RateLimited):
    """After `limit` failed sign-ins to an account each further one waits; reveals nothing about name and password."""

    def __init__(self, *, limit: int, retry_after: int) -> None:
        super().__init__(limit=limit, remaining=0, window=retry_after, retry_after=retry_after)
        self.message = f"Too many failed sign-ins to this account. Try again in {retry_after} s."


class RenamedLately(RateLimited):
    """A player may choose another name once in `window` seconds."""

    def __init__(self, *, window: int, retry_after: int) -> None:
        super().__init__(limit=1, remaining=0, window=window, retry_after=retry_after)
        self.message = f"You have chosen another name lately. Try again in {retry_after} s."


class TooManyMessages(Refusal):
    code = "rate_limited"
    default_message = "This socket has sent too many messages. Connect again, and send fewer."


class TooManySockets(Refusal):
    """The `holder`, "player" or "address", has `limit` open sockets, the most allowed; `retry_after` in seconds."""

    code = "too_many_sockets"
    default_message = "Too many open sockets."

    def __init__(self, holder: str, limit: int, retry_after: int, *, sockets: str = "open sockets") -> None:
        super().__init__(
            f"This {holder} holds {limit} {sockets}, the most allowed. Close one, then connect again.",
            details={"limit": limit, "retry_after": retry_after},
        )
        self.retry_after = retry_after


class Unavailable(Refusal):
    code = "unavailable"
    default_message = "A part of the service is not answering. Nothing is lost; try again in a moment."
