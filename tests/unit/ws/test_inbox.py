"""A client's messages, in all the pieces in which they may arrive."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ws.inbox import Binary, Broken, Close, Event, Fragment, Inbox, Ping, Text

MASK = b"\x11\x22\x33\x44"


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """Return a client's frame."""
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", opcode | (0x80 if final else 0), 0x80 | length)
    elif length < 65_536:
        head = struct.pack("!BBH", opcode | (0x80 if final else 0), 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", opcode | (0x80 if final else 0), 0x80 | 127, length)
    return head + MASK + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))


def read(*pieces: bytes) -> list[Event]:
    inbox = Inbox()
    return [event for piece in pieces for event in inbox.feed(piece)]


messages: st.SearchStrategy[tuple[bytes, list[Event]]] = st.one_of(
    st.binary(max_size=300).map(lambda data: (frame(1, data), [Text(data)])),
    st.binary(max_size=300).map(lambda data: (frame(2, data), [Binary()])),
    st.binary(max_size=125).map(lambda data: (frame(9, data), [Ping(data)])),
    st.binary(max_size=125).map(lambda data: (frame(10, data), [Fragment()])),
    # A text in three frames, with a ping in between.
    st.tuples(*[st.binary(max_size=90)] * 3).map(
        lambda parts: (
            frame(1, parts[0], final=False) + frame(0, parts[1], final=False) + frame(9, b"?") + frame(0, parts[2]),
            [Fragment(), Fragment(), Ping(b"?"), Text(b"".join(parts))],
        )
    ),
)


@given(st.lists(messages, max_size=6), st.data())
def test_the_same_messages_come_out_wherever_the_stream_is_cut(
    items: list[tuple[bytes, list[Event]]], data: st.DataObject
) -> None:
    stream = b"".join(raw for raw, _ in items) + frame(8, struct.pack("!H", 1000))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*pieces) == [event for _, events in items for event in events] + [Close(1000)]


def test_every_single_byte_may_come_alone() -> None:
    stream = frame(1, b"a" * 200) + frame(9, b"p") + frame(1, b"b")
    pieces = [stream[place : place + 1] for place in range(len(stream))]
    assert read(*pieces) == [Text(b"a" * 200), Ping(b"p"), Text(b"b")]


@given(st.binary(max_size=600))
def test_no_bytes_whatsoever_raise(noise: bytes) -> None:
    events = read(noise[:7], noise[7:])
    assert all(not isinstance(event, Close | Broken) for event in events[:-1])


@pytest.mark.parametrize("opcode", [1, 2])
def test_a_message_of_4096_bytes_passes_and_one_more_byte_is_too_big(opcode: int) -> None:
    assert read(frame(opcode, b"x" * 4096)) == [Text(b"x" * 4096) if opcode == 1 else Binary()]
    assert [event.code for event in read(frame(opcode, b"x" * 4097)) if isinstance(event, Broken)] == [1009]


def test_after_it_was_shut_nothing_comes_of_what_was_fed() -> None:
    inbox, events = Inbox(), []
    for event in inbox.feed(frame(1, b"a") + frame(1, b"b") + frame(1, b"c")):
        events.append(event)
        if len(events) == 2:
            inbox.shut()
    assert events == [Text(b"a"), Text(b"b")]
    assert list(inbox.feed(frame(1, b"d"))) == []


def test_fragments_count_together_against_the_limit() -> None:
    *_, event = read(frame(1, b"x" * 3000, final=False), frame(0, b"x" * 3000))
    assert isinstance(event, Broken)
    assert event.code == 1009


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (struct.pack("!BBH", 0x81, 0xFE, 4097), 1009),
        (struct.pack("!BBQ", 0x82, 0xFF, 2**63 - 1), 1009),
        (struct.pack("!BBQ", 0x81, 0xFF, 2**63), 1002),
        (frame(1, b"x" * 3000, final=False) + struct.pack("!BBH", 0x80, 0xFE, 1097), 1009),
        (frame(1, b"x" * 3000, final=False) + frame(9, b"?") + struct.pack("!BBH", 0x80, 0xFE, 1097), 1009),
    ],
)
def test_a_message_is_too_big_by_its_head_alone(head: bytes, code: int) -> None:
    for stream in (head + MASK, head + MASK + b"x"):
        event = read(stream)[-1]
        assert isinstance(event, Broken)
        assert event.code == code


def test_a_frame_that_completes_4096_bytes_may_come_in_pieces() -> None:
    stream = frame(1, b"x" * 3000, final=False) + frame(0, b"x" * 1096)
    pieces = [stream[place : place + 7] for place in range(0, len(stream), 7)]
    assert read(*pieces) == [Fragment(), Text(b"x" * 4096)]


def test_the_reason_of_a_close_is_utf8() -> None:
    assert read(frame(8, struct.pack("!H", 1000) + "Zürich".encode())) == [Close(1000)]
    for reason in (b"\xff", "Zürich".encode("latin-1"), b"\xed\xa0\x80"):
        (event,) = read(frame(8, struct.pack("!H", 1000) + reason))
        assert isinstance(event, Broken)
        assert event.code == 1007
    (event,) = read(frame(8, struct.pack("!H", 1005) + b"\xff"))
    assert isinstance(event, Broken)
    assert event.code == 1002


def test_a_message_is_too_big_before_all_of_it_has_come() -> None:
    (event,) = read(frame(1, b"x" * 1_000_000)[:5000])
    assert isinstance(event, Broken)
    assert event.code == 1009


@pytest.mark.parametrize(
    "raw",
    [
        b"\x81\x05hello",  # not masked
        frame(0, b"x"),  # a continuation of nothing
        frame(1, b"x", final=False) + frame(1, b"y"),  # a message inside a message
        frame(3, b"x"),  # an undefined opcode
        frame(9, b"x", final=False),  # a fragmented ping
        frame(9, b"x" * 126),  # a ping that is too long
        b"\xc1" + frame(1, b"x")[1:],  # compressed, though no compression was agreed
        frame(8, b"\x03"),  # half a code
        frame(8, struct.pack("!H", 1005)),  # codes that may not be sent
        frame(8, struct.pack("!H", 999)),
    ],
)
def test_what_breaks_the_protocol_ends_the_reading(raw: bytes) -> None:
    event = read(raw, frame(1, b"more"))[-1]
    assert isinstance(event, Broken)
    assert event.code == 1002


def test_a_close_may_come_without_a_code() -> None:
    assert read(frame(8, b""), frame(1, b"more")) == [Close(None)]


def test_bytes_that_are_no_utf8_are_a_message_that_someone_else_refuses() -> None:
    assert read(frame(1, b"\xff\xfe")) == [Text(b"\xff\xfe")]
