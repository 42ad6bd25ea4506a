"""Settings say in one line which variable makes no sense."""

from __future__ import annotations

import pytest

from app.settings import BadSetting, Settings

GOOD = {"APP_ENV": "production", "JWT_KEYS": "a:" + "x" * 32, "ACTION_TOKEN_KEYS": "b:" + "y" * 32}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_the_first_key_signs_and_all_are_kept_in_order() -> None:
    keys = Settings.from_env({"JWT_KEYS": "new:secret-1, old:secret-2"}).jwt_keys
    assert [(key.kid, key.secret) for key in keys] == [("new", "secret-1"), ("old", "secret-2")]


def test_a_secret_is_not_in_the_text_of_the_settings() -> None:
    assert "hush-hush" not in repr(Settings.from_env({"JWT_KEYS": "a:hush-hush"}))


@pytest.mark.parametrize("url", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"])
def test_every_spelling_of_a_postgresql_url_names_the_driver(url: str) -> None:
    assert Settings.from_env({"DATABASE_URL": url}).database_url == "postgresql+psycopg://u@h/d"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eight"),
        ("APP_ENV", "staging"),
        ("DATABASE_URL", "mysql://u@h/d"),
        ("DATABASE_REPLICA_URLS", "postgresql://a/d,redis://b"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis+cluster://"),
        ("REDIS_URL", "redis+cluster://a:7000,,b:7001"),
        ("REDIS_URL", "redis+cluster://a:seven"),
        ("REDIS_URL", "redis+cluster://a:7000/3"),
        ("BROKER_URL", "sqs://"),
        ("RATE_LIMIT_AUTH", "20"),
        ("RATE_LIMIT_READS", "0/minute"),
        ("RATE_LIMIT_ACTIONS", "5/day"),
        ("JWT_KEYS", "nokid"),
        ("JWT_KEYS", "a:1,a:2"),
        ("ACTION_TOKEN_KEYS", "a b:secret"),
        ("PING_SECONDS", "-1"),
        ("MAX_ACTIVE_ACTIONS", "ten"),
        ("ANTICHEAT_FLAG", "61"),
        ("OPERATORS", "prometheus"),
        ("OPERATORS", "10.1.2.3/8"),
        ("BODY_SECONDS", "0"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as bad:
        Settings.from_env({name: value})
    assert name in str(bad.value)
    assert "\n" not in str(bad.value)


def test_production_starts_with_secrets_of_its_own() -> None:
    assert Settings.from_env(GOOD).app_env == "production"


@pytest.mark.parametrize("name", ["JWT_KEYS", "ACTION_TOKEN_KEYS"])
@pytest.mark.parametrize("value", ["", "a:short", "a:" + "x" * 40 + ",b:short"])
def test_production_refuses_a_default_or_short_secret_without_showing_it(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as bad:
        Settings.from_env({**GOOD, name: value})
    assert name in str(bad.value)
    assert "a:short" not in str(bad.value)


def test_production_refuses_the_same_keys_for_both_kinds_of_token() -> None:
    with pytest.raises(BadSetting, match="must not be the same"):
        Settings.from_env({**GOOD, "ACTION_TOKEN_KEYS": GOOD["JWT_KEYS"]})
