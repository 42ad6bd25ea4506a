"""The identity of the caller: JWTs through flask-jwt-extended, with stricter checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial, wraps
from typing import Concatenate
from uuid import UUID

import jwt.exceptions
from flask import Flask, current_app
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from app.domain import actors
from app.domain.api_keys import Scope
from app.errors import Forbidden, Unauthorized
from app.http.api_keys import presented_key
from app.http.limits import PlayerLimit, RateLimits
from app.http.present import present_environ, present_values
from app.http.services import container as container
from app.http.sign_ins import note_sign_in
from app.http.views import P, R, ViewDecorator
from app.services.accounts.accounts import Login
from app.services.accounts.entrances import Entrance
from app.services.accounts.provider_sign_ins import ProviderSignIns
from app.settings import Settings

ISSUER = "fairboard"
AUDIENCE = "fairboard-players"
_LEEWAY_SECONDS = 2  # servers' clocks differ a little
# A token whose issue time lies in the future was issued before the clock was set back. Its signature proves that it is
# ours; each request checks its expiry, with the leeway above.
_SET_BACK_SECONDS = 86_400
_VERIFIED = "fairboard.verified"
_VERIFIED_TOKENS = 10_000
_COUNT_SIGN_UP = "fairboard.count_sign_up"


@dataclass(frozen=True, slots=True)
class Identity:
    """The player and login of a verified token; times are in Unix seconds.

    `token_id` is the token's own id; that of an identity provider's token is its login's.
    """

    player_id: UUID
    login_id: UUID
    token_id: UUID
    expires_at: float
    issued_at: float


def register(app: Flask, settings: Settings, limits: RateLimits) -> None:
    """Give the app its JWT keys: the first key signs, all keys verify, by the key id in the token's header.

    Players whom an identity provider's tokens create count against the limit of registrations.
    """
    app.extensions[_COUNT_SIGN_UP] = limits.count_sign_up
    secrets = {key.kid: key.secret for key in settings.jwt_keys}
    app.config.update(
        JWT_ALGORITHM="HS256",
        JWT_DECODE_ALGORITHMS=["HS256"],
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_AUDIENCE=AUDIENCE,
        JWT_COOKIE_CSRF_PROTECT=False,  # we use no cookies, so tokens need no csrf claim
        JWT_DECODE_LEEWAY=_SET_BACK_SECONDS,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.access_token_seconds),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=settings.refresh_token_seconds),
    )
    # A valid signature stays valid: a player's next requests need only the clock and Redis.
    app.extensions[_VERIFIED] = lru_cache(_VERIFIED_TOKENS)(_verify)
    manager = JWTManager(app)
    manager.encode_key_loader(lambda identity: settings.jwt_keys[0].secret)

    @manager.decode_key_loader
    def key_of(header: Mapping[str, object], payload: Mapping[str, object]) -> str:
        kid = header.get("kid")
        secret = secrets.get(kid) if isinstance(kid, str) else None
        if secret is None:
            raise Unauthorized("The token is not valid. Sign in again.")
        return secret


def tokens_for(login: Login) -> dict[str, object]:
    """Return the API's pair of access and refresh token for a login."""
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


def login_data(login: Login) -> dict[str, object]:
    """Return the API's answer to a sign-in: the user, and the tokens."""
    player = login.player
    user = {"user_id": str(player.id), "username": player.username, "role": player.role, "status": player.status}
    return {"user": user, **tokens_for(login)}


def identity_of(authorization: str | None, *, kind: str = "access") -> Identity:
    """Return the identity that `Bearer <token>` proves, even if the login has ended. Raises Unauthorized."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(f"Send a valid {kind} token as 'Authorization: Bearer …'." if kind != "access" else None)
    if presented_key(authorization):
        raise Unauthorized("An API key is no player. Send a player's access token here.")
    token = token.strip()
    provider = container().provider_sign_ins
    if provider is not None and provider.recognises(token):
        return _identity_at(provider, token, kind)
    verified: tuple[str, Identity] = current_app.extensions[_VERIFIED](token)
    token_kind, identity = verified
    now = time.time()
    if now >= identity.expires_at + _LEEWAY_SECONDS:
        raise Unauthorized("The token has expired. Refresh it or sign in again.")
    if identity.issued_at > now + _SET_BACK_SECONDS:  # it was verified before the clock was set back that far
        raise Unauthorized("The token is not valid. Sign in again.")
    if token_kind != kind:
        raise Unauthorized(f"Send the {kind} token here.")
    return identity


def _identity_at(provider: ProviderSignIns, token: str, kind: str) -> Identity:
    """Return the identity of an identity provider's access token; the player is created at first sight.

    Raises Unauthorized, RateLimited.
    """
    if kind != "access":
        raise Unauthorized("This token is of an identity provider, which renews it. Send the refresh token here.")
    login = provider.sign_in(token, current_app.extensions[_COUNT_SIGN_UP])
    if login.is_new:
        note_sign_in(login.player_id)
    return Identity(login.player_id, login.login_id, login.login_id, login.expires_at, login.issued_at)


def _verify(token: str) -> tuple[str, Identity]:
    """Return the kind of a token and its identity. Raises Unauthorized."""
    try:
        claims = decode_token(token)
        player_id, login_id, token_id = (UUID(claims[name]) for name in ("sub", "fam", "jti"))
        identity = Identity(player_id, login_id, token_id, float(claims["exp"]), float(claims["iat"]))
        return str(claims["type"]), identity
    except jwt.exceptions.ExpiredSignatureError:
        raise Unauthorized("The token has expired. Refresh it or sign in again.") from None
    except (jwt.exceptions.PyJWTError, JWTExtendedException, KeyError, TypeError, ValueError, AttributeError):
        raise Unauthorized("The token is not valid. Sign in again.") from None


def signed_in(
    *, kind: str = "access", may_be_suspended: bool = False, limit: PlayerLimit | None = None
) -> ViewDecorator:
    """Require a signed-in player, whose identity `me()` returns from then on. This check comes before all others.

    With a `limit` per player, one round trip to Redis serves both checks; 401 and 403 still come before 429.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            identity = identity_of(present_environ().get("HTTP_AUTHORIZATION"), kind=kind)
            present_values().identity = identity
            sessions, login = container().sessions, (identity.player_id, identity.login_id)
            if limit is None:
                sessions.check(*login, may_be_suspended=may_be_suspended)
            else:
                count = sessions.admit(limit.gate(*login), may_be_suspended=may_be_suspended)
                limit.check(count, *login)
            return view(*args, **kwargs)

        return checked

    return decorate


def entering(limit: PlayerLimit) -> Callable[[Callable[Concatenate[Entrance, P], R]], Callable[P, R]]:
    """Require a signed-in player. The view admits the request, by its first argument, in the round trip of a script."""

    def decorate(view: Callable[Concatenate[Entrance, P], R]) -> Callable[P, R]:
        @wraps(view)
        def entered(*args: P.args, **kwargs: P.kwargs) -> R:
            identity = identity_of(present_environ().get("HTTP_AUTHORIZATION"))
            present_values().identity = identity
            login = identity.player_id, identity.login_id
            check_count = partial(limit.check, player_id=identity.player_id, login_id=identity.login_id)
            return view(Entrance(container().sessions, limit.gate(*login), check_count), *args, **kwargs)

        return entered

    return decorate


def admin(view: Callable[P, R]) -> Callable[P, R]:
    """Require an admin, in a view that is `signed_in`. The role comes from the database: a token doesn't carry it."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if container().accounts.role(me().player_id) != "admin":
            raise Forbidden("Only an admin may do this.")
        return view(*args, **kwargs)

    return checked


def operated(limits: RateLimits, scope: Scope = "admin") -> ViewDecorator:
    """Require an admin, or an API key with the scope `admin` or this one; `actor` returns its name from then on."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        by_admin = signed_in()(limits.reads(admin(view)))
        by_key = keyed(limits, scope, "admin")(view)

        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            is_key = presented_key(present_environ().get("HTTP_AUTHORIZATION")) is not None
            return by_key(*args, **kwargs) if is_key else by_admin(*args, **kwargs)

        return checked

    return decorate


def keyed(limits: RateLimits, scope: Scope, *more_scopes: Scope) -> ViewDecorator:
    """Require an API key with one of these scopes, and count the request against its limit.

    A refusal names the first scope, for a signed-in player too: 403 forbidden.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            key = limits.keys.proved()
            if key is None:
                identity = identity_of(present_environ().get("HTTP_AUTHORIZATION"))
                container().sessions.check(identity.player_id, identity.login_id)
            elif key.may(scope, *more_scopes):
                limits.keys.count(key)
                return view(*args, **kwargs)
            raise Forbidden(f"This needs an API key with the scope '{scope}'.", details={"scope": scope})

        return checked

    return decorate


def actor() -> str:
    """Return the caller's name for the audit log, in a view that is `operated`."""
    key = present_values().get("api_key")
    return actors.key(key.id) if key else actors.admin(me().player_id)


def me() -> Identity:
    """Return the caller's identity, in a view that is `signed_in`."""
    identity: Identity = present_values().identity
    return identity
