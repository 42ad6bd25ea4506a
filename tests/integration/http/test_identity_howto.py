"""docs/howto/identity.md: its settings, its script and its commands, run in order in the test's own process."""

from __future__ import annotations

import contextlib
import io
import re
import secrets
import shlex
from pathlib import Path

import pytest

from app.containers.container import Container
from app.settings import Settings
from tests.integration.http.keyed import close, start
from tests.integration.http.test_server_howto import request_of

PAGE = (Path(__file__).resolve().parents[3] / "docs/howto/identity.md").read_text()


def _settings() -> dict[str, str]:
    """Return the page's settings, which are good in production too."""
    env = dict(re.findall(r"^ +(IDENTITY_\w+)=(.+)$", PAGE, re.MULTILINE))
    secret_keys = {f"{kind}_KEYS": f"k:{secrets.token_hex(32)}" for kind in ("JWT", "ACTION_TOKEN")}
    settings = Settings.from_env({**env, **secret_keys})
    return {name.lower(): getattr(settings, name.lower()) for name in env}


def test_the_page_can_be_followed(container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"^```python\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(script, "provider.py", "exec"), {})
    token, keys = printed.getvalue().strip(), tmp_path / "keys.json"
    server = start(container, **{**_settings(), "identity_jwks": str(keys)})
    doctor = server.app.extensions["fairboard"].doctor
    answers = []
    try:
        (check,) = doctor._identity_provider()
        assert (check.state, check.message) == ("ok", f"1 key (EdDSA) at {keys}")
        for line in re.findall(r"^   (curl .+)$", PAGE, re.MULTILINE):
            method, path, body, headers = request_of(shlex.split(line))
            assert headers["Authorization"] == "Bearer $TOKEN"
            answers.append(server.call(method, path, body, key=token))
        assert [answer.status for answer in answers] == [200, 201, 204]
        assert answers[0].data["username"] == "Ada"
        assert server.call("GET", "/me", key=token).refusal == (401, "unauthorized")
        keys.write_text("{}")
        (check,) = doctor._identity_provider()
        assert (check.state, bool(check.advice)) == ("wrong", True)
        assert "can't be read" in check.message
    finally:
        close(server)
