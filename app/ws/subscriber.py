"""One socket of the push tier: its player, its board, and its deadlines."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.errors import Refusal
from app.http.failures import status_of
from app.ws import frames, messages
from app.ws.board import Board
from app.ws.outbound import Outbound


@dataclass(frozen=True, slots=True)
class SignIn:
    """The player and login of an access token, which expires at `expires_at`, Unix time in seconds."""

    player_id: UUID
    login_id: UUID
    expires_at: float


class Subscriber:
    """The state of one connection. Times ending in `_at` are time.monotonic()."""

    __slots__ = (
        "board",
        "drop_at",
        "outbound",
        "own_standing",
        "ping_at",
        "sign_in",
        "subscribe_by_at",
        "unanswered_pings",
        "unreadable",
        "version",
    )

    def __init__(self, outbound: Outbound, *, subscribe_by_at: float) -> None:
        self.outbound = outbound
        self.subscribe_by_at = subscribe_by_at
        self.board: Board[Subscriber] | None = None  # None before the first subscribe or watch
        self.version = 0  # of the newest board handed to `outbound`
        self.sign_in: SignIn | None = None  # None also for a socket that watches without an account
        self.own_standing: messages.OwnStanding | None = None  # the newest of this player and board that was sent
        self.ping_at = 0.0
        self.unanswered_pings = 0  # pings without an answer, in a row
        self.unreadable = 0  # unreadable messages so far
        self.drop_at = 0.0  # 0 until the close frame is under way

    @property
    def player_id(self) -> UUID | None:
        """Return the player, None without an account."""
        return self.sign_in.player_id if self.sign_in else None

    def refuse(self, refusal: Refusal, close: int | None = frames.POLICY) -> None:
        """Send the refusal, then close; with `close` None only send it."""
        status = status_of(refusal)
        self.outbound.send(messages.error(status, refusal.code, refusal.message))
        if close is not None:
            self.outbound.close(close, refusal.code)
