"""The types of the settings: each accepts the text of a variable, and its error names the accepted values.

An error never repeats a value that may be secret.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from app.server_urls import split_url

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*;]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# As SQLAlchemy reads it: a password ends at the first @, and may have any other character.
_POSTGRES = re.compile(r"[^:]+://(?:[^:/]*(?::[^@]*)?@)?(?P<host>[^/?]*)")
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour)")


@dataclass(frozen=True)
class SecretKey:
    """A secret with the id by which tokens name it. The first of a list signs, all verify."""

    kid: str
    secret: str = field(repr=False)


def whole(low: int, high: int) -> BeforeValidator:
    """Accept digits alone, from `low` to `high`."""

    def parse(value: object) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", str(value)) or not low <= int(str(value)) <= high:
            raise ValueError(f"wants a whole number from {low} to {high}")
        return int(str(value))

    return BeforeValidator(parse)


def _parse_number(value: object, low: float, high: float) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", str(value)) or not low <= float(str(value)) <= high:
        raise ValueError(f"wants a number from {low:g} to {high:g}")
    return float(str(value))


def number(low: float, high: float) -> BeforeValidator:
    """Accept digits with at most one point, from `low` to `high`."""
    return BeforeValidator(lambda value: _parse_number(value, low, high))


def number_or_none(low: float, high: float) -> BeforeValidator:
    """Accept what `number` does, and `none`, which is infinity."""

    def parse(value: object) -> float:
        if value in ("none", math.inf):
            return math.inf
        try:
            return _parse_number(value, low, high)
        except ValueError as error:
            raise ValueError(f"{error}, or none") from None

    return BeforeValidator(parse)


def word(*words: str) -> AfterValidator:
    """Accept one of these words."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"wants one of {', '.join(words)}")
        return value

    return AfterValidator(check)


def url(*schemes: str) -> AfterValidator:
    """Accept a URL with one of these schemes."""

    def check(value: str) -> str:
        if value.partition(":")[0] not in schemes or "://" not in value:
            raise ValueError(f"wants a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        return value

    return AfterValidator(check)


def _parse_switch(value: object) -> object:
    if isinstance(value, str) and value not in ("on", "off"):
        raise ValueError("wants one of on, off")
    return value == "on" if isinstance(value, str) else value


def _parse_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not parts:
        raise ValueError("has commas alone: leave it empty for its default")
    return parts


def _parse_keys(value: object) -> object:
    if not isinstance(value, str):
        return value
    keys = [SecretKey(*_split_key(part.strip())) for part in value.split(",") if part.strip()]
    if not keys or len({key.kid for key in keys}) < len(keys):
        raise ValueError("wants at least one kid:secret, each kid once")
    return tuple(keys)


def _split_key(text: str) -> tuple[str, str]:
    kid, _, secret = text.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", kid) or not secret:
        raise ValueError("wants kid:secret,… with a kid of up to 32 letters, digits, '-' or '_'")
    return kid, secret


def _check_rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        raise ValueError("wants N/second, N/minute or N/hour")
    return value


def _check_redis(value: str) -> str:
    if not value.startswith("redis+cluster:"):
        _check_database(value)
        return _check_port(value)
    parts = split_url(value)
    if not all(_is_address(host.strip()) for host in parts.hosts.split(",")):
        raise ValueError("wants redis+cluster://host:port,host:port,…")
    if parts.path.strip("/") not in ("", "0"):
        raise ValueError("names a numbered database, but a cluster has only database 0")
    return value


def _check_broker(value: str) -> str:
    for part in value.split(";"):  # kombu takes several brokers so
        if part.startswith("redis"):
            _check_database(part)
        _check_port(part)
    return value


def _check_database(value: str) -> None:
    """Raise ValueError for a name of a database, in place of which redis-py takes database 0."""
    parts = split_url(value)
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    if not all(re.fullmatch("[0-9]{0,9}", name) for name in (path, *parse_qs(parts.query).get("db", ()))):
        raise ValueError("names a database of Redis that is no number")


def _check_postgres(value: str) -> str:
    match = _POSTGRES.match(value)
    assert match is not None, "it has a scheme, and every other part may be empty"
    _check_port(f"//{match['host']}")
    return value


def _check_port(value: str) -> str:
    if not _is_port_readable(value):
        raise ValueError("has a host or a port that can't be read")
    return value


def _check_key_set_place(value: str) -> str:
    """Return an address, or the path of a file, of a key set."""
    if "://" not in value:
        return value
    parts = split_url(value)
    is_plain = value.isascii() and value.isprintable() and not {" ", "#"} & set(value)
    if parts.scheme not in ("https", "http") or parts.login or not is_plain or not _is_address(parts.hosts):
        raise ValueError("wants https://host/path, without a user and a fragment, or the path of a file")
    return value


def _read_origin(value: str) -> str:
    """Return the origin as browsers write it: in lower case, without the default port."""
    origin = value.lower()
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("wants origins such as https://play.example.org, without a path and without *")
    if not origin.isascii():
        raise ValueError("wants hosts as browsers send them, such as https://xn--bcher-kva.example for bücher.example")
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], "/"))


def _is_address(host: str) -> bool:
    """Return whether this is `host` or `host:port`."""
    return _is_port_readable(f"//{host}") and bool(urlsplit(f"//{host}").hostname)


def _is_port_readable(value: str) -> bool:
    """Return whether a URL has a port to read, or none. Never raises: urlsplit's error shows a part of the text."""
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


def _name_driver(value: str) -> str:
    """Return the URL in SQLAlchemy's form, with the driver named, from any form of PostgreSQL URL."""
    return "postgresql+psycopg://" + value.split("://", 1)[1]


_List = BeforeValidator(_parse_list)
_Hidden = Field(repr=False)  # a URL may have a password
_Postgres = Annotated[
    str,
    url("postgresql", "postgres", "postgresql+psycopg"),
    AfterValidator(_name_driver),
    AfterValidator(_check_postgres),
]

Switch = Annotated[bool, BeforeValidator(_parse_switch)]
Rate = Annotated[str, AfterValidator(_check_rate)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_read_origin)], ...], _List]
Networks = Annotated[tuple[Annotated[str, AfterValidator(lambda text: str(ip_network(text)))], ...], _List]
PostgresUrl = Annotated[_Postgres, _Hidden]
PostgresUrls = Annotated[tuple[_Postgres, ...], _List, _Hidden]
RedisUrl = Annotated[str, url("redis", "rediss", "redis+cluster", "unix"), AfterValidator(_check_redis), _Hidden]
BrokerUrl = Annotated[str, url("amqp", "amqps", "redis", "rediss"), AfterValidator(_check_broker), _Hidden]
KeySetPlace = Annotated[str, AfterValidator(_check_key_set_place)]
Keys = Annotated[tuple[SecretKey, ...], BeforeValidator(_parse_keys)]
