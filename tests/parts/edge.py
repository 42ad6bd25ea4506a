"""nginx with the product's own configuration, and servers behind it that the tests may stop one by one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.apps import Web
from deploy.local.child import ROOT, accepts, free_port
from deploy.local.server import Server
from deploy.local.stack import Stack
from tests.parts.product import UNLIMITED

CONFIGURATION = ROOT / "deploy" / "nginx"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def nginx_program() -> str:
    """The system's nginx; without one the test is skipped."""
    found = shutil.which("nginx", path=_PATH)
    if found is None:
        pytest.skip("there is no nginx")
    return found


class Nginx(Server):
    """The configuration in deploy/nginx as it is, with files for this place in `site/`."""

    name = "nginx"
    stop_signal = 3  # SIGQUIT: finish what is in hand

    def __init__(self, folder: Path, log: Path, *, api: Sequence[int], ws: Sequence[int]) -> None:
        """`api` and `ws`: ports of servers on this machine. `listen` may be changed before a start."""
        super().__init__(folder, log)
        self.program = nginx_program()
        self.api, self.ws = tuple(api), tuple(ws)
        self.port = free_port()
        self.listen = f"listen 127.0.0.1:{self.port};\n"
        self.operators = (CONFIGURATION / "site" / "operators.conf").read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        super().prepare()
        for file in CONFIGURATION.glob("*.conf"):
            shutil.copyfile(file, self.data / file.name)
        (self.data / "site").mkdir(exist_ok=True)
        for name, text in self._site().items():
            (self.data / "site" / f"{name}.conf").write_text(text)

    def command(self) -> list[str]:
        return [self.program, "-p", str(self.data), "-c", str(self.data / "nginx.conf"), "-g", "daemon off;"]

    def answers(self) -> bool:
        return accepts("127.0.0.1", self.port)

    @property
    def access_log(self) -> Path:
        return self.data / "access.log"

    def _site(self) -> dict[str, str]:
        user = "user root;\n" if os.geteuid() == 0 else ""
        example = (CONFIGURATION / "site" / "paths.conf").read_text()
        log_format = example[example.index("log_format") : example.index("access_log")]
        folders = "".join(f"{name}_temp_path {self.data}/{name};\n" for name in _TEMPORARY)
        cache = f"proxy_cache_path {self.data}/top keys_zone=top:1m inactive=10s use_temp_path=off;"
        first = "".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=3s;\n" for port in self.api)
        again = "".join(f"server 127.0.0.1:{port} max_fails=0 backup;\n" for port in self.api)
        return {
            "process": f"{user}worker_processes 2;\npid {self.data}/pid;\nerror_log {self.data}/error.log warn;\n",
            "paths": f"{log_format}access_log {self.access_log} fairboard;\n{folders}{cache}\n",
            "api-servers": first + again,
            "ws-servers": "".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=3s;\n" for port in self.ws),
            "listen": self.listen,
            "operators": self.operators,
        }


@dataclass
class Behind:
    """A stack's servers and processes, with API and WebSocket servers behind one nginx."""

    stack: Stack
    nginx: Nginx
    api: list[Web]
    ws: list[Web]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.nginx.url


def web_server(stack: Stack, name: str, **env: str) -> Web:
    """One more gunicorn on a port of its own."""
    given = {**stack.env, "PORT": str(free_port()), "WEB_WORKERS": "1", "TRUSTED_PROXIES": "1", **env}
    return Web(stack.folder.log(name), given)


@contextmanager
def behind_nginx(folder: Path, env: dict[str, str], *, api: int = 2, ws: int = 2) -> Iterator[Behind]:
    """All of it, started; stopped at the end."""
    program = nginx_program()
    assert program
    with ExitStack() as cleanup:
        stack = cleanup.enter_context(Stack(folder, {**UNLIMITED, **env}, parts=("worker", "relay")))
        servers = [web_server(stack, f"api-{number}") for number in range(1, api + 1)]
        sockets = [web_server(stack, f"ws-{number}") for number in range(1, ws + 1)]
        for server in (*servers, *sockets):
            cleanup.callback(server.stop)
            server.launch()
        for server in (*servers, *sockets):
            server.wait_until_answers()
        ports = [[server.address[1] for server in group] for group in (servers, sockets)]
        nginx = Nginx(folder / "nginx", stack.folder.log("nginx"), api=ports[0], ws=ports[1])
        cleanup.callback(nginx.stop)
        nginx.start()
        yield Behind(stack, nginx, servers, sockets, stack.env)
