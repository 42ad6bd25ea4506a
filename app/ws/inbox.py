"""The input of one client: bytes in, whole messages and control frames out, one small message in memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from wsproto.frame_protocol import Frame, FrameDecoder, Opcode, ParseFailed

from app.ws import frames


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text message, not decoded yet: `messages.parse` refuses bytes that are no UTF-8."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole binary message, without its content: docs/api.md has no binary messages."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A protocol ping."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Fragment:
    """A whole frame that completes no message and needs no answer: a part of a message, or a protocol pong."""


@dataclass(frozen=True, slots=True)
class Close:
    """A client's close frame; `code` is None when the frame has none."""

    code: int | None


@dataclass(frozen=True, slots=True)
class Broken:
    """A stream that can't be read further: close it with `code`."""

    code: int
    reason: str


_MESSAGE_BYTES = 4096
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A  # first bytes of frames with FIN set
_ORDINARY = (_TEXT, _PING, _PONG)
_SHORT_HEAD, _MASKED, _LENGTH_IN_TWO_BYTES = 6, 0x80, 126
_TOO_BIG = Broken(frames.TOO_BIG, f"a message is at most {_MESSAGE_BYTES} bytes")

Event = Text | Binary | Ping | Fragment | Close | Broken


class Inbox:
    """The frames of one client. After Close, Broken or `shut` all further data is discarded unread."""

    __slots__ = ("_decoder", "_opcode", "_parts", "_size", "is_shut")

    def __init__(self) -> None:
        self._decoder: FrameDecoder | None = None  # only while a frame is under way, since most clients are idle
        self._opcode: Opcode | None = None
        self._parts: list[bytes] | None = None
        self._size = 0
        self.is_shut = False

    def shut(self) -> None:
        """Stop reading, even the rest of the data that was fed."""
        self.is_shut, self._decoder, self._parts = True, None, None

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that `data` completes, in order."""
        if self._decoder is None and self._opcode is None:
            while not self.is_shut and (frame := _ordinary_frame(data)):
                event, size = frame
                data = data[size:]
                yield event
        if data and not self.is_shut:
            yield from self._decode(data)

    def _decode(self, data: bytes) -> Iterator[Event]:
        decoder = self._decoder = self._decoder or FrameDecoder(client=False)
        decoder.receive_bytes(data)
        while not self.is_shut:
            event: Event | None = None
            try:
                frame = decoder.process_buffer()
                if frame is not None:
                    event = self._read_control(frame) if frame.opcode.iscontrol() else self._read_data(frame)
                if event is None and self._announces_too_much(decoder):
                    event = _TOO_BIG
            except ParseFailed as error:
                event = Broken(int(error.code), "protocol error")
            if event is None and frame is None:
                break
            if event is not None:
                self.is_shut = isinstance(event, Close | Broken)
                yield event
        if self.is_shut or (decoder.header is None and not len(decoder.buffer)):
            self._decoder = None

    def _read_control(self, frame: Frame) -> Event | None:
        payload = bytes(frame.payload)  # type: ignore[arg-type]
        if frame.opcode is Opcode.PING:
            return Ping(payload)
        if frame.opcode is Opcode.PONG:
            return Fragment()
        if not payload:
            return Close(None)
        return _parse_close(payload)

    def _read_data(self, frame: Frame) -> Event | None:
        # wsproto hands a frame over in pieces as they arrive; every piece but the first is a continuation.
        if (frame.opcode is Opcode.CONTINUATION) == (self._opcode is None):
            raise ParseFailed("a continuation without a message, or a message inside a message")
        if self._opcode is None:
            self._opcode = frame.opcode
        self._size += len(frame.payload)
        if self._size > _MESSAGE_BYTES:
            return _TOO_BIG
        if frame.payload and self._opcode is Opcode.TEXT:
            self._parts = self._parts or []
            self._parts.append(bytes(frame.payload))  # type: ignore[arg-type]
        if not frame.frame_finished:
            return None
        return self._take_message() if frame.message_finished else Fragment()

    def _announces_too_much(self, decoder: FrameDecoder) -> bool:
        """Return whether the frame under way makes the message too big, by the length in its head."""
        head = decoder.header
        if head is None or head.opcode.iscontrol():
            return False
        return self._size + head.payload_len - decoder.payload_consumed > _MESSAGE_BYTES

    def _take_message(self) -> Event:
        event: Event = Text(b"".join(self._parts or ())) if self._opcode is Opcode.TEXT else Binary()
        self._opcode, self._parts, self._size = None, None, 0
        return event


def _ordinary_frame(data: bytes) -> tuple[Event, int] | None:
    """Return the event of an ordinary frame at the start of `data`, and the frame's size; None for any other bytes.

    Ordinary is a complete text, protocol ping or pong of one masked frame, as browsers send them. wsproto reads it in
    the same way, and takes ten times as long.
    """
    if len(data) < _SHORT_HEAD or data[0] not in _ORDINARY:
        return None
    start, length = _SHORT_HEAD, data[1] - _MASKED
    if length == _LENGTH_IN_TWO_BYTES and data[0] == _TEXT:
        start, length = start + 2, int.from_bytes(data[2:4], "big")
        if not _LENGTH_IN_TWO_BYTES <= length <= _MESSAGE_BYTES:
            return None
    elif not 0 <= length < _LENGTH_IN_TWO_BYTES:
        return None
    end = start + length
    if len(data) < end:
        return None
    mask = data[start - 4 : start] * (length // 4 + 1)
    unmasked = int.from_bytes(data[start:end], "big") ^ int.from_bytes(mask[:length], "big")
    payload = unmasked.to_bytes(length, "big")
    event = Text(payload) if data[0] == _TEXT else Ping(payload) if data[0] == _PING else Fragment()
    return event, end


def _parse_close(payload: bytes) -> Event:
    if len(payload) == 1:
        return Broken(frames.PROTOCOL_ERROR, "protocol error")
    (code,) = struct.unpack("!H", payload[:2])
    is_allowed = (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
    if not is_allowed:
        return Broken(frames.PROTOCOL_ERROR, "protocol error")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return Broken(frames.BAD_TEXT, "the reason is not UTF-8")
    return Close(code)
