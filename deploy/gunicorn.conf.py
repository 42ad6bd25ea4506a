"""How the web process runs: `gunicorn -c deploy/gunicorn.conf.py wsgi:app`. Addresses come from Settings."""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from typing import Any

from app import logs
from app.log_sink import guard_standard_error, guard_standard_output
from app.settings import BadSetting, Settings, share_metrics
from deploy import draining, incoming, one_send
from deploy.door import Door

# A full disk under either must not end a process, nor change an answer. gunicorn's own access log goes to the second.
guard_standard_error()
guard_standard_output()

try:
    _settings = Settings.from_env()
except BadSetting as error:
    sys.exit(f"fairboard: {error}")

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = [f"{_host}:{_settings.port}"]
proc_name = "fairboard-web"
workers = _settings.web_workers

# nginx allows request lines of 4 KiB: what it lets through is never refused here.
limit_request_line = 8190

# No header of a client's changes the scheme, the path or the script name: app/factory.py trusts TRUSTED_PROXIES alone.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# One greenlet for each connection, and a socket stays open for hours: many, and a descriptor for each.
worker_class = "deploy.draining.Worker"
worker_connections = 20_000
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))

# On stop: requests in hand end within this, and sockets are told to come back (1012). An idle connection that waits
# for its next request holds a stop up for as long as `keepalive`, so that is short; but it must be well above the
# `keepalive_timeout` of the load balancer, which has to close first (deploy/nginx/nginx.conf: 2 s).
graceful_timeout = 10
keepalive = 5
timeout = 30

# The heartbeat file of a worker belongs in memory: on a disk that stalls, workers would be killed for nothing.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

# It would listen at a path that all gunicorns of this user share.
control_socket_disable = True

# The client library looks for this when it is imported, so it must be there before the app.
share_metrics(_settings)


def on_starting(server: Any) -> None:
    """gunicorn's lines look like everybody else's."""
    logs.configure(_settings)
    own = logging.getLogger("gunicorn.error")
    own.handlers.clear()
    own.propagate = True


def when_ready(server: Any) -> None:
    """Let SIGTERM drain: deploy/draining.py tells how."""
    draining.prepare_master(server)
    # The port is open seconds before a worker can answer on it. A load balancer that is kept out asks another server
    # at once; one that is let in waits, and its clients with it. Not where an older master still serves the port.
    if _settings.trusted_proxies and not (server.master_pid or server.systemd):
        draining.hold_off(server.LISTENERS)


def post_worker_init(worker: Any) -> None:
    """Bound what one address holds, and tell every subscriber to come back elsewhere once this worker is to stop."""
    from app.ws.routes import close_when  # not before gevent has patched this process

    close_when(worker.wsgi, lambda: not worker.alive)
    worker.door = Door.beside(_settings.max_sockets_per_address, _settings.trusted_proxies)
    one_send.install()
    incoming.install(_settings.body_seconds)
    draining.let_in(worker.sockets)

    # What is there by now stays; and with thousands of sockets, a collection every 700 new objects walks all of them:
    # 30% of this process's time with 4,000 subscribers.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def worker_int(worker: Any) -> None:
    """The same at a quick stop (SIGINT, SIGQUIT), which leaves a tenth of a second."""
    from app.ws.routes import close_all  # not before gevent has patched this process

    close_all(worker.wsgi)
