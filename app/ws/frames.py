"""Outgoing WebSocket frames (RFC 6455). They are unmasked, so one encoded frame serves every client."""

from __future__ import annotations

import struct

_TEXT, _CLOSE, _PONG = 0x81, 0x88, 0x8A  # each with FIN set: the server never fragments

NORMAL = 1000
PROTOCOL_ERROR = 1002
BAD_TEXT = 1007
POLICY = 1008
TOO_BIG = 1009
INTERNAL = 1011
RESTART = 1012
TRY_LATER = 1013
SILENT = 4408
SLOW = 4409


def text(payload: bytes) -> bytes:
    """Return one text message; `payload` is UTF-8."""
    return _head(_TEXT, len(payload)) + payload


def close(code: int | None, reason: str = "") -> bytes:
    """Return a close frame, empty without a code. `reason` is ASCII of at most 123 characters."""
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode("ascii")
    return _head(_CLOSE, len(payload)) + payload


def pong(payload: bytes) -> bytes:
    """Return the answer to a protocol ping, with the ping's payload of at most 125 bytes."""
    return _head(_PONG, len(payload)) + payload


def _head(first_byte: int, length: int) -> bytes:
    if length < 126:
        return bytes((first_byte, length))
    if length < 65_536:
        return struct.pack("!BBH", first_byte, 126, length)
    return struct.pack("!BBQ", first_byte, 127, length)
