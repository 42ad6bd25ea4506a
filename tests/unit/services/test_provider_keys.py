"""The identity provider's key set in one process: rotation, a provider that is down, slow or lies, and floods."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services.accounts.provider_keys import KEEP_SECONDS, ProviderKeys
from app.stores.accounts.key_sources import KeyFile, KeyUrl, key_source
from tests.parts.provider import KeyServer, ec_key, ed_key, key_server, key_set, rsa_key
from tests.parts.waiting import eventually

FRESH, PAUSE = KeyUrl.fresh_seconds, KeyUrl.pause_seconds


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def running_server() -> Iterator[KeyServer]:
    with key_server() as server:
        yield server


@pytest.fixture
def server(running_server: KeyServer) -> KeyServer:
    running_server.publish(ed_key())
    running_server.asked = 0
    return running_server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server: KeyServer, clock: Clock) -> ProviderKeys:
    return ProviderKeys(KeyUrl(server.url), clock=clock)


def _is_known(keys: ProviderKeys, kid: str) -> bool:
    return keys.find(kid) is not None


def test_the_set_is_read_once_for_many_tokens(keys: ProviderKeys, server: KeyServer) -> None:
    assert [_is_known(keys, "ed-1") for _ in range(5)] == [True] * 5
    assert server.asked == 1


def test_a_new_key_is_found_at_its_first_token(keys: ProviderKeys, server: KeyServer, clock: Clock) -> None:
    assert _is_known(keys, "ed-1")
    server.publish(ed_key(), ec_key())
    clock.now += PAUSE
    assert _is_known(keys, "ec-1")
    assert server.asked == 2


def test_a_withdrawn_key_ends_within_the_cache_time(keys: ProviderKeys, server: KeyServer, clock: Clock) -> None:
    assert _is_known(keys, "ed-1")
    server.publish(ec_key())
    clock.now += FRESH
    assert not _is_known(keys, "ed-1")


def test_the_set_is_renewed_beside_the_requests_before_it_is_old(
    keys: ProviderKeys, server: KeyServer, clock: Clock
) -> None:
    assert _is_known(keys, "ed-1")
    may_answer, newer = threading.Event(), key_set(ec_key())

    def answer() -> tuple[int, dict[str, str], bytes]:
        may_answer.wait(10)
        return 200, {}, newer

    server.answer = answer
    clock.now += FRESH * 0.9
    assert _is_known(keys, "ed-1"), "this request does not wait"
    may_answer.set()
    eventually(lambda: not _is_known(keys, "ed-1"))
    assert server.asked == 2


def test_unknown_keys_never_flood_the_provider(keys: ProviderKeys, server: KeyServer, clock: Clock) -> None:
    assert _is_known(keys, "ed-1")
    assert not any(_is_known(keys, f"made-up-{number}") for number in range(100))
    assert server.asked == 1
    clock.now += PAUSE
    assert not any(_is_known(keys, f"made-up-{number}") for number in range(100))
    assert server.asked == 2


def test_one_request_asks_while_the_others_wait(keys: ProviderKeys, server: KeyServer) -> None:
    may_answer, results = threading.Event(), []

    def answer() -> tuple[int, dict[str, str], bytes]:
        may_answer.wait(10)
        return 200, {}, key_set(ed_key())

    server.answer = answer
    threads = [threading.Thread(target=lambda: results.append(_is_known(keys, "ed-1"))) for _ in range(10)]
    for thread in threads:
        thread.start()
    eventually(lambda: server.asked == 1)
    may_answer.set()
    for thread in threads:
        thread.join()
    assert (results, server.asked) == ([True] * 10, 1)


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        pytest.param(b"", 500, {}, id="an error"),
        pytest.param(b"", 204, {}, id="nothing"),
        pytest.param(b"<html>sign in</html>", 200, {}, id="a page"),
        pytest.param(key_set(), 200, {}, id="an empty set"),
        pytest.param(key_set(ed_key()) + b" " * 300_000, 200, {}, id="an endless body"),
        pytest.param(key_set(ec_key())[:-40], 200, {"Content-Length": "5000"}, id="half a body"),
        pytest.param(b"", 302, {"Location": "/elsewhere"}, id="a redirect"),
    ],
)
def test_garbage_never_replaces_a_good_set(
    keys: ProviderKeys, server: KeyServer, clock: Clock, body: bytes, status: int, headers: dict[str, str]
) -> None:
    assert _is_known(keys, "ed-1")
    server.serve(body, status, **headers)
    clock.now += FRESH
    assert (_is_known(keys, "ed-1"), _is_known(keys, "ec-1"), server.asked) == (True, False, 2)
    server.publish(ec_key())
    clock.now += FRESH
    assert (_is_known(keys, "ed-1"), _is_known(keys, "ec-1")) == (False, True)


@pytest.mark.parametrize("body", [b"", b"garbage", key_set()])
def test_without_a_set_nobody_is_let_in(keys: ProviderKeys, server: KeyServer, clock: Clock, body: bytes) -> None:
    server.serve(body)
    assert not any(_is_known(keys, "ed-1") for _ in range(5))
    assert server.asked == 1
    server.publish(ed_key())
    clock.now += PAUSE
    assert _is_known(keys, "ed-1")


def test_known_keys_outlive_a_provider_that_is_down_for_a_day(clock: Clock) -> None:
    with key_server() as server:
        keys = ProviderKeys(KeyUrl(server.url), clock=clock)
        assert _is_known(keys, "ed-1")
    for later in (FRESH, FRESH + PAUSE, KEEP_SECONDS / 2):
        clock.now = 1000 + later
        assert (_is_known(keys, "ed-1"), _is_known(keys, "ec-1")) == (True, False)
    clock.now = 1000 + KEEP_SECONDS
    assert not _is_known(keys, "ed-1")


def test_a_provider_that_never_answers_holds_up_no_known_key(
    keys: ProviderKeys, server: KeyServer, clock: Clock
) -> None:
    assert _is_known(keys, "ed-1")
    server.serve(b"", 500)
    clock.now += FRESH
    assert _is_known(keys, "ed-1"), "the first request after the cache time waits for the answer"
    may_answer = threading.Event()

    def answer() -> tuple[int, dict[str, str], bytes]:
        may_answer.wait(10)
        return 500, {}, b""

    server.answer = answer
    clock.now += PAUSE
    assert _is_known(keys, "ed-1")
    eventually(lambda: server.asked == 3)
    assert _is_known(keys, "ed-1")
    assert not may_answer.is_set(), "none of them has waited"
    may_answer.set()


def test_a_slow_answer_is_cut_off(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.stores.accounts.key_sources._WHOLE_SECONDS", 0.2)
    may_answer = threading.Event()

    def answer() -> tuple[int, dict[str, str], bytes]:
        may_answer.wait(10)
        return 200, {}, key_set(ed_key())

    server.answer = answer
    with pytest.raises((OSError, ValueError)):
        KeyUrl(server.url).read()
    may_answer.set()


def test_a_file_is_read_again_when_it_changes(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(ed_key()))
    source = key_source(str(path))
    assert isinstance(source, KeyFile)
    keys = ProviderKeys(source, clock=clock)
    assert (_is_known(keys, "ed-1"), _is_known(keys, "rsa-1")) == (True, False)
    path.write_bytes(key_set(rsa_key()))
    clock.now += source.fresh_seconds
    assert (_is_known(keys, "ed-1"), _is_known(keys, "rsa-1")) == (False, True)
    path.unlink()
    clock.now += source.fresh_seconds
    assert _is_known(keys, "rsa-1")
