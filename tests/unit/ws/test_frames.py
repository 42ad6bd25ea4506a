"""Our frames, read by wsproto."""

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Pong, TextMessage

from app.ws import frames


def _events(data: bytes) -> list[object]:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


@pytest.mark.parametrize("length", [0, 1, 124, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_of_any_length_arrives_whole(length: int) -> None:
    (event,) = _events(frames.text(b"x" * length))
    assert event == TextMessage("x" * length, frame_finished=True, message_finished=True)


@pytest.mark.parametrize(("length", "header"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_the_length_is_written_in_the_shortest_form(length: int, header: int) -> None:
    assert len(frames.text(b"x" * length)) == header + length


@pytest.mark.parametrize("code", [1000, 1008, 1009, 1012, 4408, 4409])
def test_a_close_carries_its_code_and_reason(code: int) -> None:
    assert _events(frames.close(code, "why")) == [CloseConnection(code, "why")]


def test_a_close_without_a_code_is_empty() -> None:
    assert frames.close(None) == b"\x88\x00"


def test_a_pong_carries_the_pings_payload() -> None:
    assert _events(frames.pong(b"\x00\xff")) == [Pong(b"\x00\xff")]


def test_frames_one_after_the_other_stay_apart() -> None:
    stream = frames.text(b"one") + frames.pong(b"") + frames.text("zwei…".encode())
    assert [getattr(event, "data", None) for event in _events(stream)] == ["one", None, "zwei…"]
