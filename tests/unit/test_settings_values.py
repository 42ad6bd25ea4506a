"""The exact texts that each kind of setting accepts, where they come from, and what an error shows of them."""

from __future__ import annotations

import math
import os
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import BadSetting, Settings

DEVELOPMENT = {"APP_ENV": "development"}
WHOLE_LIMITS = {
    "PORT": (1, 65535),
    "WEB_WORKERS": (1, 256),
    "TRUSTED_PROXIES": (0, 8),
    "DATABASE_POOL": (1, 1000),
    "ACCESS_TOKEN_SECONDS": (1, 86_400),
    "REFRESH_TOKEN_SECONDS": (1, 31_536_000),
    "ACTION_SECONDS": (1, 86_400),
    "CONSUMED_SECONDS": (60, 604_800),
    "MAX_ACTIVE_ACTIONS": (1, 10_000),
    "CLAIM_SECONDS": (1, 60),
    "ANTICHEAT_HALF_LIFE": (1, 31_536_000),
    "MAX_SOCKETS_PER_PLAYER": (1, 1_000_000),
    "MAX_SOCKETS_PER_ADDRESS": (1, 1_000_000),
    "MAX_WATCHERS_PER_ADDRESS": (1, 1_000_000),
    "SOCKET_BURST": (5, 1_000_000),
    "METRICS_PORT": (0, 65535),
}
NUMBER_LIMITS = {
    "BODY_SECONDS": ("0.1", "600", "0.099999"),
    "REPLICA_WAIT_SECONDS": ("0", "10", None),
    "REPLICA_LAG_SECONDS": ("0", "86400", None),
    "REDIS_TIMEOUT": ("0.05", "60", "0.049999"),
    "PING_SECONDS": ("0.1", "3600", "0.099999"),
    "SUBSCRIBE_SECONDS": ("0.1", "600", "0.099999"),
    "SLOW_SECONDS": ("0.1", "3600", "0.099999"),
    "PRESENCE_SECONDS": ("0.1", "20", "0.099999"),
    "BROADCAST_SECONDS": ("0", "1", None),
}


def _settings(**env: str) -> Settings:
    return Settings.from_env({**DEVELOPMENT, **env})


def _error(**env: str) -> str:
    with pytest.raises(BadSetting) as bad:
        _settings(**env)
    assert "\n" not in str(bad.value)
    return str(bad.value)


@pytest.mark.parametrize(("name", "limits"), WHOLE_LIMITS.items())
def test_a_whole_number_may_be_its_limit_and_not_beyond(name: str, limits: tuple[int, int]) -> None:
    low, high = limits
    for number in limits:
        value = getattr(_settings(**{name: str(number)}), name.lower())
        assert value == number
        assert isinstance(value, int)
    for number in (low - 1, high + 1):
        assert _error(**{name: str(number)}) == f"{name} wants a whole number from {low} to {high}"


@pytest.mark.parametrize(("name", "limits"), NUMBER_LIMITS.items())
def test_a_number_may_be_its_limit_and_not_beyond(name: str, limits: tuple[str, str, str | None]) -> None:
    low, high, below = limits
    for text in (low, high):
        value = getattr(_settings(**{name: text}), name.lower())
        assert value == float(text)
        assert isinstance(value, float)
    for text in filter(None, (below, "-0.1", f"{high}.000001")):
        assert _error(**{name: text}) == f"{name} wants a number from {low} to {high}"


@pytest.mark.parametrize("name", ["ANTICHEAT_FLAG", "ANTICHEAT_REJECT", "ANTICHEAT_CRITICAL"])
def test_suspicions_have_limits_too(name: str) -> None:
    for text in ("0.999999", "1000000.1"):
        assert _error(**{name: text}) == f"{name} wants a number from 1 to 1e+06"
    lowest = _settings(ANTICHEAT_FLAG="1", ANTICHEAT_REJECT="1", ANTICHEAT_CRITICAL="1000000")
    assert (lowest.anticheat_flag, lowest.anticheat_reject, lowest.anticheat_critical) == (1.0, 1.0, 1_000_000.0)


def test_the_levels_that_are_not_set_fit_those_that_are() -> None:
    usual = _settings()
    assert (usual.hold_level, usual.soft_ceiling) == (45.0, 59.0)
    low = _settings(ANTICHEAT_REJECT="40")
    assert (low.hold_level, low.soft_ceiling) == (40.0, 39.0)
    assert _settings(ANTICHEAT_FLAG="50").hold_level == 50.0
    assert _settings(ANTICHEAT_SOFT_CEILING="80").soft_ceiling == 80.0
    assert _settings(ANTICHEAT_SOFT_CEILING="none").soft_ceiling == math.inf
    for text in ("0.5", "never", "inf"):
        wanted = "ANTICHEAT_SOFT_CEILING wants a number from 1 to 1e+06, or none"
        assert _error(ANTICHEAT_SOFT_CEILING=text) == wanted
    for text in ("29", "61"):
        assert _error(ANTICHEAT_HOLD=text) == "ANTICHEAT_HOLD must be from ANTICHEAT_FLAG to ANTICHEAT_REJECT"


NO_NUMBERS = ["1e3", "1_000", "+5", "-5", "0x10", "5 5", "1,5", "nan", "inf", "yes", "on", "true", "None", "[5]", '"5"']


@pytest.mark.parametrize("text", [*NO_NUMBERS, "5.0", "5.", "0000000000005"])
def test_a_whole_number_is_digits_alone(text: str) -> None:
    assert _error(PORT=text) == "PORT wants a whole number from 1 to 65535"


@pytest.mark.parametrize("text", [*NO_NUMBERS, ".5", "5.", "0.1000001", "0000000001"])
def test_a_number_is_digits_with_one_point(text: str) -> None:
    assert _error(PING_SECONDS=text) == "PING_SECONDS wants a number from 0.1 to 3600"


@pytest.mark.parametrize("digits", ["\uff18", "\u0668", "\u096e"])
def test_digits_of_other_scripts_are_no_number(digits: str) -> None:
    assert _error(PORT=digits).startswith("PORT wants")
    assert _error(PING_SECONDS=digits).startswith("PING_SECONDS wants")
    assert _error(RATE_LIMIT_AUTH=f"1{digits}/minute").startswith("RATE_LIMIT_AUTH wants")


@pytest.mark.parametrize("text", ["1/second", "20/minute", "999999999/hour"])
def test_a_rate_is_a_count_for_a_time(text: str) -> None:
    assert _settings(RATE_LIMIT_AUTH=text).rate_limit_auth == text


@pytest.mark.parametrize("text", ["1/seconds", "01/minute", "1 /hour", "1/Minute", "1000000000/hour", "1/2minute"])
def test_anything_else_is_no_rate(text: str) -> None:
    assert _error(RATE_LIMIT_AUTH=text) == "RATE_LIMIT_AUTH wants N/second, N/minute or N/hour"


def test_a_switch_is_on_or_off_and_a_word_is_in_lower_case() -> None:
    assert _settings(QUARANTINE="on").quarantine is True
    assert _settings(QUARANTINE="off").quarantine is False
    for text in ("yes", "no", "true", "1", "0", "ON"):
        assert _error(QUARANTINE=text) == "QUARANTINE wants one of on, off"
    assert _error(LOG_LEVEL="INFO") == "LOG_LEVEL wants one of debug, info, warning, error"
    assert _error(APP_ENV="Production") == "APP_ENV wants one of development, production"


def test_lists_have_commas_and_are_no_json() -> None:
    settings = _settings(ALLOWED_ORIGINS=" https://a , ,https://b,", OPERATORS="10.0.0.0/8, ::1")
    assert settings.allowed_origins == ("https://a", "https://b")
    assert settings.operators == ("10.0.0.0/8", "::1/128")
    assert "ALLOWED_ORIGINS" in _error(ALLOWED_ORIGINS='["https://a"]')
    assert "OPERATORS" in _error(OPERATORS='["10.0.0.0/8"]')
    assert "OPERATORS" in _error(OPERATORS="10.0.0.0/8,one\ntwo")


@pytest.mark.parametrize("name", ["OPERATORS", "ALLOWED_ORIGINS", "DATABASE_REPLICA_URLS", "JWT_KEYS"])
@pytest.mark.parametrize("text", [",", " , ,", ",,"])
def test_a_list_of_nothing_is_no_list(name: str, text: str) -> None:
    assert _error(**{name: text}).startswith(f"{name} ")


def test_a_setting_is_read_in_upper_case_alone() -> None:
    assert _settings(port="1", Port="2", pORT="3").port == 8000
    assert _settings(port="eight", PORT="1").port == 1


@pytest.mark.parametrize("name", sorted({*WHOLE_LIMITS, *NUMBER_LIMITS, "HOST", "OPERATORS", "JWT_KEYS", "REDIS_URL"}))
@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_an_empty_value_is_the_default(name: str, text: str) -> None:
    assert _settings(**{name: text}) == _settings()


def test_spaces_around_a_value_do_not_count() -> None:
    settings = _settings(PORT=" 1 ", HOST="\t::1 ", REDIS_URL=" redis://r/0 ", QUARANTINE=" on", METRICS_DIR=" a b ")
    assert (settings.port, settings.host, settings.redis_url) == (1, "::1", "redis://r/0")
    assert (settings.quarantine, settings.metrics_dir) == (True, "a b")


def test_a_path_may_have_bytes_that_are_no_utf8() -> None:
    folder = os.fsdecode(b"/run/\xff")
    assert _settings(METRICS_DIR=folder).metrics_dir == folder


def test_a_mapping_takes_the_place_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("APP_ENV", "development")
    assert Settings.from_env().port == 1
    assert Settings.from_env(DEVELOPMENT).port == 8000
    assert Settings.from_env(DEVELOPMENT) == Settings(app_env="development")


def test_no_file_gives_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nport=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    assert Settings().port == 8000
    assert _settings().port == 8000


def test_variables_of_others_are_ignored() -> None:
    assert _settings(PORTS="1", MODEL_CONFIG="x", FROM_ENV="x") == _settings()


def test_the_first_invalid_setting_is_named_in_the_order_of_the_settings() -> None:
    env = {"REDIS_URL": "http://r", "JWT_KEYS": "nokid", "METRICS_PORT": "x", "PORT": "x"}
    assert _error(**env).startswith("PORT ")
    del env["PORT"]
    assert _error(**env).startswith("REDIS_URL ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql+psycopg://u:pa;ss@h:5432/d"),
        ("DATABASE_URL", "postgresql+psycopg://u:pa/ss@h/d"),
        ("DATABASE_URL", "postgresql+psycopg://u:p#a?s:s@[::1]:5432/d"),
        ("DATABASE_URL", "postgresql+psycopg:///d?host=/run/postgresql"),
        ("DATABASE_URL", "postgresql+psycopg://u:pass@/d"),
        ("REDIS_URL", "redis://u:pa;ss@h:6379/0"),
        ("REDIS_URL", "unix://u:pass@/run/redis.sock?db=1"),
        ("BROKER_URL", "amqp://u:pass@a:5672//;amqp://u:pass@b:5672//"),
    ],
)
def test_a_url_that_its_client_can_read_is_accepted_as_it_is(name: str, value: str) -> None:
    assert getattr(_settings(**{name: value}), name.lower()) == value


@pytest.mark.parametrize("name", ["REDIS_URL", "BROKER_URL"])
@pytest.mark.parametrize(
    "url",
    ["redis://h/fairboard", "redis://h/-1", "redis://h/0/1", "rediss://h/0x1", "redis://h?db=fairboard", "redis://h/٣"],
)
def test_a_database_of_redis_is_a_number(name: str, url: str) -> None:
    assert _error(**{name: url}) == f"{name} names a database of Redis that is no number"


@pytest.mark.parametrize("url", ["redis://h", "redis://h/", "redis://h/15", "redis://h?db=3", "redis://h/1?db=2"])
def test_redis_may_have_a_numbered_database(url: str) -> None:
    assert _settings(REDIS_URL=url, BROKER_URL=url).redis_url == url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Play.Example.org", "https://play.example.org"),
        ("HTTPS://play.example.org:443", "https://play.example.org"),
        ("http://play.example.org:80", "http://play.example.org"),
        ("http://play.example.org:443", "http://play.example.org:443"),
        ("https://play.example.org:8443", "https://play.example.org:8443"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert _settings(ALLOWED_ORIGINS=text).allowed_origins == (origin,)


def test_an_origin_in_letters_that_no_browser_sends_is_refused() -> None:
    assert "https://xn--bcher-kva.example" in _error(ALLOWED_ORIGINS="https://b\u00fccher.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_KEYS", "a b:hush"),
        ("JWT_KEYS", "hush"),
        ("ACTION_TOKEN_KEYS", "a:hush,a:hush2"),
        ("DATABASE_URL", "mysql://u:hush@h/d"),
        ("DATABASE_REPLICA_URLS", "postgresql://u:hush@h/d,mysql://u:hush@h/d"),
        ("REDIS_URL", "redis+cluster://u:hush@h:port"),
        ("BROKER_URL", "sqs://u:hush@h"),
        ("REDIS_URL", "redis://u:hush@h:hush"),
        ("REDIS_URL", "redis://u:hush@[h"),
        ("DATABASE_URL", "postgresql://u:hush@h:hush/d"),
        ("BROKER_URL", "amqp://u:hush@h:hush"),
    ],
)
def test_an_error_never_shows_a_secret(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as bad:
        _settings(**{name: value})
    error = bad.value
    assert str(error).startswith(f"{name} ")
    shown = [str(error), repr(error), *traceback.format_exception(error), str(error.__cause__), str(error.__context__)]
    assert not [text for text in shown if "hush" in text]


def test_the_text_of_the_settings_has_no_password() -> None:
    settings = _settings(
        DATABASE_URL="postgresql://u:hush@h/d",
        DATABASE_REPLICA_URLS="postgresql://u:hush@h/d",
        REDIS_URL="redis://:hush@h/0",
        BROKER_URL="amqp://u:hush@h//",
        JWT_KEYS="a:hush",
        ACTION_TOKEN_KEYS="a:hush",
    )
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)
    assert "port=8000" in repr(settings)


def test_settings_that_code_gives_are_checked_and_do_not_change() -> None:
    settings = Settings(port=1, operators=("::1/128",))
    assert (settings.port, settings.operators) == (1, ("::1/128",))
    with pytest.raises(ValidationError, match="wants a whole number from 1 to 65535"):
        Settings(port=0)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 2


PROVIDER = {
    "IDENTITY_ISSUER": "https://id.example",
    "IDENTITY_AUDIENCE": "game",
    "IDENTITY_JWKS": "https://id.example/keys?v=1",
}


@pytest.mark.parametrize("missing", PROVIDER)
def test_an_identity_provider_needs_all_three_settings(missing: str) -> None:
    assert _settings(**PROVIDER).identity_jwks == PROVIDER["IDENTITY_JWKS"]
    message = f"{missing}: an identity provider needs all three IDENTITY_… settings"
    assert _error(**{**PROVIDER, missing: ""}) == message


@pytest.mark.parametrize(
    "place",
    ["/etc/keys.json", "keys.json", "https://id.example", "http://[::1]:8080/keys", "https://id.example:8443/a?b=c"],
)
def test_a_key_set_is_a_file_or_an_address(place: str) -> None:
    assert _settings(**{**PROVIDER, "IDENTITY_JWKS": place}).identity_jwks == place


@pytest.mark.parametrize(
    "place",
    [
        "ftp://id.example/keys",
        "file:///etc/keys.json",
        "https://",
        "https:///keys",
        "https://user:hidden@id.example/keys",
        "https://id.example/keys#hidden",
        "https://id.example:port/keys",
        "https://id.example/two words",
        "https://id.example/\u00e4",
        "HTTPS://id.example/keys",
    ],
)
def test_no_other_address_is_a_key_set(place: str) -> None:
    message = "IDENTITY_JWKS wants https://host/path, without a user and a fragment, or the path of a file"
    assert _error(**{**PROVIDER, "IDENTITY_JWKS": place}) == message


def test_keys_come_over_tls_in_production() -> None:
    keys = {"JWT_KEYS": f"k:{'0a9b8c7d' * 8}", "ACTION_TOKEN_KEYS": f"k:{'1f2e3d4c' * 8}"}
    with pytest.raises(BadSetting, match="IDENTITY_JWKS wants https:// in production"):
        Settings.from_env({**keys, **PROVIDER, "IDENTITY_JWKS": "http://id.example/keys"})
