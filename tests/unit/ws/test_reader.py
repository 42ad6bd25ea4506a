"""One client's conversation over a pair of sockets: its messages, and the answers."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import gevent
import gevent.event
import pytest

from app.errors import AccountSuspended, NotFound, Refusal, Unauthorized, Unavailable
from app.settings import Settings
from app.ws.allowance import Allowance, Bucket
from app.ws.heartbeat import Heartbeat
from app.ws.hub import Hub
from app.ws.reader import Admission, Reader
from app.ws.subscriber import SignIn
from tests.parts.subscriber import frame_header
from tests.parts.wire import Wire, until
from tests.unit.ws.conftest import FAR, Guest, rows

REFUSALS: dict[str, Refusal] = {
    "bad": Unauthorized(),
    "suspended": AccountSuspended(),
    "unknown": NotFound(),
    "down": Unavailable(),
}


def admit(auth: str | None, board: str) -> Admission:
    """Admit every client except those with a token that names a refusal."""
    if auth is None:
        raise Unauthorized()
    if auth in REFUSALS:
        raise REFUSALS[auth]
    gevent.sleep(0)  # asking the stores lets others run
    return Admission(SignIn(uuid4(), uuid4(), FAR), {"board": board, "version": 1, "data": rows(1)})


BURST = 30


def allowance(burst: float = BURST, work: float = 1e6) -> Allowance:
    """Return a socket's allowance on a stopped clock: `burst` messages, `work` units until its address waits."""
    return Allowance(Bucket(1.0, burst, lambda: 0.0), Bucket(0.01, work, lambda: 0.0))


@pytest.fixture
def conversation(hub: Hub, guest: Callable[..., Guest]) -> Iterator[Guest]:
    """Yield a guest whose conversation is under way."""
    someone = guest()
    conversation = Reader(hub, someone.subscriber, admit, allowance(), ping_seconds=30.0)
    reading = gevent.spawn(conversation.read, someone.wire.server)
    yield someone
    someone.wire.client.close()
    reading.get(timeout=10)


def subscribe(wire: Wire, auth: str | None = "Bearer x", **more: str) -> None:
    wire.send({"type": "subscribe", **({"auth": auth} if auth else {}), **more})


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


def test_a_client_that_asks_and_never_reads_is_not_read_either(hub: Hub, guest: Callable[..., Guest]) -> None:
    greedy = guest(send_buffer=4096)
    conversation = Reader(hub, greedy.subscriber, admit, allowance(1e6), ping_seconds=30.0)
    reading = gevent.spawn(conversation.read, greedy.wire.server)
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
    until(lambda: reading.dead)


PONG = {"type": "pong", "timestamp": "2026-01-01T00:00:00Z"}
PROTOCOL_PING, PROTOCOL_PONG = frame_header(9, 0), frame_header(10, 0)
ENDLESS = frame_header(0, 0, final=False)


def _assert_flood_refused(conversation: Guest) -> None:
    assert conversation.wire.until_closed() == 1008
    assert conversation.wire.messages[-1]["type"] == "error"
    assert conversation.wire.messages[-1]["meta"] == {"code": 429}
    assert conversation.wire.messages[-1]["error"]["code"] == "rate_limited"
    assert conversation.hub.closed_flood == 1


@pytest.mark.parametrize("subscribed", [False, True], ids=["before a subscribe", "after it"])
def test_a_socket_that_sends_too_many_messages_is_told_and_closed(conversation: Guest, subscribed: bool) -> None:
    if subscribed:
        subscribe(conversation.wire)
        conversation.wire.next()
    for _ in range(4 * BURST):
        conversation.wire.send(PONG)
    _assert_flood_refused(conversation)
    assert conversation.hub.frames_read == BURST + 1, "what follows is thrown away unread"


@pytest.mark.parametrize(
    ("start", "frame"),
    [
        (b"", PROTOCOL_PING),
        (b"", PROTOCOL_PONG),
        (frame_header(1, 0, final=False), ENDLESS),
        (frame_header(2, 0, final=False), ENDLESS),
        (frame_header(1, 0, final=False), ENDLESS + PROTOCOL_PING),
    ],
    ids=["pings", "pongs", "an endless text", "an endless binary", "pings between fragments"],
)
def test_frames_that_are_no_messages_are_limited_too(conversation: Guest, start: bytes, frame: bytes) -> None:
    conversation.wire.write(start)
    for _ in range(2 * 32 * BURST // 50):
        if conversation.hub.closed_flood:
            break
        conversation.wire.write(frame * 50)
        until(lambda: not conversation.wire.unread or conversation.hub.closed_flood > 0)
    conversation.wire.read_until(lambda: conversation.wire.close_code == 1008)
    assert conversation.hub.frames_read <= 32 * BURST + 2


def test_a_subscribe_in_fragments_of_a_byte_is_still_one_subscribe(conversation: Guest) -> None:
    text = json.dumps({"type": "subscribe", "auth": "Bearer " + "x" * 600}).encode()
    last = len(text) - 1
    heads = [frame_header(0 if number else 1, 1, final=number == last) for number in range(len(text))]
    conversation.wire.write(b"".join(head + bytes([byte]) for head, byte in zip(heads, text, strict=True)))
    assert conversation.wire.next()["type"] == "leaderboard.initial"


def test_an_answer_to_a_ping_is_not_counted_against_the_client(conversation: Guest) -> None:
    for _ in range(3 * BURST):
        conversation.subscriber.unanswered_pings = 1
        conversation.wire.send(PONG)
        until(lambda: conversation.subscriber.unanswered_pings == 0)
    subscribe(conversation.wire)
    assert conversation.wire.next()["type"] == "leaderboard.initial"


def test_unreadable_messages_are_still_forgiven_twice_and_end_it_the_third_time(conversation: Guest) -> None:
    for _ in range(BURST):
        conversation.wire.send("nonsense")
    assert conversation.wire.until_closed() == 1008
    assert [message["meta"]["code"] for message in conversation.wire.messages] == [400, 400, 400]


def test_a_socket_whose_address_owes_time_is_left_unread_and_another_is_not(
    hub: Hub, guest: Callable[..., Guest]
) -> None:
    poor, rich = guest(), guest()
    allowances = {poor: allowance(work=0.5), rich: allowance()}
    reading = [
        gevent.spawn(Reader(hub, member.subscriber, admit, allowed, ping_seconds=30.0).read, member.wire.server)
        for member, allowed in allowances.items()
    ]
    for member in (poor, rich):
        member.subscriber.unanswered_pings = 1
        member.wire.send({"type": "pong"})  # the poor one's debt begins with it, and the clock stands still
        until(lambda member=member: member.subscriber.unanswered_pings == 0)  # type: ignore[misc]
    for member in (poor, rich):
        member.subscriber.unanswered_pings = 1
        member.wire.send({"type": "pong"})
    until(lambda: rich.subscriber.unanswered_pings == 0)
    assert poor.subscriber.unanswered_pings == 1
    for member in (poor, rich):
        member.wire.client.close()
        member.subscriber.outbound.drop()
    gevent.joinall(reading, timeout=10, raise_error=True)


def test_a_subscribe_that_the_stores_answer_late_is_not_taken_for_none(hub: Hub, guest: Callable[..., Guest]) -> None:
    patient, answered = guest(), gevent.event.Event()
    patient.subscriber.subscribe_by_at = time.monotonic()  # long over by the next tick
    boards: list[str] = []

    def slow_admit(auth: str | None, board: str) -> Admission:
        boards.append(board)
        answered.wait()
        return admit(auth, board)

    conversation = Reader(hub, patient.subscriber, slow_admit, allowance(), ping_seconds=30.0)
    reading = gevent.spawn(conversation.read, patient.wire.server)
    subscribe(patient.wire)
    until(lambda: bool(boards))
    Heartbeat(hub, Settings(), lambda: 0.0).tick()
    answered.set()
    assert patient.wire.next()["type"] == "leaderboard.initial"
    patient.wire.client.close()
    reading.get(timeout=10)
