"""The settings of the web process: `gunicorn -c deploy/gunicorn.conf.py wsgi:app`. Addresses come from Settings."""

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
from deploy import draining, incoming, one_send, ordinary
from deploy.door import Door

# A full disk under either stream must not end a process, nor change an answer. gunicorn's access log goes to the
# second.
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

# nginx allows request lines of 4 KiB: a line that it accepts is never refused here.
limit_request_line = 8190

# No client header changes the scheme, the path or the script name: app/factory.py trusts TRUSTED_PROXIES alone.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# A connection has a greenlet and a descriptor until its request ends; a WebSocket has only a descriptor from then on.
worker_class = "deploy.draining.Worker"
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
_descriptors = 1_048_576 if _hard == resource.RLIM_INFINITY else _hard
worker_connections = min(20_000, _descriptors // 4)
_most_sockets = _descriptors - worker_connections - 200  # which leaves descriptors for the stores and the logs

# On stop, requests in hand end within this time, and sockets are closed with 1012 (service restart). An idle connection
# that waits for its next request delays a stop by `keepalive`, so that is short; but it must be well above the
# `keepalive_timeout` of the load balancer, which has to close first (deploy/nginx/nginx.conf: 2 s).
graceful_timeout = 10
keepalive = 5
timeout = 30

# The heartbeat file of a worker belongs in memory: on a disk that stalls, live workers would be killed.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

# The control socket would listen at a path that all gunicorns of this user share.
control_socket_disable = True

# The Prometheus client reads this setting when it is imported, so set it before the app is.
share_metrics(_settings)


def on_starting(server: Any) -> None:
    """Log gunicorn's lines in the format of the product."""
    logs.configure(_settings)
    logger = logging.getLogger("gunicorn.error")
    logger.handlers.clear()
    logger.propagate = True


def when_ready(server: Any) -> None:
    """Let SIGTERM drain, as deploy/draining.py explains."""
    draining.prepare_master(server)
    # The port is open seconds before a worker can answer on it. A load balancer that is kept out tries another server
    # at once; a load balancer that is let in waits, and its clients with it. Skip this where an older master still
    # serves the port.
    if _settings.trusted_proxies and not (server.master_pid or server.systemd):
        draining.hold_off(server.LISTENERS)


def post_worker_init(worker: Any) -> None:
    """Limit the connections of one address, and have every subscriber come back elsewhere once this worker stops."""
    from app.ws.routes import close_when, count_sockets  # import only after gevent has patched this process

    close_when(worker.wsgi, lambda: not worker.alive)
    count_sockets(worker.wsgi, draining.keep_place, _most_sockets)
    worker.door = Door.for_process(_settings.max_sockets_per_address, _settings.trusted_proxies)
    one_send.install()
    incoming.install(_settings.body_seconds)
    ordinary.install(worker.cfg, worker.sockets)
    draining.let_in(worker.sockets)

    # The objects that exist by now stay. With thousands of sockets, a collection every 700 new objects walks all of
    # them: 30% of this process's time with 4,000 subscribers.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def worker_int(worker: Any) -> None:
    """Close all sockets at a quick stop (SIGINT, SIGQUIT), which leaves a tenth of a second."""
    from app.ws.routes import close_all  # import only after gevent has patched this process

    close_all(worker.wsgi)
