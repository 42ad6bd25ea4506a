"""Several API and WebSocket servers behind nginx, as in a deployment, on the embedded servers; tests may stop any."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.apps import Web
from devstack.child import free_port
from devstack.nginx import Nginx
from devstack.stack import Stack
from tests.parts.product import UNLIMITED, Product, QuickStack


def needs_nginx() -> None:
    """Skip the test where the system has no nginx."""
    if shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is None:
        pytest.skip("there is no nginx")


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 and its key, made in `folder`; skip the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "fairboard.crt", folder / "fairboard.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@dataclass
class Edge:
    """All the parts from nginx to the servers behind it."""

    product: Product
    nginx: Nginx
    api: list[Web]
    ws: list[Web]

    @property
    def url(self) -> str:
        return self.nginx.url

    @property
    def folder(self) -> Path:
        return self.product.stack.folder.path

    def another_nginx(self, name: str) -> Nginx:
        """Return another nginx for the same servers; the caller configures, starts and stops it."""
        return Nginx(self.folder / name, self.product.stack.folder.log(name), api=self.nginx.api, ws=self.nginx.ws)


@contextmanager
def edge_of(folder: Path, env: Mapping[str, str], *, api: int = 2, ws: int = 2) -> Iterator[Edge]:
    """Start a product, its servers and nginx; stop all of them at the end."""
    with ExitStack() as cleanup:
        stack = QuickStack(folder, {**UNLIMITED, **env}, parts=("worker", "relay"))
        stack.start(lambda line: None)
        cleanup.callback(stack.discard)
        names = [f"api-{number + 1}" for number in range(api)], [f"ws-{number + 1}" for number in range(ws)]
        servers = [[_build_web(stack, name) for name in group] for group in names]
        all_servers = [*servers[0], *servers[1]]
        for server in all_servers:
            cleanup.callback(server.kill)
        for server in all_servers:
            server.launch()
        for server in all_servers:
            server.wait_until_answers()
        addresses = [[server.address for server in group] for group in servers]
        nginx = Nginx(folder / "nginx", stack.folder.log("nginx"), api=addresses[0], ws=addresses[1])
        cleanup.callback(nginx.kill)
        nginx.start()
        yield Edge(Product(stack), nginx, *servers)


def _build_web(stack: Stack, name: str) -> Web:
    """Build a server as in a deployment: one process, and nginx is the one proxy that it trusts."""
    env = {**stack.env, "PORT": str(free_port()), "WEB_WORKERS": "1", "TRUSTED_PROXIES": "1"}
    return Web(stack.folder.log(name), env, name=name)
