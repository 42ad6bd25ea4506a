"""The calls of one player, and the player's tokens."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from fairboard_client.calls import Clock, ReadCalls
from fairboard_client.errors import FairboardError
from fairboard_client.retries import Retries
from fairboard_client.steps import Acquire, Steps, send
from fairboard_client.types import Action, Completed, Profile, TokenPair
from fairboard_client.wire import Answer, Draft, draft, given

_EARLY_SECONDS, _EARLY_SHARE = 60.0, 0.2  # tokens are renewed so long before they expire, the shorter of both
_REFRESH = Draft("POST", "/auth/refresh")

OnTokens = Callable[[TokenPair | None], object]


class Lock(Protocol):
    """A lock that is taken by the transport, and released here."""

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Login:
    """An access token with its times on the client's clock, and the pair that it is of unless it came alone."""

    access_token: str = field(repr=False)
    pair: TokenPair | None = field(default=None, repr=False)
    renew_at: float = math.inf
    ends_at: float = math.inf


class PlayerCalls(ReadCalls):
    """The calls of a player, or of nobody before a sign-in.

    `on_tokens` is called with each new token pair, and with `None` when the login has ended: keep the pair there, as
    the refresh token is the way back. `lock` lets one renewal run at a time: a refresh token works once.
    """

    def __init__(self, retries: Retries, clock: Clock, lock: Lock, on_tokens: OnTokens) -> None:
        super().__init__(retries, clock)
        self._lock, self._on_tokens = lock, on_tokens
        self._login: _Login | None = None

    @property
    def tokens(self) -> TokenPair | None:
        """Return the present token pair."""
        return self._login.pair if self._login else None

    def use(self, tokens: TokenPair | str) -> None:
        """Play as the player of this token pair, or of an access token alone, which is never renewed."""
        if isinstance(tokens, str):
            self._login = _Login(tokens)
            return
        life = tokens["expires_in"]
        ends_at = self._clock() + life
        renew_at = ends_at - min(_EARLY_SECONDS, life * _EARLY_SHARE)
        self._login = _Login(tokens["access_token"], tokens, renew_at, ends_at)

    def register(self, username: str, password: str) -> Steps[TokenPair]:
        """Create an account and play with it; return its tokens, with the `user`."""
        return self._enter("/auth/register", {"username": username, "password": password})

    def login(self, username: str, password: str) -> Steps[TokenPair]:
        """Sign in, and return the tokens."""
        # A sign-in whose answer was lost leaves a login that nobody uses: it may be sent again.
        return self._enter("/auth/login", {"username": username, "password": password}, is_repeatable=True)

    def guest(self) -> Steps[TokenPair]:
        """Play as a new guest, and return the tokens."""
        return self._enter("/auth/guest", None)

    def logout(self) -> Steps[None]:
        """End the login. Without an answer it is forgotten here all the same, and the error is raised."""
        try:
            yield from self._repeated(draft("POST", "/auth/logout"), is_repeatable=True)
        except FairboardError as error:
            if error.code != "unauthorized":
                raise
        finally:
            self._forget()

    def refresh(self) -> Steps[None]:
        """Renew the tokens now. Calls do that by themselves before the tokens expire."""
        if self._login is not None:
            yield from self._renew(self._login.access_token)

    def me(self) -> Steps[Profile]:
        """Return the player's own account, correct right after the player's own results."""
        data = yield from self._get("/me")
        return cast(Profile, data)

    def start(self, action_type: str) -> Steps[Action]:
        """Begin an action."""
        answer = yield from self._repeated(draft("POST", "/actions", {"action_type": action_type}))
        return cast(Action, answer.data)

    def complete(
        self, action: Action, result: int | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Steps[Completed]:
        """Complete an action, once however often it has to be sent; pass a `result` where players report it.

        The Idempotency-Key follows from the action and the result, so the same call may be made again after any error,
        also by another process; after a refused result another one may be tried. An action that comes too soon after
        another one is completed when the server allows it.
        """
        fields = {"token": action["token"], "result": result, "metadata": metadata}
        call = draft("POST", f"/actions/{action['action_id']}/complete", given(fields))
        key = hashlib.sha256(call.body or b"").hexdigest()
        answer = yield from self._repeated(replace(call, key=key))
        return cast(Completed, answer.data)

    def _enter(self, path: str, body: object, *, is_repeatable: bool = False) -> Steps[TokenPair]:
        call = draft("POST", path, body, is_anonymous=True)
        answer = yield from self._repeated(call, is_repeatable=is_repeatable)
        return self._keep(answer.data)

    def _attempt(self, call: Draft) -> Steps[Answer]:
        login = self._login
        if call.is_anonymous or login is None:
            return (yield from send(call, None))
        yield from self._renew_in_time(login)
        token = self._access_token()
        try:
            return (yield from send(call, token))
        except FairboardError as error:
            if error.code != "unauthorized" or login.pair is None:
                raise
        yield from self._renew(token)
        return (yield from send(call, self._access_token()))

    def _renew_in_time(self, login: _Login) -> Steps[None]:
        """Renew tokens that are about to expire. A failure is raised only once they have expired."""
        if self._clock() < login.renew_at:
            return
        try:
            yield from self._renew(login.access_token, only_in_time=True)
        except FairboardError as error:
            if error.code == "unauthorized" or self._clock() >= login.ends_at:
                raise

    def _renew(self, stale: str, *, only_in_time: bool = False) -> Steps[None]:
        """Replace this access token, unless another call has meanwhile. Raises `FairboardError`.

        With `only_in_time` nothing is sent while the token may still serve.
        """
        yield Acquire()
        try:
            login = self._login
            if login is None or login.pair is None or login.access_token != stale:
                return
            if only_in_time and self._clock() < login.renew_at:
                return
            # If the answer is lost, or the task is cancelled, the refresh token may be used up. Using it again would
            # end the login, so the access token serves to its end first.
            self._login = replace(login, renew_at=login.ends_at)
            try:
                answer = yield from send(_REFRESH, login.pair["refresh_token"])
            except FairboardError as error:
                if error.code == "unauthorized":
                    self._forget()
                elif error.status == 0 or error.status >= 500:
                    error.was_sent = False  # the call that needed this was not, and has had no effect
                raise
            self._keep({**login.pair, **answer.data})
        finally:
            self._lock.release()

    def _access_token(self) -> str:
        if self._login is None:
            raise FairboardError("unauthorized", "the login has ended: sign in again", 401)
        return self._login.access_token

    def _keep(self, pair: TokenPair) -> TokenPair:
        self.use(pair)
        self._on_tokens(pair)
        return pair

    def _forget(self) -> None:
        if self._login is not None:
            self._login = None
            self._on_tokens(None)
