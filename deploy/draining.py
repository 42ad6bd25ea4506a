"""Stopping a web process without breaking a request, for gunicorn's SIGTERM.

Without this, requests break behind a load balancer: the kernel completes connections before a process accepts them, and
a listening socket that is closed resets those that still wait. The balancer has sent a request on them by then, and may
not repeat a POST. So there are two steps, in two kinds of process:

1. The master, before it signals its workers, has the kernel drop requests for *new* connections (`hold_off`). The
   balancer tries another server after its short connect timeout; its open connections stay untouched.
2. Each worker accepts the connections in the queue, and closes its listening socket once none has come for a moment.
   With the last worker the port is closed, and a client that connects now is refused at once. Requests in hand are
   answered. A further request on an open connection is answered too, with `Connection: close`; an idle connection is
   left to the balancer, whose idle timeout is shorter than ours. WebSockets, which have left their requests, get the
   time in which they are closed.

A second SIGTERM, like SIGINT and SIGQUIT, stops at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial
from types import FrameType
from typing import Any

import gevent
import gevent.event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

from deploy import incoming
from deploy.door import Door, Place

_QUIET_SECONDS = 0.1  # longer than a handshake that began before `hold_off` takes to end
_MAX_QUIET_SECONDS = 2.0
_POLL_SECONDS = 0.02

# A filter sees each segment from its TCP header on: byte 13 holds the flags, bit 1 of them is SYN.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_DROP_SYN = [(_LOAD_BYTE, 0, 0, 13), (_JUMP_IF_SET, 0, 1, 0x02), (_RETURN, 0, 0, 0), (_RETURN, 0, 0, 0xFFFFFFFF)]

_present_place: ContextVar[Place] = ContextVar("place")  # of the connection that this greenlet serves

_TCP_INFO_UNACKED = 24  # offset in struct tcp_info; of a listening socket: connections that no process has accepted


def hold_off(listeners: Iterable[Any]) -> None:
    """Have the kernel ignore new connections to these sockets, in all processes that share them.

    Connections that are made, or half made, go on. A kernel that lacks this feature changes nothing.
    """
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    code = ctypes.create_string_buffer(program)
    pointer = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(code))
    for listener in listeners:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)


def let_in(listeners: Iterable[Any]) -> None:
    """End `hold_off`."""
    for listener in listeners:
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # no filter was attached
                listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def count_waiting(listener: Any) -> int:
    """Return the number of connections that no process has accepted yet; 0 where the system doesn't report it."""
    with contextlib.suppress(OSError, AttributeError, struct.error):
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return int(struct.unpack_from("I", info, _TCP_INFO_UNACKED)[0])
    return 0


def prepare_master(arbiter: Any) -> None:
    """Set the master's SIGTERM handler, for gunicorn's `when_ready`: hold connections off, then do as gunicorn does."""
    enqueue_signal: Any = signal.getsignal(signal.SIGTERM)
    master = os.getpid()
    was_asked = False

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        nonlocal was_asked
        is_repeated, was_asked = was_asked, True
        # Do nothing where another process goes on listening: a new master (SIGUSR2), or systemd. Do nothing in a worker
        # that has just been forked and has no handlers of its own yet.
        if not (is_repeated or arbiter.reexec_pid or arbiter.systemd) and os.getpid() == master:
            hold_off(arbiter.LISTENERS)
        enqueue_signal(signal.SIGQUIT if is_repeated else number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)


def keep_place() -> Place:
    """Keep the place of the connection in whose greenlet this is called, beyond its request: it became a WebSocket."""
    place = _present_place.get()
    place.keep()
    return place


class Worker(GeventWorker):  # type: ignore[misc]
    """gunicorn's gevent worker with three changes.

    It stops listening when no connection waits to be accepted, refuses requests in the API's envelope, and limits the
    connections of one address.
    """

    door = Door()
    _exit_requested: gevent.event.Event | None = None  # made once gevent has patched this process

    def run(self) -> None:
        """Serve until asked to stop, then drain."""
        self._exit_requested = exit_requested = gevent.event.Event()
        servers = [self._serve(listener) for listener in self.sockets]
        while self.alive:
            self.notify()
            exit_requested.wait(1.0)
        self._drain(servers)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop this worker, at SIGTERM. A signal handler may run no code that waits."""
        super().handle_exit(sig, frame)
        if self._exit_requested:
            gevent.spawn(self._exit_requested.set)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer a request. Raises `StopIteration` when the connection is to be closed."""
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            if req.has_rest():
                incoming.linger(sock)
            raise

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that the app did not answer."""
        status = incoming.refuse(client, req, exc)
        if status == 500:
            self.log.error("A request failed outside the app", exc_info=exc)
        else:
            self.log.info("Refused a request that can't be read: %s, %s", status, type(exc).__name__)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection to its end, unless its address has too many."""
        address = addr[0] if isinstance(addr, tuple) else ""  # the address of a Unix socket has no name
        with self.door.admit(address) as place:
            if place is not None:
                _present_place.set(place)
                super().handle(listener, client, addr)
            elif self.door.limit is not None:
                incoming.refuse_connection(client, self.door.limit)

    def _serve(self, listener: Any) -> StreamServer:
        listener.setblocking(True)
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=Pool(self.worker_connections))
        if self.cfg.workers > 1:
            server.max_accept = 1
        server.start()
        return server

    def _drain(self, servers: list[StreamServer]) -> None:
        start = time.monotonic()
        self._accept_remaining(servers, start + _MAX_QUIET_SECONDS)
        for server in servers:
            server.close()
        while any(server.pool for server in servers) or self.door.kept:
            if time.monotonic() - start > self.cfg.graceful_timeout:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                break
            self.notify()
            gevent.sleep(_POLL_SECONDS)
        for server in servers:
            server.stop(timeout=1)

    def _accept_remaining(self, servers: list[StreamServer], deadline: float) -> None:
        """Go on accepting until no connection has waited for a moment."""
        quiet_since = time.monotonic()
        while (now := time.monotonic()) < min(deadline, quiet_since + _QUIET_SECONDS):
            if any(count_waiting(server.socket) for server in servers):
                quiet_since = now
            gevent.sleep(_POLL_SECONDS)
