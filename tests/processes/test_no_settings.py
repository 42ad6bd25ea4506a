"""Without settings every process refuses to start, in one line that names the variable; commands have their --help."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback

import pytest

from app.containers.url_checks import check_urls
from app.settings import BadSetting, Settings
from devstack.child import ROOT
from workers.broker import check_broker

_POSTGRES = "postgresql+psycopg://u:hush@localhost:1/d?bogus=1"
_REDIS = "redis://:hush@localhost:1/0?bogus=1"
_BROKER = "amqp://u:hush@localhost:1?bogus=1"


def _run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0", "wsgi:app"],
        ["gunicorn", "-c", "deploy/gunicorn.conf.py", "wsgi:app"],
        ["workers.relay"],
        ["celery", "-A", "workers.app", "worker"],
        ["flask", "--app", "wsgi", "run"],
        ["flask", "--app", "wsgi", "doctor"],
        ["flask", "--app", "wsgi", "db", "upgrade"],
    ],
    ids=" ".join,
)
def test_a_process_refuses_to_start_and_says_why_in_one_line(command: list[str]) -> None:
    ended = _run(*command)
    assert ended.returncode != 0
    (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if "JWT_KEYS" in line]
    assert "APP_ENV=development" in line
    assert "var/env" in line
    assert "Traceback" not in ended.stderr
    assert "change-me" not in line


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", _POSTGRES),
        ("DATABASE_URL", "postgresql+psycopg:///d?host=/run/x&prepare_threshold=5"),
        ("DATABASE_REPLICA_URLS", "postgresql://u:hush@localhost:1/d?sslmod=require"),
        ("DATABASE_URL", "postgresql://u:hush@localhost:1/d?sslmode=hush"),
        ("DATABASE_URL", "postgresql://u:hush@localhost:1/d?sslmode=disable&sslmode=require"),
        ("DATABASE_URL", "postgresql://u:hush@/d?host=a&host=b&target_session_attrs=some"),
        ("DATABASE_URL", "postgresql://u:hush@localhost:1/d?tcp_user_timeout=soon"),
        ("DATABASE_URL", "postgresql://u:hush@localhost:1/d?hostaddr=300.1.1.1"),
        ("DATABASE_URL", "postgresql://u:hush@localhost:1/d?service=hush"),
        ("DATABASE_REPLICA_URLS", "postgresql://h/d,postgresql://u:hush@localhost:1/d?channel_binding=hush"),
        ("REDIS_URL", _REDIS),
        ("REDIS_URL", "redis://:hush@localhost:1/0?protocol=9"),
        ("REDIS_URL", "redis://:hush@localhost:1/0?socket_timeout=-1"),
        ("REDIS_URL", "redis://:hush@localhost:1/0?socket_timeout=nan"),
        ("REDIS_URL", "redis://:hush@localhost:1/0?decode_responses=no"),
        ("REDIS_URL", "redis://:hush@localhost:1/0?credential_provider=hush"),
        ("REDIS_URL", "rediss://:hush@localhost:1/0?ssl_cert_reqs=hush"),
        ("REDIS_URL", "redis+cluster://:hush@localhost:1?ssl=maybe"),
        ("REDIS_URL", "redis://:hush@localhost:1/0?socket_timeout=soon"),
        ("REDIS_URL", "redis+cluster://:hush@localhost:1?bogus=1"),
        ("BROKER_URL", _BROKER),
        ("BROKER_URL", "amqp://localhost:1;amqp://u:hush@localhost:1?heartbeat=often"),
        ("BROKER_URL", "redis://:hush@localhost:1/1?bogus=1"),
        ("BROKER_URL", "amqp://u:hush@localhost:1?ssl=false"),
        ("BROKER_URL", "amqp://u:hush@localhost:1?connect_timeout=5"),
    ],
)
def test_an_option_that_the_client_of_a_url_does_not_know_is_named(name: str, url: str) -> None:
    settings = Settings.from_env({"APP_ENV": "development", name: url})
    check = check_broker if name == "BROKER_URL" else check_urls
    with pytest.raises(BadSetting, match=f"{name} has an option") as bad:
        check(settings)
    assert "hush" not in "".join(traceback.format_exception(bad.value))


@pytest.mark.parametrize(
    ("command", "name", "url"),
    [
        (["gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", "127.0.0.1:0", "wsgi:app"], "DATABASE_URL", _POSTGRES),
        (["flask", "--app", "wsgi", "doctor"], "REDIS_URL", _REDIS),
        (["celery", "-A", "workers.app", "beat"], "DATABASE_URL", _POSTGRES),
        (["workers.relay"], "BROKER_URL", _BROKER),
    ],
)
def test_it_is_one_line_at_the_start(command: list[str], name: str, url: str) -> None:
    ended = _run(*command, APP_ENV="development", WEB_WORKERS="1", **{name: url})
    assert ended.returncode != 0
    (line,) = [line for line in (ended.stdout + ended.stderr).splitlines() if name in line]
    assert "has an option that" in line
    assert "Traceback" not in ended.stderr
    assert "hush" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgresql+psycopg://u:p@h/d?sslmode=require&sslrootcert=/x&options=-c%20a=b"),
        ("database_url", "postgresql+psycopg://u:p@/d?host=a:5432&host=b:5432&target_session_attrs=read-write"),
        ("redis_url", "rediss://h:1/0?ssl_cert_reqs=none&health_check_interval=5"),
        ("redis_url", "redis+cluster://a:1,[::1]:2/?ssl=true&ssl_ca_certs=/x"),
        ("database_url", "postgresql://u:p@h/d?keepalives=1&keepalives_idle=30&hostaddr=::1&sslmode=verify-full"),
        ("database_url", "postgresql:///d?host=/run/x&port=5433"),
        ("redis_url", "redis://u:p@h:1/2?socket_timeout=2&protocol=2&client_name=fairboard&max_connections=50"),
        ("redis_url", "unix:///run/redis.sock?db=1"),
        ("broker_url", "amqp://u:p@a:1//;amqp://u:p@b:1//?heartbeat=5"),
        ("broker_url", "rediss://h:1/1?ssl_cert_reqs=required"),
    ],
)
def test_options_that_the_clients_know_are_accepted(name: str, url: str) -> None:
    settings = Settings.from_env({"APP_ENV": "development", name.upper(): url})
    check_urls(settings)
    check_broker(settings)


def test_help_needs_no_settings() -> None:
    for words in ([], ["users", "create"]):
        ended = _run("flask", "--app", "wsgi", *words, "--help")
        assert ended.returncode == 0, ended.stderr
        assert "Usage:" in ended.stdout
        assert "JWT_KEYS" not in ended.stderr


def test_no_variable_makes_a_library_log_the_settings() -> None:
    code = "import logging; logging.basicConfig(level=logging.DEBUG); import wsgi"
    env = {"PATH": os.environ["PATH"], "APP_ENV": "development", "JWT_KEYS": "a:hush", "PYDANTIC_SETTINGS_DEBUG": "1"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "hush" not in ended.stdout + ended.stderr
