"""One client's conversation over a pair of sockets: its messages, and the answers."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import gevent
import gevent.event
import pytest

from app.settings import Settings
from app.ws.heartbeat import Heartbeat
from app.ws.hub import Hub
from app.ws.messages import Subscribe, Watch
from app.ws.reader import BoardAdmission
from tests.parts.subscriber import frame_header
from tests.parts.wire import until
from tests.unit.ws.conftest import Guest, admit, allowance, converse, rows, subscribe


def test_a_subscribe_is_answered_with_the_board(conversation: Guest) -> None:
    subscribe(conversation.wire)
    message = conversation.wire.next()
    assert message == {
        "type": "leaderboard.initial",
        "meta": {"code": 200, "board": "main", "version": 1, "online": 1},
        "data": rows(1),
    }


@pytest.mark.parametrize(
    ("auth", "status", "code", "close"),
    [
        (None, 401, "unauthorized", 1008),
        ("bad", 401, "unauthorized", 1008),
        ("suspended", 403, "account_suspended", 1008),
        ("unknown", 404, "not_found", 1008),
        ("down", 503, "unavailable", 1013),
    ],
)
def test_a_refused_subscribe_says_why_and_closes(
    conversation: Guest, auth: str | None, status: int, code: str, close: int
) -> None:
    subscribe(conversation.wire, auth)
    assert conversation.wire.until_closed() == close
    (message,) = conversation.wire.messages
    assert message["type"] == "error"
    assert message["meta"] == {"code": status}
    assert message["error"]["code"] == code
    assert message["error"]["message"]


@pytest.mark.parametrize("board", ["\0", "x" * 65, "\ud800"])
def test_a_board_that_cannot_be_is_unknown(conversation: Guest, board: str) -> None:
    subscribe(conversation.wire, board=board)
    assert conversation.wire.until_closed() == 1008
    assert conversation.wire.messages[0]["meta"] == {"code": 404}


def test_a_further_subscribe_changes_the_board(conversation: Guest) -> None:
    subscribe(conversation.wire)
    subscribe(conversation.wire, board="weekly")
    assert [conversation.wire.next()["meta"]["board"] for _ in range(2)] == ["main", "weekly"]


def test_a_watch_is_answered_like_a_subscribe_and_counts_as_no_player(conversation: Guest) -> None:
    conversation.wire.send({"type": "watch", "board": "weekly"})
    assert conversation.wire.next() == {
        "type": "leaderboard.initial",
        "meta": {"code": 200, "board": "weekly", "version": 1, "online": 0},
        "data": rows(1),
    }


def test_a_watching_socket_changes_its_board_and_signs_in_and_out(conversation: Guest) -> None:
    online = []
    for message in (
        {"type": "watch"},
        {"type": "watch", "board": "weekly"},
        {"type": "subscribe", "auth": "Bearer x", "board": "weekly"},
        {"type": "watch", "board": "weekly"},
    ):
        conversation.wire.send(message)
        meta = conversation.wire.next()["meta"]
        online.append((meta["board"], meta["online"]))
        assert (conversation.subscriber.sign_in is None) == (message["type"] == "watch")
    assert online == [("main", 0), ("weekly", 0), ("weekly", 1), ("weekly", 0)]


def test_a_watch_with_more_fields_is_an_unreadable_message(conversation: Guest) -> None:
    conversation.wire.send({"type": "watch", "me": True})
    assert conversation.wire.next()["meta"] == {"code": 400}
    assert conversation.subscriber.board is None


def test_a_further_subscribe_with_a_bad_token_closes(conversation: Guest) -> None:
    subscribe(conversation.wire)
    subscribe(conversation.wire, "bad")
    assert conversation.wire.until_closed() == 1008


def test_a_further_subscribe_while_a_part_is_down_keeps_what_there_is(conversation: Guest, hub: Hub) -> None:
    subscribe(conversation.wire)
    conversation.wire.next()
    subscribe(conversation.wire, "down")
    assert conversation.wire.next()["meta"] == {"code": 503}
    hub.change("main", 2, rows(2), [])
    assert conversation.wire.next()["meta"]["version"] == 2


def test_the_third_message_that_nobody_understands_is_the_last(conversation: Guest) -> None:
    conversation.wire.send("hello")
    conversation.wire.say_binary(b"\0")
    assert [conversation.wire.next()["meta"]["code"] for _ in range(2)] == [400, 400]
    subscribe(conversation.wire)
    assert conversation.wire.next()["type"] == "leaderboard.initial"
    conversation.wire.send({"type": "what"})
    assert conversation.wire.until_closed() == 1008
    assert [message["meta"] for message in conversation.wire.messages] == [{"code": 400}]


def test_text_that_is_no_utf8_is_one_of_them(conversation: Guest) -> None:
    conversation.wire.write(frame_header(1, 2) + b"\xff\xfe")
    assert conversation.wire.next()["error"]["code"] == "malformed_json"


def test_a_message_over_4_kib_closes_with_1009(conversation: Guest) -> None:
    conversation.wire.send("x" * 4097)
    assert conversation.wire.until_closed() == 1009


def test_what_is_no_websocket_frame_closes_with_1002(conversation: Guest) -> None:
    conversation.wire.write(b"GET / HTTP/1.1\r\n\r\n")
    assert conversation.wire.until_closed() == 1002


def test_a_pong_message_answers_our_pings(conversation: Guest) -> None:
    conversation.subscriber.unanswered_pings = 2
    conversation.wire.send({"type": "pong", "timestamp": "2026-01-01T00:00:00Z"})
    until(lambda: conversation.subscriber.unanswered_pings == 0)


def test_a_protocol_ping_is_answered(conversation: Guest) -> None:
    conversation.wire.ping(b"are you there")
    conversation.wire.read_until(lambda: conversation.wire.pongs == [b"are you there"])


@pytest.mark.parametrize("code", [1000, 1001, 4000])
def test_a_close_is_answered_with_its_own_code(conversation: Guest, code: int) -> None:
    conversation.wire.close(code)
    assert conversation.wire.until_closed() == code


def test_a_close_without_a_code_is_answered_without_one(conversation: Guest) -> None:
    conversation.wire.write(frame_header(8, 0))
    assert conversation.wire.until_closed() == 1005


def test_after_our_close_nothing_is_heard_but_the_end(conversation: Guest) -> None:
    conversation.subscriber.outbound.close(1008)
    subscribe(conversation.wire)
    conversation.wire.send("garbage")
    conversation.wire.write(frame_header(8, 2) + struct.pack("!H", 1008))
    assert conversation.wire.until_closed() == 1008
    assert conversation.wire.messages == []
    until(lambda: not conversation.wire.unread)
    assert conversation.subscriber.board is None


def test_a_client_that_asks_and_never_reads_is_not_read_either(guest: Callable[..., Guest]) -> None:
    greedy = guest(send_buffer=4096)
    ended = converse(greedy, allowed=allowance(1e6))
    pings = full = 0
    while pings < 20_000 and full < 20:
        try:
            greedy.wire.ping(b"x" * 125)
            pings, full = pings + 1, 0
        except BlockingIOError:
            full += 1
            gevent.sleep(0.005)
    assert greedy.subscriber.outbound.backlog < 100
    greedy.wire.client.close()
    ended.get(timeout=10)


def test_a_subscribe_that_the_stores_answer_late_is_not_taken_for_none(hub: Hub, guest: Callable[..., Guest]) -> None:
    patient, answered = guest(), gevent.event.Event()
    patient.subscriber.subscribe_by_at = time.monotonic()  # long over by the next tick
    boards: list[str] = []

    def slow_admit(message: Subscribe | Watch) -> BoardAdmission:
        boards.append(message.board)
        answered.wait()
        return admit(message)

    ended = converse(patient, slow_admit)
    subscribe(patient.wire)
    until(lambda: bool(boards))
    Heartbeat(hub, Settings(), lambda: 0.0).tick()
    answered.set()
    assert patient.wire.next()["type"] == "leaderboard.initial"
    patient.wire.client.close()
    ended.get(timeout=10)
