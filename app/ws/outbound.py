"""The only code that writes to a subscriber's socket."""

from __future__ import annotations

import _socket
import contextlib
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import gevent

from app.ws import frames

if TYPE_CHECKING:
    from gevent._types import _IoWatcher

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST and frees the data that the peer never took


class Outbound:
    """A writer of whole frames to one non-blocking socket, in order. Its methods never block.

    Data that the socket does not take at once stays here: the rest of the frame under way, the few frames that
    must not be left out (answers, pings, the close), and of boards only the newest. A reader that wakes up
    therefore gets a clean stream that ends on the newest board, and a sleeping reader costs the others nothing.
    """

    __slots__ = (
        "_newest",
        "_number",
        "_queue",
        "_ready",
        "_rest",
        "_sock",
        "_stuck_since",
        "_watcher",
        "is_closing",
        "is_released",
    )

    def __init__(self, sock: _socket.socket) -> None:
        """Take a non-blocking `sock`, which is not closed here: call `release` before its owner closes it."""
        self._sock = sock
        self._number = sock.fileno()  # for direct writes: half a microsecond less than `send`
        self._ready = True  # no frame waits and the socket is open: the next frame may be written at once
        self._rest: memoryview | None = None
        self._queue: deque[bytes] | None = None
        self._newest: bytes | None = None
        self._watcher: _IoWatcher | None = None
        self._stuck_since = 0.0
        self.is_closing = False  # a close frame is under way: no frame may follow it
        self.is_released = False  # the connection is lost or given up

    @property
    def backlog(self) -> int:
        """Return the number of frames that wait for the socket."""
        if self._rest is None:
            return 0
        return 1 + len(self._queue or ()) + (self._newest is not None)

    def stuck_for(self, now: float) -> float:
        """Return the seconds (of time.monotonic) since a waiting frame last moved by a byte; 0 when none waits."""
        return 0.0 if self._rest is None else now - self._stuck_since

    def send(self, frame: bytes) -> None:
        """Send a frame that may not be left out."""
        if self.is_closing:
            return
        if self._rest is None:
            self._write(frame)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(frame)

    def start_over(self, frame: bytes) -> None:
        """Send an answer, and drop the board that still waits: the answer makes it obsolete."""
        self._newest = None
        self.send(frame)

    def close(self, code: int | None, reason: str = "") -> None:
        """Queue the close frame behind the frames that must still go out; later frames are dropped."""
        self._newest = None
        self.send(frames.close(code, reason))
        self.is_closing, self._ready = True, False

    def drop(self) -> None:
        """Give the connection up, which wakes its reader with an end of stream."""
        if self.is_released:
            return
        is_stuck = self._rest is not None
        self.release()
        with contextlib.suppress(OSError):
            if is_stuck:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._sock.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Release the socket before its owner closes it."""
        self.is_closing = self.is_released = True
        self._ready = False
        self._rest = self._queue = self._newest = None
        self._unwatch()

    def _write(self, frame: bytes) -> None:
        try:
            written = os.write(self._number, frame)
        except BlockingIOError:
            written = 0
        except OSError:
            self.drop()
            return
        if written < len(frame):
            self._keep(frame, written)

    def _keep(self, frame: bytes, written: int) -> None:
        self._ready = False
        self._rest = memoryview(frame)[written:]
        self._stuck_since = time.monotonic()
        self._watch()

    def _flush(self) -> None:
        # This runs in the event loop's own greenlet: it may neither block nor raise.
        while self._rest is not None:
            try:
                written = os.write(self._number, self._rest)
            except BlockingIOError:
                return
            except OSError:
                self.drop()
                return
            self._stuck_since = time.monotonic()
            if written < len(self._rest):
                self._rest = self._rest[written:]
                return
            self._take_next()
        self._unwatch()

    def _take_next(self) -> None:
        if self._queue:
            self._rest = memoryview(self._queue.popleft())
        elif self._newest is not None:
            self._rest, self._newest = memoryview(self._newest), None
        else:
            self._rest = self._queue = None
            self._ready = not self.is_closing

    def _watch(self) -> None:
        self._watcher = gevent.get_hub().loop.io(self._number, 2)  # 2: call back when it is writable
        self._watcher.start(self._flush)

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None


def offer_all(outbounds: Iterable[Outbound], frame: bytes) -> None:
    """Send a board to each outbound, where it takes the place of one that still waits.

    This is the one loop that runs for every subscriber of every change. It calls only the system: a method's call
    would cost a tenth of the time that the system takes to send.
    """
    write, size = os.write, len(frame)
    for outbound in outbounds:
        if outbound._ready:
            try:
                written = write(outbound._number, frame)
            except BlockingIOError:
                written = 0
            except OSError:
                outbound.drop()
                continue
            if written != size:
                outbound._keep(frame, written)
        elif not outbound.is_closing:
            outbound._newest = frame
