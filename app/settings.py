"""The settings, from the environment: the only reader of os.environ. docs/configuration.md lists them all."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from app.launcher_files import how_to_load
from app.secret_strength import weakness
from app.server_urls import split_url

_RATE = re.compile(r"([1-9]\d{0,8})/(second|minute|hour)")
# This machine and private networks, as in deploy/nginx/site/operators.conf.
_PRIVATE = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_DEV_SECRET = "development-only-secret-change-me"  # noqa: S105 - only an explicit APP_ENV=development takes it
_ADVICE = "give each key a random one, such as 'openssl rand -hex 32' prints"

Value = TypeVar("Value")


class BadSetting(Exception):
    """An invalid setting: one line with the variable, its error and the values it accepts."""


@dataclass(frozen=True)
class SecretKey:
    """A secret with the id by which tokens name it. The first of a list signs, all verify."""

    kid: str
    secret: str = field(repr=False)


def _text(value: str) -> str:
    return value


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _networks(value: str) -> tuple[str, ...]:
    return tuple(str(ip_network(part)) for part in _list(value))


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,12}", value) or not low <= int(value) <= high:
            raise ValueError(f"wants a whole number from {low} to {high}")
        return int(value)

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value) or not low <= float(value) <= high:
            raise ValueError(f"wants a number from {low:g} to {high:g}")
        return float(value)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"wants one of {', '.join(words)}")
        return value

    return parse


def _switch(value: str) -> bool:
    return _one_of("on", "off")(value) == "on"


def _is_address(host: str) -> bool:
    """Return whether this is `host` or `host:port`. Never raises: urlsplit's error shows the text, maybe a password."""
    try:
        parts = urlsplit(f"//{host}")
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.partition(":")[0] not in schemes or "://" not in value:
            raise ValueError(f"wants a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        return value

    return parse


def _redis(value: str) -> str:
    url = _url("redis", "rediss", "redis+cluster", "unix")(value)
    if url.startswith("redis+cluster:"):
        parts = split_url(url)
        for host in parts.hosts.split(","):
            if not _is_address(host.strip()):
                raise ValueError("wants redis+cluster://host:port,host:port,…")
        if parts.path.strip("/") not in ("", "0"):
            raise ValueError("names a numbered database, but a cluster has only database 0")
    return url


def _postgres(value: str) -> str:
    """Return the URL in SQLAlchemy's form, with the driver named, from any form of PostgreSQL URL."""
    url = _url("postgresql", "postgres", "postgresql+psycopg")(value)
    return "postgresql+psycopg://" + url.split("://", 1)[1]


def _postgres_list(value: str) -> tuple[str, ...]:
    return tuple(_postgres(part) for part in _list(value))


def _rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        raise ValueError("wants N/second, N/minute or N/hour")
    return value


def _keys(value: str) -> tuple[SecretKey, ...]:
    keys = []
    for part in _list(value):
        kid, colon, secret = part.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", kid) or not secret:
            raise ValueError("wants kid:secret,… with a kid of up to 32 letters, digits, '-' or '_'")
        keys.append(SecretKey(kid, secret))
    if not keys or len({key.kid for key in keys}) < len(keys):
        raise ValueError("wants at least one kid:secret, each kid once")
    return tuple(keys)


def _set(default: Value, parse: Callable[[str], Value], help: str) -> Value:
    return field(default=default, metadata={"parse": parse, "help": help})


@dataclass(frozen=True)
class Settings:
    """Every setting, named like its environment variable in lower case."""

    app_env: str = _set("production", _one_of("development", "production"), "production refuses weak secrets")
    log_level: str = _set("info", _one_of("debug", "info", "warning", "error"), "lowest level logged")
    host: str = _set("127.0.0.1", _text, "address the web process listens on")
    port: int = _set(8000, _whole(1, 65535), "port the web process listens on")
    web_workers: int = _set(2, _whole(1, 256), "web processes on the port")
    trusted_proxies: int = _set(0, _whole(0, 8), "proxies in front whose X-Forwarded-For counts")
    operators: tuple[str, ...] = _set(_PRIVATE, _networks, "networks that may read /metrics and /readyz")
    body_seconds: float = _set(10.0, _number(0.1, 600), "time the whole body of a request has to arrive")
    allowed_origins: tuple[str, ...] = _set((), _list, "further Origins that may open a socket; its own always may")

    database_url: str = _set("postgresql+psycopg://localhost/fairboard", _postgres, "PostgreSQL primary")
    database_replica_urls: tuple[str, ...] = _set((), _postgres_list, "read replicas, comma-separated")
    database_pool: int = _set(16, _whole(1, 1000), "most connections of one process, to each server")
    replica_wait_seconds: float = _set(0.05, _number(0, 10), "how long a read waits for a replica to catch up")
    replica_lag_seconds: float = _set(5.0, _number(0, 86_400), "how old a replica may be for analytics")
    redis_url: str = _set("redis://localhost:6379/0", _redis, "Redis")
    redis_timeout: float = _set(0.4, _number(0.05, 60), "seconds until a stalled Redis counts as down")
    broker_url: str = _set("redis://localhost:6379/1", _url("amqp", "amqps", "redis", "rediss"), "broker")

    jwt_keys: tuple[SecretKey, ...] = _set((SecretKey("dev", _DEV_SECRET),), _keys, "kid:secret,… for sign-in tokens")
    action_token_keys: tuple[SecretKey, ...] = _set(
        (SecretKey("dev", _DEV_SECRET),), _keys, "kid:secret,… for action tokens"
    )
    access_token_seconds: int = _set(900, _whole(1, 86_400), "life of an access token")
    refresh_token_seconds: int = _set(2_592_000, _whole(1, 31_536_000), "life of a refresh token")

    action_seconds: int = _set(600, _whole(1, 86_400), "life of an action token")
    consumed_seconds: int = _set(3600, _whole(60, 604_800), "how long Redis remembers a consumed token")
    max_active_actions: int = _set(10, _whole(1, 10_000), "active actions one player may hold")
    claim_seconds: int = _set(5, _whole(1, 60), "lease of a redemption in flight")

    rate_limit_auth: str = _set("20/minute", _rate, "register and login, per address")
    rate_limit_refresh: str = _set("60/minute", _rate, "refresh and logout, per login")
    rate_limit_actions: str = _set("60/minute", _rate, "issue and complete, each, per player")
    rate_limit_reads: str = _set("600/minute", _rate, "reads, per address")
    rate_limit_sockets: str = _set("60/minute", _rate, "new sockets, per address")

    anticheat_flag: float = _set(30.0, _number(1, 1_000_000), "suspicion that opens a case")
    anticheat_reject: float = _set(60.0, _number(1, 1_000_000), "suspicion that refuses the redemption")
    anticheat_critical: float = _set(100.0, _number(1, 1_000_000), "suspicion that suspends the account")
    anticheat_half_life: int = _set(1800, _whole(1, 31_536_000), "seconds in which suspicion halves")
    quarantine: bool = _set(False, _switch, "points scored under a case are held until it is decided: on or off")

    ping_seconds: float = _set(30.0, _number(0.1, 3600), "time between pings to a subscriber")
    subscribe_seconds: float = _set(10.0, _number(0.1, 600), "time a new socket has to subscribe")
    slow_seconds: float = _set(30.0, _number(0.1, 3600), "time a subscriber may be unable to read")
    max_sockets_per_player: int = _set(100, _whole(1, 1_000_000), "sockets one player may have subscribed")
    max_sockets_per_address: int = _set(1000, _whole(1, 1_000_000), "sockets one address may have open")
    socket_messages: str = _set("60/minute", _rate, "messages that one socket may send in the long run")
    socket_burst: int = _set(30, _whole(5, 1_000_000), "messages that one socket may send at once")
    presence_seconds: float = _set(15.0, _number(0.1, 20), "time between two signs of life of an open socket")
    broadcast_seconds: float = _set(0.1, _number(0, 1), "least time between two broadcasts of a board")
    metrics_dir: str = _set("", _text, "folder shared by this machine's processes for /metrics")
    metrics_port: int = _set(0, _whole(0, 65535), "port on which worker, relay and beat serve /metrics; 0: none")
    audit_anchors: str = _set("", _text, "file that keeps the heads of the audit log")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read and check all settings. Raises BadSetting, which names the first invalid variable."""
        env = os.environ if env is None else env
        values = {}
        for setting in fields(cls):
            name = setting.name.upper()
            raw = env.get(name, "").strip()
            if not raw:
                continue
            try:
                values[setting.name] = setting.metadata["parse"](raw)
            except ValueError as error:
                raise BadSetting(f"{name} {error}") from None
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        if not self.anticheat_flag <= self.anticheat_reject <= self.anticheat_critical:
            raise BadSetting("ANTICHEAT_FLAG, ANTICHEAT_REJECT and ANTICHEAT_CRITICAL must not descend")
        if self.app_env == "production":
            self._check_secrets()

    def _check_secrets(self) -> None:
        """Refuse secrets that an attacker could know or guess. The message has the variable and the rule alone."""
        if _DEV_SECRET in (key.secret for key in (*self.jwt_keys, *self.action_token_keys)):
            loads = how_to_load()
            raise BadSetting(
                "JWT_KEYS and ACTION_TOKEN_KEYS are not set, or hold the published secret of development: "
                + (f"load the settings that the launcher wrote, with {loads}, or " if loads else "")
                + f"{_ADVICE}. To try things out on this machine alone, set APP_ENV=development"
            )
        names: dict[str, str] = {}
        for variable in ("jwt_keys", "action_token_keys"):
            for key in getattr(self, variable):
                name = f"key '{key.kid}' of {variable.upper()}"
                if fault := weakness(key.secret):
                    raise BadSetting(f"{variable.upper()}: the secret of key '{key.kid}' {fault}; {_ADVICE}")
                secret = key.secret.casefold()
                if secret in names:
                    raise BadSetting(f"{name} has the same secret as {names[secret]}; {_ADVICE}")
                names[secret] = name


# Variables of libraries that would override a setting in one process and not in the next, or change the output of a
# PostgreSQL session. Variables that only fill gaps in DATABASE_URL, such as PGPASSFILE and PGSSLROOTCERT, may stay.
_OVERRIDING = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER_READ_URL",
    "CELERY_BROKER_WRITE_URL",
    "CELERY_RESULT_BACKEND",
    "FLASK_DEBUG",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGGEQO",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGTARGETSESSIONATTRS",
    "PGTZ",
    "PYTHONSAFEPATH",  # it would keep a child process from finding the project
)


def drop_overriding_variables() -> None:
    """Remove variables that would override a setting from the environment. Call it before the first connection."""
    # An interpreter that ignores Python's own variables (-I) would pass them on to its child processes.
    ignored = [name for name in os.environ if name.startswith("PYTHON")] if sys.flags.ignore_environment else []
    for name in (*_OVERRIDING, *ignored):
        os.environ.pop(name, None)


def share_metrics(settings: Settings) -> None:
    """Set the folder in which this machine's processes count together. The metrics library reads it at its import."""
    if settings.metrics_dir:
        with suppress(OSError):  # each process then counts in memory, and tries again
            Path(settings.metrics_dir).mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = settings.metrics_dir
