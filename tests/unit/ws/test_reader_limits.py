"""A client that sends too much: messages, frames, and work that its address has not earned."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from app.ws.allowance import Allowance, Bucket
from tests.parts.subscriber import frame_header
from tests.parts.wire import until
from tests.unit.ws.conftest import BURST, Guest, allowance, converse, subscribe

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


def test_a_socket_whose_address_owes_time_is_left_unread_and_another_is_not(guest: Callable[..., Guest]) -> None:
    poor, rich = guest(), guest()
    allowances = {poor: allowance(work=0.5), rich: allowance()}
    ends = [converse(member, allowed=allowed) for member, allowed in allowances.items()]
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
    for ended in ends:
        ended.get(timeout=10)


@pytest.mark.parametrize(
    "message", [{"type": "watch"}, {"type": "subscribe", "auth": "Bearer x"}], ids=["watch", "sub"]
)
def test_a_watch_costs_its_address_as_much_as_a_subscribe(guest: Callable[..., Guest], message: dict[str, str]) -> None:
    member = guest()
    allowed = Allowance(Bucket(1.0, BURST, lambda: 0.0), Bucket(1.0, 1.0, lambda: 0.0))
    ended = converse(member, allowed=allowed)
    member.wire.send(message)
    assert member.wire.next()["type"] == "leaderboard.initial"
    until(lambda: allowed.pause == 6.0)
    member.subscriber.outbound.drop()
    ended.get(timeout=10)
