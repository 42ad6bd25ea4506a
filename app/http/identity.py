"""Who is asking: JWTs through flask-jwt-extended, made strict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, wraps
from typing import Any, cast
from uuid import UUID

import jwt.exceptions
from flask import Flask, current_app, g, request
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from app.containers.container import Container
from app.errors import Forbidden, RateLimited, Unauthorized
from app.services.accounts.accounts import Login
from app.settings import Settings

ISSUER = "fairboard"
AUDIENCE = "fairboard-players"
_LEEWAY_SECONDS = 2  # servers' clocks differ a little
# A token that was issued in the future was issued before the clock was set back. Its signature says that it is ours;
# when it expires is asked at each request, with the leeway above.
_SET_BACK_SECONDS = 86_400
_VERIFIED = "fairboard.verified"
_VERIFIED_TOKENS = 10_000

View = Callable[..., Any]
Limit = Callable[[View], View]


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified token's player and login; `expires_at` in Unix seconds, `token_id` is the token's own."""

    player_id: UUID
    login_id: UUID
    token_id: UUID
    expires_at: float


def register(app: Flask, settings: Settings) -> None:
    """Give the app its keys: the first signs, all verify, by the key id in the token's header."""
    secrets = {key.kid: key.secret for key in settings.jwt_keys}
    app.config.update(
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_AUDIENCE=AUDIENCE,
        JWT_COOKIE_CSRF_PROTECT=False,  # no cookies, so no csrf claim either
        JWT_DECODE_LEEWAY=_SET_BACK_SECONDS,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.access_token_seconds),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=settings.refresh_token_seconds),
    )
    # A signature that was good stays good: a player's next requests need only the clock and Redis.
    app.extensions[_VERIFIED] = lru_cache(_VERIFIED_TOKENS)(_verify)
    manager = JWTManager(app)
    manager.encode_key_loader(lambda identity: settings.jwt_keys[0].secret)

    @manager.decode_key_loader
    def key_of(header: dict[str, Any], payload: dict[str, Any]) -> str:
        kid = header.get("kid")
        secret = secrets.get(kid) if isinstance(kid, str) else None
        if secret is None:
            raise Unauthorized("The token is not valid. Sign in again.")
        return secret


def container() -> Container:
    """The container of the app that serves this request."""
    found: Container = current_app.extensions["fairboard"]
    return found


def tokens_for(login: Login) -> dict[str, Any]:
    """The contract's pair for a login."""
    settings = container().settings
    headers = {"kid": settings.jwt_keys[0].kid}
    player = str(login.player.id)
    access = {"fam": str(login.login_id)}
    refresh = {"fam": str(login.login_id), "jti": str(login.refresh_id)}
    return {
        "access_token": create_access_token(player, additional_claims=access, additional_headers=headers),
        "refresh_token": create_refresh_token(player, additional_claims=refresh, additional_headers=headers),
        "token_type": "Bearer",
        "expires_in": settings.access_token_seconds,
    }


def identity_of(authorization: str | None, *, kind: str = "access") -> Identity:
    """The identity that `Bearer <token>` proves. Doesn't ask whether the login has ended. Raises Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(f"Send a valid {kind} token as 'Authorization: Bearer …'." if kind != "access" else None)
    verified, identity = current_app.extensions[_VERIFIED](token.strip())
    if time.time() >= identity.expires_at + _LEEWAY_SECONDS:
        raise Unauthorized("The token has expired. Refresh it or sign in again.")
    if verified != kind:
        raise Unauthorized(f"Send the {kind} token here.")
    return cast(Identity, identity)


def _verify(token: str) -> tuple[str, Identity]:
    """The kind of a token and its identity. Raises Unauthorized."""
    try:
        claims = decode_token(token)
        identity = Identity(UUID(claims["sub"]), UUID(claims["fam"]), UUID(claims["jti"]), float(claims["exp"]))
        return str(claims["type"]), identity
    except jwt.exceptions.ExpiredSignatureError:
        raise Unauthorized("The token has expired. Refresh it or sign in again.") from None
    except (jwt.exceptions.PyJWTError, JWTExtendedException, KeyError, TypeError, ValueError, AttributeError):
        raise Unauthorized("The token is not valid. Sign in again.") from None


def signed_in(
    *, kind: str = "access", suspended_too: bool = False, limit: Limit | None = None
) -> Callable[[View], View]:
    """A view for a player, whose identity is in `me()` from then on; the first check of all.

    With a `limit` of that player's, Redis is asked for both in one round trip; 401 and 403 still come before 429.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def confirmed(*args: Any, **kwargs: Any) -> Any:
            _confirm(suspended_too)
            return view(*args, **kwargs)

        limited = limit(confirmed) if limit else confirmed

        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            identity = identity_of(request.headers.get("Authorization"), kind=kind)
            g.identity = identity
            with container().sessions.asking(identity.player_id, identity.login_id) as g.asked:
                try:
                    return limited(*args, **kwargs)
                except RateLimited:
                    _confirm(suspended_too)
                    raise

        return checked

    return decorate


def admin(view: View) -> View:
    """Of those who are `signed_in`, only an admin. The role is asked of the database: a token doesn't carry it."""

    @wraps(view)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if container().accounts.role(me().player_id) != "admin":
            raise Forbidden("Only an admin may do this.")
        return view(*args, **kwargs)

    return checked


def _confirm(suspended_too: bool) -> None:
    who = me()
    container().sessions.check(who.player_id, who.login_id, suspended_too=suspended_too, asked=g.asked)


def me() -> Identity:
    """Who asks, in a view that is `signed_in`."""
    identity: Identity = g.identity
    return identity
