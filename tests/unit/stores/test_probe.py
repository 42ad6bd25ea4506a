"""The probe of Redis tries every command that the stores send, or /readyz would be 200 while play is refused."""

from __future__ import annotations

import re
from pathlib import Path

STORES = Path(__file__).resolve().parents[3] / "app" / "stores"
SCRIPTS = STORES / "redis" / "scripts"
# Those that no script may send, and those of operators.
_NOT_PROBED = {"ASKING", "CLUSTER", "EVAL", "EVALSHA", "PING", "PUBSUB", "SCRIPT", "WAIT"}
_IN_SCRIPT = re.compile(r"redis\.p?call\('([A-Z]+)'")
_SENT = re.compile(r"""(?:\.call\(|\.write_durably\(|\[\()\s*"([A-Z]+)",""")
_METHOD = re.compile(r"(?:_client|pipeline|self\._redis)\.([a-z]+)\(")
_NO_COMMANDS = {"pipeline", "execute", "close", "infos", "info", "aclose", "disconnect"}


def _commands(text: str) -> set[str]:
    methods = {name.upper().replace("DELETE", "DEL") for name in set(_METHOD.findall(text)) - _NO_COMMANDS}
    return {*_IN_SCRIPT.findall(text), *_SENT.findall(text), *methods}


def test_the_probe_tries_every_command_of_the_stores_and_their_scripts() -> None:
    probed = set(_IN_SCRIPT.findall((SCRIPTS / "probe.lua").read_text()))
    files = [path for path in STORES.rglob("*") if path.suffix in (".py", ".lua") and path.name != "probe.lua"]
    sent = set().union(*(_commands(path.read_text()) for path in files)) - _NOT_PROBED
    assert {"MGET", "ZADD", "HGETALL"} <= sent
    assert sent <= probed
