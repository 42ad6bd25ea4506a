"""Settings name an invalid variable in one line."""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
import uuid
from collections.abc import Callable

import pytest

from app.secret_strength import weakness
from app.settings import _DEV_SECRET, BadSetting, Settings

DEVELOPMENT = {"APP_ENV": "development"}
GOOD = {"JWT_KEYS": f"a:{secrets.token_hex(32)}", "ACTION_TOKEN_KEYS": f"b:{secrets.token_hex(32)}"}


def test_development_gives_the_defaults_where_it_is_asked_for() -> None:
    assert Settings.from_env(DEVELOPMENT) == Settings(app_env="development")


def test_the_first_key_signs_and_all_are_kept_in_order() -> None:
    keys = Settings.from_env({**DEVELOPMENT, "JWT_KEYS": "new:secret-1, old:secret-2"}).jwt_keys
    assert [(key.kid, key.secret) for key in keys] == [("new", "secret-1"), ("old", "secret-2")]


def test_a_secret_is_not_in_the_text_of_the_settings() -> None:
    assert "hush-hush" not in repr(Settings.from_env({**DEVELOPMENT, "JWT_KEYS": "a:hush-hush"}))


@pytest.mark.parametrize("url", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"])
def test_every_spelling_of_a_postgresql_url_names_the_driver(url: str) -> None:
    assert Settings.from_env({**DEVELOPMENT, "DATABASE_URL": url}).database_url == "postgresql+psycopg://u@h/d"


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
        ("BROKER_URL", "amqp://x:y"),
        ("BROKER_URL", "amqp://x:1;amqp://x:0"),
        ("REDIS_URL", "redis://h:x/0"),
        ("REDIS_URL", "redis://h:99999/0"),
        ("DATABASE_URL", "postgresql://h:x/d"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://a,b.example"),
        ("ALLOWED_ORIGINS", "https://a/page"),
        ("ALLOWED_ORIGINS", "null"),
        ("ALLOWED_ORIGINS", "https://a;b"),
        ("EMBED_ANCESTORS", "*"),
        ("EMBED_ANCESTORS", "https://a/page"),
        ("EMBED_ANCESTORS", "https://a;script-src"),
        ("ANONYMOUS_SOCKETS", "yes"),
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
        Settings.from_env({**DEVELOPMENT, name: value})
    assert name in str(bad.value)
    assert "\n" not in str(bad.value)


def _refusal(**env: str) -> str:
    """Return the error about settings, and assert that it shows no part of a secret."""
    with pytest.raises(BadSetting) as bad:
        Settings.from_env(env)
    words = str(bad.value)
    assert "\n" not in words
    for part in ",".join(value for name, value in env.items() if name.endswith("_KEYS")).split(","):
        assert not part or part.partition(":")[2] not in words
    return words


def test_production_is_what_no_app_env_means_and_starts_with_random_secrets() -> None:
    assert Settings.from_env(GOOD).app_env == "production"
    assert Settings.from_env({**GOOD, "APP_ENV": ""}).app_env == "production"


@pytest.mark.parametrize("name", ["JWT_KEYS", "ACTION_TOKEN_KEYS"])
def test_nothing_starts_on_the_published_secret_unless_development_is_asked_for(name: str) -> None:
    published = "development-only-secret-change-me"
    for keys in ("", f"dev:{published}", f"x:{secrets.token_hex(32)},old:{published}"):
        for env in ({}, {"APP_ENV": ""}, {"APP_ENV": " "}, {"APP_ENV": "production"}):
            words = _refusal(**{**GOOD, **env, name: keys})
            assert name in words
            assert "APP_ENV=development" in words
        assert Settings.from_env({**GOOD, **DEVELOPMENT, name: keys}).app_env == "development"


WEAK = {
    "short": secrets.token_hex(15),
    "one character": "a" * 64,
    "digits again and again": "12345678" * 8,
    "ten digits": "1234567890" * 4,
    "changeme": "changeme" * 5,
    "an example text": "change-me-to-a-long-random-string-please",
    "the words of an example": "your-256-bit-secret-goes-here-please!",
    "the alphabet": "abcdefghijklmnopqrstuvwxyz0123456789",
    "keyboard rows": "qwertyuiopasdfghjklzxcvbnm1234567890",
    "a phrase": "my-super-secret-jwt-signing-key-for-production",
    "words in camel case": "ThisIsAVeryLongSecretKeyThatNobodyWillGuess2026!",
    "one random part twice": secrets.token_hex(8) * 4,
    "hexadecimal in order": "0123456789abcdef" * 4,
    "zero ids": "00000000-0000-0000-0000-000000000001" * 2,
    "ours with a tail": "development-only-secret-change-me-2",
    "glued words with digits for letters": "P4ssw0rd!P@ssword1Secret#2024Admin",
    "letters and digits in turns": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0",
    "digits and letters in turns": "1A2B3C4D5E6F7G8H9I0J1K2L3M4N5O6P7Q8R9S0T",
    "two keyboard rows in turns": "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9",
    "columns of the keyboard": "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "numbers in hexadecimal": bytes(range(32)).hex(),
    "words backwards": "yek-gningis-twj-terces-repus-ym-noitcudorp",
    "words in base64": base64.b64encode(b"my-super-secret-jwt-signing-key").decode(),
    "words in base64 for URLs": base64.urlsafe_b64encode(b"Passwords??? Secrets>>> fairboard").decode().rstrip("="),
    "words in hexadecimal": b"my-super-secret-jwt-signing-key".hex(),
    "words in base64 of hexadecimal": base64.b64encode(b"changeme-please-changeme".hex().encode()).decode(),
    "the MD5 of a word": hashlib.md5(b"secret", usedforsecurity=False).hexdigest(),
    "the SHA-1 of a word": hashlib.sha1(b"fairboard", usedforsecurity=False).hexdigest().upper(),
    "the SHA-256 of a word": hashlib.sha256(b"changeme").hexdigest(),
    "the SHA-256 of our secret of development": hashlib.sha256(_DEV_SECRET.encode()).hexdigest(),
    "the MD5 of a digit": hashlib.md5(b"7", usedforsecurity=False).hexdigest(),
    "the SHA-256 of a line": hashlib.sha256(b"password\n").hexdigest(),
    "the half of a SHA-512": hashlib.sha512(b"Admin123").hexdigest()[:64],
    "a hash in base64": base64.b64encode(hashlib.sha256(b"test").digest()).decode(),
    "the SHA-256 of nothing": hashlib.sha256(b"").hexdigest(),
    "the SHA-512 of an empty line in base64": base64.b64encode(hashlib.sha512(b"\n").digest()).decode(),
    "the SHA3 of a word": hashlib.sha3_256(b"secret").hexdigest(),
    "the BLAKE2 of a word": hashlib.blake2b(b"password\n").hexdigest(),
    "the key in FastAPI's documentation": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "the key in Flask's documentation": "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "the key in RFC 7515": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "the digits of pi": "3.14159265358979323846264338327950288419716939937510",
    "the digits of e from the hundredth on": "27427466391932003059921817413596629043572900334295",
    "the digits of the square root of 2 backwards": "1414213562373095048801688724209698078569671875"[::-1],
    "the golden ratio in hexadecimal": "9e3779b97f4a7c15f39cc0605cedc834",
    "pi in hexadecimal, in base64": base64.b64encode(
        bytes.fromhex("243f6a8885a308d313198a2e03707344a4093822299f31d0")
    ).decode(),
    "numbers in base64": base64.b64encode(bytes(range(32))).decode(),
    "the squares": "0149162536496481100121144169196225256289",
    "the beginning of SHA-256": "6A09E667-BB67AE85-3C6EF372-A54FF53A",
    "the namespace of a UUID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "Fibonacci's numbers": "011235813213455891442333776109871597258441816765",
    "Fibonacci's numbers from 144 on": "144 233 377 610 987 1597 2584 4181 6765 10946",
    "Lucas' numbers": "2134711182947761231993225218431364",
    "the primes": "2357111317192329313741434753596167717379838997",
    "the cubes": "018276412521634351272910001331172821972744",
    "the powers of three": "1392781243729218765611968359049177147",
    "the triangular numbers": "013610152128364555667891105120136153171190",
    "the factorials": "1-2-6-24-120-720-5040-40320-362880-3628800-39916800",
    "the key of a new Django project": "django-insecure-4)c8^zq&n1v$0m!k7x=p@w2j5h_9dtr-3gy6b8f#uel+so",
    "a random key that is to be changed": "CHANGE_ME_8d1f0c93b7e24a5f9c60e1d27a83b4f5",
    "a random key of an example": "example:9f2b6d0c4e8a17355cb1f0a9d3e7642b",
    "a random key that says what it is not": "not-secret-b3f97c0a5e1d48268f0c7b9a2d4e6153",
    "the MD5 of a run of digits": hashlib.md5(b"123456789", usedforsecurity=False).hexdigest(),
    "a placeholder text": "LoremIpsumDolorSitAmetConsecteturAdipiscing",
    "a time and words": "2026-11-27T20:44:00Z-fairboard-production-key",
    "the example of a UUID": "550e8400-e29b-41d4-a716-446655440000",
    "words with signs for letters": "H3lloW0rld!Th1sIsMyS3cr3tK3yF0rJwt!",
}


@pytest.mark.parametrize("kind", WEAK)
@pytest.mark.parametrize("name", ["JWT_KEYS", "ACTION_TOKEN_KEYS"])
def test_production_refuses_a_secret_that_can_be_guessed(name: str, kind: str) -> None:
    for keys in (f"old:{WEAK[kind]}", f"new:{secrets.token_hex(32)},old:{WEAK[kind]}"):
        words = _refusal(**{**GOOD, name: keys})
        assert name in words
        assert "'old'" in words


RANDOM = random.Random(20)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RANDOM.randbytes(32).hex(),
        lambda: RANDOM.randbytes(32).hex().upper(),
        lambda: RANDOM.randbytes(16).hex(),
        lambda: base64.b64encode(RANDOM.randbytes(32)).decode(),
        lambda: base64.urlsafe_b64encode(RANDOM.randbytes(32)).decode(),
        lambda: "-".join(str(uuid.UUID(bytes=RANDOM.randbytes(16), version=4)) for _ in range(2)),
    ],
)
def test_production_takes_what_random_generators_print(make: Callable[[], str]) -> None:
    assert Settings.from_env({**GOOD, "JWT_KEYS": f"a:{make()}"}).jwt_keys
    assert not any(weakness(make()) for _ in range(2000))


def test_production_refuses_one_secret_in_two_places() -> None:
    secret = secrets.token_hex(32)
    for keys in (
        {"JWT_KEYS": f"a:{secret}", "ACTION_TOKEN_KEYS": f"a:{secret}"},
        {"JWT_KEYS": f"a:{secret}", "ACTION_TOKEN_KEYS": f"b:{secrets.token_hex(32)},c:{secret}"},
        {**GOOD, "JWT_KEYS": f"a:{secret},b:{secret}"},
        {**GOOD, "JWT_KEYS": f"a:{secret},b:{secret.upper()}"},
        {"JWT_KEYS": f"a:{secret}", "ACTION_TOKEN_KEYS": f"a:{secret[::-1]}"},
        {"JWT_KEYS": f"a:{secret[::-1].upper()}", "ACTION_TOKEN_KEYS": f"a:{secret}"},
    ):
        assert "same secret" in _refusal(**keys)


@pytest.mark.parametrize(
    "url", ["redis+cluster://:pass/word@a:7000", "redis+cluster://u:hush@a:hush", "hush://u:hush@h"]
)
def test_a_url_that_makes_no_sense_is_not_shown(url: str) -> None:
    with pytest.raises(BadSetting) as bad:
        Settings.from_env({**DEVELOPMENT, "REDIS_URL": url})
    assert not [part for part in ("pass", "word", "hush") if part in str(bad.value)]
