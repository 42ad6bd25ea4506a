"""docs/howto/webhooks.md: its receiver and its relay take real deliveries of the commands that it gives."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.domain.boards import MAIN
from app.domain.redemption import RedemptionRequest
from tests.integration.cli.conftest import runner
from tests.integration.webhooks.conftest import Hooks
from tests.parts.guides import blocks, served
from tests.parts.receiver import Receiver

PAGE = Path(__file__).resolve().parents[3] / "docs/howto/webhooks.md"
HOOK = "http://127.0.0.1:5000/hook"


def _score(hooks: Hooks) -> str:
    """Let a new player take the first place of `main`; return the name."""
    container, name = hooks.container, f"p{uuid4().hex[:12]}"
    player = container.accounts.create(name, "a good password")
    issued = container.actions.issue(player.id, "tap")
    container.redemptions.complete(
        RedemptionRequest(str(player.id), issued.promise.action_id, issued.token, None, uuid4().hex)
    )
    return name


def test_the_page_can_be_followed(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(hooks.container)
    program = blocks(PAGE, "python")[0].text
    lines = [shlex.split(line) for block in blocks(PAGE, "") for line in block.text.splitlines()]
    scope: dict[str, Any] = {"__name__": __name__}
    exec(program, scope)
    with served(scope["app"]) as address:
        url = f"{address}/hook"
        create, *others = [[word.replace(HOOK, url) for word in line[1:]] for line in lines]
        created = run(*create, "--json")
        assert created.exit_code == 0, created.output
        monkeypatch.setenv("WEBHOOK_SECRET", created.stdout.split('"secret": "')[1].split('"')[0])
        for line in others:
            assert run(*line).exit_code == 0, line
            hooks.send()
        name = _score(hooks)
        hooks.send()
        assert name in capsys.readouterr().out
        (webhook,) = [webhook for webhook in hooks.container.webhooks.all() if webhook.url == url]
        assert set(hooks.states(webhook.id)) == {"delivered"}
        monkeypatch.setenv("WEBHOOK_SECRET", "whsec_" + "A" * 44)
        run("webhooks", "test", url)
        assert hooks.send() == {"refused": 1}
    assert MAIN in webhook.boards


def test_the_relay_posts_a_record(hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    program, relay = (block.text for block in blocks(PAGE, "python"))
    head, _, rest = relay.partition("\n\n")
    program = program.replace("import os\n", f"import os\n{head}\n")
    told = '        print(event["type"], event["data"])'
    assert told in program
    program = program.replace(told, rest)
    scope: dict[str, Any] = {"__name__": __name__}
    exec(program, scope)
    monkeypatch.setenv("DISCORD_URL", receiver.url)
    with served(scope["app"]) as address:
        shown = hooks.create(f"{address}/hook", ["record.set"], [MAIN])
        monkeypatch.setenv("WEBHOOK_SECRET", shown.secret)
        name = _score(hooks)
        hooks.send()
    (call,) = receiver.calls
    assert name in call.body.decode()
