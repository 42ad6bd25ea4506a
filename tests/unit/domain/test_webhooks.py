"""The rules of webhooks: addresses, URLs, pauses, and the events as docs/webhooks.md shows them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from app.domain.public_addresses import is_public
from app.domain.webhook_events import (
    EVENT_DATA,
    EVENT_TYPES,
    EventPlayer,
    PlayerRenamed,
    event_of,
    score_event_id,
    season_event_id,
)
from app.domain.webhooks import (
    GIVE_UP_AFTER,
    Webhook,
    check_boards,
    check_events,
    check_url,
    new_secret,
    origin_of,
    pause_after,
)

PAGE = Path(__file__).resolve().parents[3] / "docs/webhooks.md"
NOW = datetime(2026, 11, 27, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"),
        *("::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"),
    ],
)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1"),
        *("192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.9"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::7f00:1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("100::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1", "64:ff9b:1::1"),
        *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe"),
        *("2002:7f00:1::1", "2002:a00:1::1", "2002:a9fe:a9fe::", "2001:0:a00:1::1"),
        *("", "localhost", "0x7f.1", "2130706433", "127.1"),
    ],
)
def test_an_address_inside_a_network_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url", ["https://example.org", "https://example.org:8443/hook?key=1", "https://1.1.1.1/", "https://[2606::1]/x"]
)
def test_a_receiver_has_an_https_url(url: str) -> None:
    assert check_url(url, private=False) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "https://"),
        ("example.org", "https://"),
        ("https://", "a host"),
        ("https:///path", "a host"),
        ("https://exa mple.org/", "printable"),
        ("https://bücher.example/", "printable"),
        ("https://example.org/\n", "printable"),
        ("https://example.org/" + "x" * 2000, "printable"),
        ("https://me:secret@example.org/", "password"),
        ("https://example.org@10.0.0.1/", "password"),
        ("https://example.org/#part", "fragment"),
        ("https://example.org:0/", "a host"),
        ("https://example.org:99999/", "read"),
        ("https://[::1", "read"),
        ("https://exa%6dple.org/", "a host"),
    ],
)
def test_any_other_url_is_refused_with_the_rule(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        check_url(url, private=False)


def test_with_private_addresses_http_will_do() -> None:
    assert check_url("http://127.0.0.1:5000/hook", private=True)
    with pytest.raises(ValueError, match="https:// or http://"):
        check_url("file:///etc/passwd", private=True)


def test_the_origin_of_a_url_tells_no_path() -> None:
    assert origin_of("https://example.org:8443/secret?key=1") == "https://example.org:8443"


def test_events_and_boards_are_named_once_each() -> None:
    assert check_events(["record.set", "score.counted", "record.set"]) == ["score.counted", "record.set"]
    assert check_boards(["b", "a", "b"]) == ["b", "a"]
    for events in ([], ["score.counted", "nothing"], ["webhook.test"]):
        with pytest.raises(ValueError, match=r"event|there are"):
            check_events(events)
    with pytest.raises(ValueError, match="at most"):
        check_boards([str(number) for number in range(51)])


def test_pauses_grow_to_six_hours_and_are_spread_by_a_fifth() -> None:
    pauses = [pause_after(tries, 0.5) for tries in range(1, 30)]
    assert pauses[:6] == [5, 20, 80, 320, 1280, 5120]
    assert pauses == sorted(pauses)
    assert set(pauses[7:]) == {21_600}
    assert [pause_after(1, 0.0), pause_after(1, 1.0)] == pytest.approx([4.0, 6.0])
    assert pause_after(10**9, 1.0) < GIVE_UP_AFTER.total_seconds()


def test_a_subscription_chooses_events_and_boards() -> None:
    webhook = Webhook(uuid4(), "", ["record.set", "case.opened"], ["main"], True, NOW, "cli:x", None, None)
    assert webhook.wants("record.set", "main")
    assert webhook.wants("case.opened", None)
    assert not webhook.wants("record.set", "weekly")
    assert not webhook.wants("score.counted", "main")
    all_boards = Webhook(uuid4(), "", ["record.set"], [], True, NOW, "cli:x", None, None)
    assert all_boards.wants("record.set", "weekly")


def test_secrets_are_random_and_in_the_form_of_the_standard() -> None:
    secrets = {new_secret() for _ in range(3)}
    assert len(secrets) == 3
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in secrets)


def test_a_body_is_compact_json_and_says_whom_it_is_about() -> None:
    player = EventPlayer(user_id=uuid4(), username="Ada \u2603")
    event = event_of(uuid4(), NOW, PlayerRenamed(player=player, previous_username="Countess"))
    assert (event.type, event.board, event.player_id) == ("player.renamed", None, player.user_id)
    assert event.payload == (
        '{"type":"player.renamed","timestamp":"2026-11-27T10:00:00.000Z","data":{"player":{"user_id":"'
        f'{player.user_id}","username":"Ada \u2603"}},"previous_username":"Countess"}}}}'
    )


def test_ids_follow_from_the_event() -> None:
    assert score_event_id(1, 2) == score_event_id(1, 2)
    assert len({score_event_id(1, 2), score_event_id(2, 1), season_event_id(1, NOW), season_event_id(2, NOW)}) == 4


def test_the_page_shows_an_example_of_each_event_as_it_is_sent() -> None:
    text = PAGE.read_text()
    bodies = [json.loads(block) for block in re.findall(r"```json\n(.+?)\n```", text, re.DOTALL)]
    assert [body["type"] for body in bodies] == list(EVENT_DATA)
    assert [*EVENT_TYPES, "webhook.test"] == list(EVENT_DATA)
    for body in bodies:
        assert list(body) == ["type", "timestamp", "data"]
        data = EVENT_DATA[body["type"]].model_validate_json(json.dumps(body["data"]))
        assert data.model_dump(mode="json") == body["data"]
    missing = [event for event in EVENT_DATA if f"`{event}`" not in text]
    assert missing == []
