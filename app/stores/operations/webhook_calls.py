"""Calls of receivers: an event goes to an address that was looked at, and to no other.

A name is resolved once. Its addresses are checked, and the connection is made to one of those very addresses, so that a
name can't point elsewhere between the check and the call. TLS still proves the name. No redirect is followed.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast
from urllib.parse import SplitResult, urlsplit

from app.domain.public_addresses import is_public
from app.stores.operations.webhook_deliveries import CallResult

Resolve = Callable[[str, int], Sequence[str]]
"""A function that returns the IP addresses of a name and a port. Raises OSError."""

CALL_SECONDS = 10.0
_MOST_ANSWER = 500  # bytes of a refusal that are kept
_PORTS = {"http": 80, "https": 443}


class PrivateAddress(Exception):
    """The receiver's name leads to an address that is not on the public internet."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the order of preference. Raises OSError."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of more than 63 characters
        raise socket.gaierror(str(error)) from None
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


class ReceiverCaller:
    """Posts events. With `private`, any address will do. Methods may run in several threads at once."""

    def __init__(
        self,
        *,
        private: bool,
        resolve: Resolve = resolve,
        seconds: float = CALL_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private, self._resolve, self._seconds, self._tls = private, resolve, seconds, tls

    def addresses(self, url: str) -> Sequence[str]:
        """Return the addresses of a receiver. Raises PrivateAddress if any is not public, OSError without any."""
        parts = urlsplit(url)
        addresses = self._resolve(parts.hostname or "", _port(parts))
        if not addresses:
            raise socket.gaierror("the name has no address")
        if not self._private and not all(map(is_public, addresses)):
            raise PrivateAddress()
        return addresses

    def post(self, url: str, headers: Mapping[str, str], body: str) -> CallResult:
        """Post a JSON body. Never raises: any failure is a kind of error in the result."""
        started_at = time.monotonic()
        status, error, answer = self._try(url, headers, body, started_at + self._seconds)
        return CallResult(round((time.monotonic() - started_at) * 1000), status, error, answer)

    def _try(
        self, url: str, headers: Mapping[str, str], body: str, deadline: float
    ) -> tuple[int | None, str | None, str]:
        try:
            status, answer = self._exchange(url, headers, body.encode(), deadline)
        except PrivateAddress:
            return None, "private_address", ""
        except socket.gaierror as error:
            return None, "no_address", str(error)
        except TimeoutError:
            return None, "timeout", ""
        except ssl.SSLError as error:
            return None, "tls", str(error)[:_MOST_ANSWER]
        except OSError as error:
            return None, "no_connection", str(error)[:_MOST_ANSWER]
        except (http.client.HTTPException, ValueError) as error:
            return None, "no_http", type(error).__name__
        if 200 <= status < 300:
            return status, None, ""
        return status, "redirect" if 300 <= status < 400 else "refused", answer

    def _exchange(self, url: str, headers: Mapping[str, str], body: bytes, deadline: float) -> tuple[int, str]:
        parts = urlsplit(url)
        addresses = self.addresses(url)
        stream = _connect(addresses, _port(parts), deadline)
        try:
            if parts.scheme == "https":
                stream.settimeout(_remaining(deadline))
                stream = self._context().wrap_socket(stream, server_hostname=parts.hostname)
            connection = http.client.HTTPConnection(parts.netloc)
            connection.sock = cast("socket.socket", _TimedStream(stream, deadline))
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"Host": parts.netloc, "Connection": "close", **headers})
            response = connection.getresponse()
            return response.status, "" if 200 <= response.status < 300 else _beginning(response)
        finally:
            stream.close()

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class _TimedStream:
    """A socket as http.client uses it, all of whose operations together end at the deadline."""

    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def sendall(self, data: bytes) -> None:
        self._stream.settimeout(_remaining(self._deadline))
        self._stream.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._stream, self._deadline))

    def close(self) -> None:
        """Leave the socket open: the answer is still to be read from it."""


class _TimedReader(io.RawIOBase):
    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._stream.settimeout(_remaining(self._deadline))
        return self._stream.recv_into(buffer)


def _connect(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    """Connect to the first address that answers; each has its share of the time. Raises the last one's OSError."""
    refusal: OSError = OSError("the name has no address")
    for number, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), _remaining(deadline) / (len(addresses) - number))
        except OSError as error:
            refusal = error
    raise refusal


def _beginning(response: http.client.HTTPResponse) -> str:
    """Return the beginning of a refusal as text that can be stored; "" if it doesn't arrive."""
    try:
        text = response.read(_MOST_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _remaining(deadline: float) -> float:
    """Return the seconds until the deadline. Raises TimeoutError after it."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError()
    return seconds


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]
