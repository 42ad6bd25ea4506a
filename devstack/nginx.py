"""A private nginx: the program that the system has installed, with the configuration of deploy/nginx."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.child import ROOT, CannotStart, accepts, free_port
from devstack.private_files import write_private
from devstack.server import Server, system_program

CONFIGURATION = ROOT / "deploy" / "nginx"
Address = tuple[str, int]
# The same values are in the examples of deploy/nginx/site, which explain them.
_API, _WS = "max_fails=1 fail_timeout=3s", "max_fails=0"
_EXAMPLE_LOG, _EXAMPLE_CACHE, _EXAMPLE_PROXY = "/dev/stdout", "/var/cache/nginx/top", "172.28.57.1"
_MAX_FILES = 65_536
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx(Server):
    """The load balancer in front of `api` and `ws` servers; its configuration is written anew at every start.

    `api`, `ws`, `listen` (nginx's own lines) and `trusted` (addresses or networks of proxies in front) may be changed
    while it runs, and count from the next reload().
    """

    name = "nginx"

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        api: Sequence[Address],
        ws: Sequence[Address],
        host: str = "127.0.0.1",
        port: int | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        """Choose a free `port` unless one is given."""
        super().__init__(folder, log, keep_open=keep_open)
        self.api, self.ws = list(api), list(ws)
        self.trusted: list[str] = []
        self.host, self.port = host, port or free_port()
        self.listen = f"listen {_format_address((self.host, self.port))};\n"

    @property
    def address(self) -> Address:
        """Return the host and port where a client on this machine reaches it."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port  # noqa: S104

    @property
    def url(self) -> str:
        return f"http://{_format_address(self.address)}"

    @property
    def access_log(self) -> Path:
        """Return the path of the access log, with one JSON object for each request."""
        return self.log.with_suffix(".access")

    def prepare(self) -> None:
        super().prepare()
        self._configure()

    def command(self) -> list[str]:
        program = system_program("nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx")
        # Relative to folder(), here and in the files: nginx expands `$` and `*` in its own folder's name too.
        return [program, "-p", "./", "-c", "conf/nginx.conf", "-e", "stderr"]

    def folder(self) -> Path:
        return self.data

    def answers(self) -> bool:
        return accepts(*self.address)

    def reload(self) -> None:
        """Apply changes without dropping a connection; nginx refuses an invalid change, and logs the reason."""
        self._configure()
        os.kill(self.pid, signal.SIGHUP)

    @property
    def _configuration_folder(self) -> Path:
        return self.data / "conf"

    def _configure(self) -> None:
        """Write the files of deploy/nginx, with a site/ for this machine."""
        shutil.copytree(CONFIGURATION, self._configuration_folder, dirs_exist_ok=True)
        (self.data / "temporary").mkdir(exist_ok=True)
        site = self._configuration_folder / "site"
        for name, text in {
            "process.conf": self._identity_and_log(),
            "paths.conf": self._paths(),
            "api-servers.conf": _servers(self.api, _API)
            + "".join(f"server {_format_address(address)} max_fails=0 backup;\n" for address in self.api),
            "ws-servers.conf": _servers(self.ws, _WS),
            "listen.conf": self.listen,
            "trusted-proxies.conf": self._trusted_proxies(),
        }.items():
            write_private(site / name, text)

    def _identity_and_log(self) -> str:
        # As root, nginx would run its workers as `nobody`, a user that may not enter these folders.
        user = f"user {pwd.getpwuid(0).pw_name};\n" if os.geteuid() == 0 else ""
        files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _MAX_FILES)
        return (
            f"daemon off;\n{user}worker_processes auto;\nworker_rlimit_nofile {files};\n"
            "pid nginx.pid;\nerror_log stderr warn;\n"
        )

    def _paths(self) -> str:
        access_log = os.path.relpath(self.access_log, self.data)
        replacements = {
            f"{_EXAMPLE_LOG} fairboard": f'"{access_log}" fairboard buffer=32k flush=1s',
            _EXAMPLE_CACHE: "top",
        }
        return _adapt_example("paths.conf", replacements) + "".join(
            f"{name}_temp_path temporary/{name};\n" for name in _TEMPORARY
        )

    def _trusted_proxies(self) -> str:
        lines = "".join(f"set_real_ip_from {proxy};\n" for proxy in self.trusted)
        return _adapt_example("trusted-proxies.conf", {f"set_real_ip_from {_EXAMPLE_PROXY};\n": lines})


def _adapt_example(name: str, changes: Mapping[str, str]) -> str:
    """Return an example of deploy/nginx/site with `changes` made.

    Raises `CannotStart` where the example has changed.
    """
    text = (CONFIGURATION / "site" / name).read_text()
    for example, replacement in changes.items():
        if example not in text:
            raise CannotStart(f"deploy/nginx/site/{name} no longer names {example.strip()}")
        text = text.replace(example, replacement)
    return text


def _servers(addresses: Sequence[Address], options: str) -> str:
    return "".join(f"server {_format_address(address)} {options};\n" for address in addresses)


def _format_address(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
