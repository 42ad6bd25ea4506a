"""The settings, from the environment: the only reader of os.environ. docs/configuration.md lists them all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from app.launcher_files import how_to_load
from app.secret_strength import weakness
from app.setting_types import (
    BrokerUrl,
    Keys,
    KeySetPlace,
    Networks,
    Origins,
    PostgresUrl,
    PostgresUrls,
    Rate,
    RedisUrl,
    SecretKey,
    Switch,
    number,
    number_or_none,
    whole,
    word,
)

# This machine and private networks, as in deploy/nginx/site/operators.conf.
_PRIVATE = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_DEV_SECRET = "development-only-secret-change-me"  # noqa: S105 - only an explicit APP_ENV=development takes it
_ADVICE = "give each key a random one, such as 'openssl rand -hex 32' prints"

Value = TypeVar("Value")


class BadSetting(Exception):
    """An invalid setting: one line with the variable, its error and the values it accepts."""


def _set(default: Value, help: str) -> Value:
    value: Value = Field(default, description=help)
    return value


class Settings(BaseSettings):
    """Every setting, named like its environment variable in lower case.

    `Settings()` has the defaults; only `from_env` reads variables.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, enable_decoding=False)

    app_env: Annotated[str, word("development", "production")] = _set("production", "production refuses weak secrets")
    log_level: Annotated[str, word("debug", "info", "warning", "error")] = _set("info", "lowest level logged")
    host: str = _set("127.0.0.1", "address the web process listens on")
    port: Annotated[int, whole(1, 65535)] = _set(8000, "port the web process listens on")
    web_workers: Annotated[int, whole(1, 256)] = _set(2, "web processes on the port")
    trusted_proxies: Annotated[int, whole(0, 8)] = _set(0, "proxies in front whose X-Forwarded-For counts")
    operators: Networks = _set(_PRIVATE, "networks that may read /metrics and /readyz")
    body_seconds: Annotated[float, number(0.1, 600)] = _set(10.0, "time the whole body of a request has to arrive")
    allowed_origins: Origins = _set((), "further Origins whose pages may call the API and open sockets")
    embed_ancestors: Origins = _set((), "Origins whose pages may frame /embed")

    database_url: PostgresUrl = _set("postgresql+psycopg://localhost/fairboard", "PostgreSQL primary")
    database_replica_urls: PostgresUrls = _set((), "read replicas, comma-separated")
    database_pool: Annotated[int, whole(1, 1000)] = _set(16, "most connections of one process, to each server")
    replica_wait_seconds: Annotated[float, number(0, 10)] = _set(
        0.05, "how long a read waits for a replica to catch up"
    )
    replica_lag_seconds: Annotated[float, number(0, 86_400)] = _set(5.0, "how old a replica may be for analytics")
    redis_url: RedisUrl = _set("redis://localhost:6379/0", "Redis")
    redis_timeout: Annotated[float, number(0.05, 60)] = _set(0.4, "seconds until a stalled Redis counts as down")
    broker_url: BrokerUrl = _set("redis://localhost:6379/1", "broker")

    jwt_keys: Keys = _set((SecretKey("dev", _DEV_SECRET),), "kid:secret,… for sign-in tokens")
    action_token_keys: Keys = _set((SecretKey("dev", _DEV_SECRET),), "kid:secret,… for action tokens")
    access_token_seconds: Annotated[int, whole(1, 86_400)] = _set(900, "life of an access token")
    refresh_token_seconds: Annotated[int, whole(1, 31_536_000)] = _set(2_592_000, "life of a refresh token")

    identity_issuer: str = _set("", "identity provider whose access tokens are accepted: its `iss`")
    identity_audience: str = _set("", "the `aud` that the provider's access tokens have for this server")
    identity_jwks: KeySetPlace = _set("", "the provider's keys (JWKS): https://… or a file")
    identity_name_claim: str = _set("preferred_username", "claim that proposes a new player's username")

    rename_seconds: Annotated[int, whole(0, 31_536_000)] = _set(
        86_400, "time after which a player may choose another name again"
    )
    blocked_names_file: str = _set("", "file of words that no player's name may have, one a line")

    action_seconds: Annotated[int, whole(1, 86_400)] = _set(600, "life of an action token")
    consumed_seconds: Annotated[int, whole(60, 604_800)] = _set(3600, "how long Redis remembers a consumed token")
    max_active_actions: Annotated[int, whole(1, 10_000)] = _set(10, "active actions one player may hold")
    claim_seconds: Annotated[int, whole(1, 60)] = _set(5, "lease of a redemption in flight")

    rate_limit_auth: Rate = _set("20/minute", "registrations, sign-ins and changes of an account, per address")
    rate_limit_refresh: Rate = _set("60/minute", "refresh and logout, per login")
    rate_limit_actions: Rate = _set("60/minute", "issue and complete, each, per player")
    rate_limit_reads: Rate = _set("600/minute", "reads, per address")
    rate_limit_keys: Rate = _set("6000/minute", "requests per API key, unless it has its own limit")
    rate_limit_sockets: Rate = _set("60/minute", "new sockets, per address")

    anticheat_flag: Annotated[float, number(1, 1_000_000)] = _set(30.0, "suspicion that opens a case")
    anticheat_hold: Annotated[float, number(1, 1_000_000)] = _set(45.0, "suspicion from which points are held")
    anticheat_reject: Annotated[float, number(1, 1_000_000)] = _set(60.0, "suspicion that refuses the redemption")
    anticheat_critical: Annotated[float, number(1, 1_000_000)] = _set(100.0, "suspicion that suspends the account")
    anticheat_soft_ceiling: Annotated[float, number_or_none(1, 1_000_000)] = _set(
        59.0, "suspicion up to which soft evidence counts; none: any"
    )
    anticheat_half_life: Annotated[int, whole(1, 31_536_000)] = _set(1800, "seconds in which suspicion halves")
    account_links: Switch = _set(
        True, "hashes of networks and clients are kept for 14 days to link accounts: on or off"
    )
    model_false_cases: Annotated[float, number(0.01, 100)] = _set(
        1.0, "false cases of the learned model that are expected in 1,000 player-weeks"
    )
    quarantine: Switch = _set(False, "points scored under a case are held until it is decided: on or off")
    gain_watch: Switch = _set(True, "who gains unusually much is assessed at once: on or off")
    gain_multiple: Annotated[float, number(1, 100)] = _set(
        1.3, "times the 99th percentile of a day, above which there is always a case"
    )

    ping_seconds: Annotated[float, number(0.1, 3600)] = _set(30.0, "time between pings to a subscriber")
    subscribe_seconds: Annotated[float, number(0.1, 600)] = _set(10.0, "time a new socket has to subscribe")
    slow_seconds: Annotated[float, number(0.1, 3600)] = _set(30.0, "time a subscriber may be unable to read")
    max_sockets_per_player: Annotated[int, whole(1, 1_000_000)] = _set(100, "sockets one player may have subscribed")
    max_sockets_per_address: Annotated[int, whole(1, 1_000_000)] = _set(1000, "sockets one address may have open")
    anonymous_sockets: Switch = _set(True, "sockets may watch public boards without an account: on or off")
    max_watchers_per_address: Annotated[int, whole(1, 1_000_000)] = _set(
        500, "sockets one address may have watching without an account"
    )
    socket_messages: Rate = _set("60/minute", "messages that one socket may send in the long run")
    socket_burst: Annotated[int, whole(5, 1_000_000)] = _set(30, "messages that one socket may send at once")
    presence_seconds: Annotated[float, number(0.1, 20)] = _set(15.0, "time between two signs of life of an open socket")
    broadcast_seconds: Annotated[float, number(0, 1)] = _set(0.1, "least time between two broadcasts of a board")
    webhook_private_addresses: Switch = _set(
        False, "webhooks may call private addresses, and http instead of https: on or off"
    )
    metrics_dir: str = _set("", "folder shared by this machine's processes for /metrics")
    metrics_port: Annotated[int, whole(0, 65535)] = _set(
        0, "port on which worker, relay and beat serve /metrics; 0: none"
    )
    audit_anchors: str = _set("", "file that keeps the heads of the audit log")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor alone: no environment, no file."""
        return (init_settings,)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read and check all settings. Raises BadSetting, which names the first invalid variable."""
        env = os.environ if env is None else env
        source = EnvSettingsSource(cls, case_sensitive=True)
        source.env_vars = {name: text for name in cls.model_fields if (text := env.get(name.upper(), "").strip())}
        try:
            settings = cls(**source())
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
            name, message = str(fault["loc"][0]).upper(), fault["msg"].removeprefix("Value error, ")
            raise BadSetting(f"{name} {message}") from None
        settings._check()
        return settings

    @property
    def hold_level(self) -> float:
        """Return ANTICHEAT_HOLD; its default stays within ANTICHEAT_FLAG and ANTICHEAT_REJECT."""
        if "anticheat_hold" in self.model_fields_set:
            return self.anticheat_hold
        return min(max(self.anticheat_hold, self.anticheat_flag), self.anticheat_reject)

    @property
    def soft_ceiling(self) -> float:
        """Return ANTICHEAT_SOFT_CEILING; its default stays below ANTICHEAT_REJECT."""
        if "anticheat_soft_ceiling" in self.model_fields_set:
            return self.anticheat_soft_ceiling
        return min(self.anticheat_soft_ceiling, self.anticheat_reject - 1)

    def _check(self) -> None:
        if not self.anticheat_flag <= self.anticheat_reject <= self.anticheat_critical:
            raise BadSetting("ANTICHEAT_FLAG, ANTICHEAT_REJECT and ANTICHEAT_CRITICAL must not descend")
        if not self.anticheat_flag <= self.hold_level <= self.anticheat_reject:
            raise BadSetting("ANTICHEAT_HOLD must be from ANTICHEAT_FLAG to ANTICHEAT_REJECT")
        self._check_identity()
        if self.app_env == "production":
            self._check_secrets()

    def _check_identity(self) -> None:
        names = ("identity_issuer", "identity_audience", "identity_jwks")
        unset_names = [name.upper() for name in names if not getattr(self, name)]
        if 0 < len(unset_names) < len(names):
            raise BadSetting(f"{' and '.join(unset_names)}: an identity provider needs all three IDENTITY_… settings")
        if self.app_env == "production" and self.identity_jwks.startswith("http://"):
            raise BadSetting("IDENTITY_JWKS wants https:// in production: these keys decide who gets in")

    def _check_secrets(self) -> None:
        """Refuse secrets that an attacker could know or guess. The message has the variable and the rule alone."""
        if _DEV_SECRET in (key.secret for key in (*self.jwt_keys, *self.action_token_keys)):
            loads = how_to_load()
            raise BadSetting(
                "JWT_KEYS and ACTION_TOKEN_KEYS are not set, or hold the published secret of development: "
                + (f"load the settings that the launcher wrote, with {loads}, or " if loads else "")
                + f"{_ADVICE}. To try things out on this machine alone, "
                + ("" if loads else "'make run' starts everything and writes var/env with the settings; or ")
                + "set APP_ENV=development"
            )
        names: dict[str, str] = {}
        for variable in ("jwt_keys", "action_token_keys"):
            for key in getattr(self, variable):
                name = f"key '{key.kid}' of {variable.upper()}"
                if fault := weakness(key.secret):
                    raise BadSetting(f"{variable.upper()}: the secret of key '{key.kid}' {fault}; {_ADVICE}")
                secret = min(key.secret.casefold(), key.secret.casefold()[::-1])
                if secret in names:
                    raise BadSetting(f"{name} has the same secret as {names[secret]}, or its reverse; {_ADVICE}")
                names[secret] = name


def share_metrics(settings: Settings) -> None:
    """Set the folder in which this machine's processes count together. The metrics library reads it at its import."""
    if settings.metrics_dir:
        with suppress(OSError):  # each process then counts in memory, and tries again
            Path(settings.metrics_dir).mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = settings.metrics_dir
