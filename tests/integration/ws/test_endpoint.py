"""The endpoint on its own server processes, without workers: the tests announce changes themselves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
import requests

from app.containers.container import Container
from app.errors import Unavailable
from app.factory import create_app
from app.services.boards.outbox import BoardChange
from app.settings import Settings
from app.stores.boards.board_events import BOARD_CHANNEL, BoardChanged, publish_board
from app.ws.routes import count_sockets, tier_of
from devstack.apps import Web
from devstack.child import free_port
from devstack.stack import Stack
from tests.parts.client import Api, Player
from tests.parts.product import UNLIMITED
from tests.parts.provider import AUDIENCE, ISSUER, ec_key, ed_key, key_set, token_of
from tests.parts.subscriber import Subscriber, frame_header, refused_upgrade, subscribed
from tests.parts.waiting import eventually


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("web")
    keys = folder / "keys.json"
    keys.write_bytes(key_set(ed_key()))
    env = {
        **UNLIMITED,
        "ALLOWED_ORIGINS": "https://partner.example",
        "PING_SECONDS": "2",
        "WEB_WORKERS": "2",
        "IDENTITY_ISSUER": ISSUER,
        "IDENTITY_AUDIENCE": AUDIENCE,
        "IDENTITY_JWKS": str(keys),
    }
    with Stack(folder, env, parts=("web",)) as stack:
        yield stack


@pytest.fixture
def behind(web: Stack) -> Iterator[Container]:
    """Yield the same stores, as another process sees them."""
    container = Container(Settings.from_env(web.env))
    yield container
    container.close()


@pytest.fixture
def anna(web: Stack) -> Iterator[Player]:
    api = Api(web.url)
    yield api.register()
    api.close()


def refresh(behind: Container, player: Player) -> None:
    """Refresh the board as the worker does after a redemption."""
    season = behind.standings.season("main")
    behind.board_sync.sync([BoardChange(season.id, "main", None, [UUID(player.user_id)])])


def listening(behind: Container) -> int:
    """Return the number of processes that listen for changes now."""
    return int(dict(behind.redis.pubsub_numsub(BOARD_CHANNEL)).get(BOARD_CHANNEL, 0))


def in_every_process(web: Stack, player: Player) -> list[Subscriber]:
    """Open ten sockets in each of the two workers. The kernel chooses the accepting one, so the other is paused."""
    _, *workers = web.process("web").pids()
    assert len(workers) == 2
    sockets = []
    for paused in workers:
        os.kill(paused, signal.SIGSTOP)
        try:
            sockets += [subscribed(web.url, player.access_token) for _ in range(10)]
        finally:
            os.kill(paused, signal.SIGCONT)
    return sockets


def test_a_change_reaches_the_subscribers_of_every_process(web: Stack, behind: Container, anna: Player) -> None:
    sockets = in_every_process(web, anna)
    eventually(lambda: listening(behind) == 2)
    score = anna.score_once()["score"]["current"]
    refresh(behind, anna)
    for socket in sockets:
        message = socket.until_score(anna.user_id, score)
        assert message["meta"]["board"] == "main"
        socket.close()


def test_what_was_published_while_nobody_listened_is_read_afterwards(
    web: Stack, behind: Container, anna: Player
) -> None:
    with subscribed(web.url, anna.access_token) as socket:
        eventually(lambda: listening(behind) > 0)
        score = anna.score_once()["score"]["current"]
        is_cut_off = False
        while not is_cut_off:
            behind.redis.client_kill_filter(_type="pubsub")
            is_cut_off = listening(behind) == 0
        refresh(behind, anna)
        socket.until_score(anna.user_id, score)


def test_a_change_that_nobody_announces_is_found_by_looking(web: Stack, anna: Player) -> None:
    with subscribed(web.url, anna.access_token) as socket:
        score = anna.score_once()["score"]["current"]
        socket.until_score(anna.user_id, score)


def test_old_news_and_news_told_twice_are_not_passed_on(web: Stack, behind: Container, anna: Player) -> None:
    with subscribed(web.url, anna.access_token) as socket:
        eventually(lambda: listening(behind) > 0)
        newest = behind.standings.snapshot("main")
        rows, version = newest["data"], newest["version"] + 1000
        for number in (version, version, version - 1, version - 999, version + 1):
            publish_board(behind.redis, BoardChanged("main", number, rows, []))
        versions = [0]
        while versions[-1] != version + 1:
            versions.append(socket.next()["meta"]["version"])
        assert versions == sorted(set(versions))
        assert version - 1 not in versions


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("own", 101),
        ("https://partner.example", 101),
        ("https://partner.example.evil.example", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
        ("https://{host}", 101),  # a proxy that ends TLS may not say so
        ("ftp://{host}", 403),
        ("//{host}", 403),
        ("http://{host}/path", 403),
    ],
)
def test_an_origin_opens_a_socket_only_if_it_is_ours_or_allowed(web: Stack, origin: str | None, status: int) -> None:
    if origin:
        origin = web.url if origin == "own" else origin.format(host=web.url.removeprefix("http://"))
    assert refused_upgrade(web.url, origin=origin) == status


@pytest.mark.parametrize(
    ("query", "status"), [("", 101), ("client=0f3b", 101), ("board=main", 422), ("client=a&client=b", 422), ("=", 422)]
)
def test_a_handshake_refuses_parameters_as_every_route_does(web: Stack, query: str, status: int) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers = {**upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    url = f"{web.url}/api/v1/ws/leaderboard?{query}"
    with requests.get(url, headers=headers, stream=True, timeout=10) as answer:
        assert answer.status_code == status
        if status == 422:
            assert answer.json()["error"]["code"] == "invalid_request"


def test_who_asks_without_an_upgrade_is_told_what_this_is(web: Stack) -> None:
    api = Api(web.url)
    answer = api.get("/ws/leaderboard")
    assert answer.refusal == (426, "upgrade_required")
    api.close()


def connections(stack: Stack) -> int:
    """Return the number of clients' connections for which a worker of the web tier has an open descriptor."""
    master = stack.process("web")
    assert isinstance(master, Web)
    return connections_of(master)


def connections_of(master: Web) -> int:
    """Return the same for one web tier."""
    workers = [psutil.Process(pid) for pid in master.pids()[1:]]
    open_ones = [connection for worker in workers for connection in worker.net_connections("tcp")]
    return sum(
        connection.laddr.port == master.address[1] and connection.status != psutil.CONN_LISTEN
        for connection in open_ones
    )


def test_sockets_outlive_their_requests_and_leave_no_descriptor(web: Stack, anna: Player) -> None:
    """Wait longer than gunicorn waits for a further request on a connection; half of the sockets then vanish."""
    anna.api.close()
    eventually(lambda: connections(web) == 0)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(Subscriber(web.url)) for _ in range(10)]
        for socket in sockets[5:]:
            socket.subscribe(anna.access_token)
            socket.next("leaderboard.initial")
        assert connections(web) == 10
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            for socket in sockets[5:]:
                socket.next("ping")
        for socket in sockets[:5]:
            socket.subscribe(anna.access_token)
            assert socket.next("leaderboard.initial")
        for socket in sockets[::2]:
            socket.vanish()
        eventually(lambda: connections(web) == 5)
    eventually(lambda: connections(web) == 0)


def test_a_process_that_holds_all_the_sockets_it_can_takes_no_seat_for_another(behind: Container) -> None:
    app = create_app(behind.settings)
    count_sockets(app, keep_place=pytest.fail, most=0)
    with pytest.raises(Unavailable, match="as many sockets as it can"):
        tier_of(app).arrive("203.0.113.9")
    app.extensions["fairboard"].close()


class SharingWeb(Web):
    """A web tier that shares its port with others."""

    def command(self) -> list[str]:
        return [*super().command(), "--reuse-port"]


def test_servers_that_share_a_port_share_the_sockets(web: Stack, anna: Player, tmp_path: Path) -> None:
    """Two of them need no nginx: one stops, and its clients find the other at the same address."""
    env = {**web.env, "PORT": str(free_port()), "WEB_WORKERS": "1", "PING_SECONDS": "600"}
    servers = [SharingWeb(tmp_path / f"{number}.log", env) for number in range(2)]
    with contextlib.ExitStack() as stack:
        for server in servers:
            server.start()
            stack.callback(server.stop)
        url = f"http://127.0.0.1:{env['PORT']}"
        sockets: list[Subscriber] = []

        def both_have_sockets() -> bool:
            sockets.append(subscribed(url, anna.access_token))
            return min(map(connections_of, servers)) > 0

        eventually(both_have_sockets, within=60)
        counts = [connections_of(server) for server in servers]
        assert sum(counts) == len(sockets)
        servers[0].stop()
        closed = [socket for socket in sockets if was_closed(socket)]
        assert len(closed) == counts[0]
        for _ in closed:
            subscribed(url, anna.access_token).close()


def was_closed(socket: Subscriber) -> bool:
    """Return whether the server has closed the socket with 1012."""
    try:
        return socket.until_closed(within=0.2)[0] == 1012
    except AssertionError:
        return False


def test_a_stopping_worker_waits_for_its_sockets_to_close(web: Stack, anna: Player) -> None:
    """Answer the close frame a second late: the connection is still there, and ends with the answer."""
    master = web.process("web")
    socket = subscribed(web.url, anna.access_token)
    master.ask_to_stop()
    data = b""
    while (1012).to_bytes(2, "big") not in data:
        chunk = socket.raw.recv(1000)
        assert chunk, "hung up without a word"
        data += chunk
    socket.raw.settimeout(1)
    with pytest.raises(TimeoutError):
        socket.raw.recv(1)
    socket.raw.sendall(frame_header(8, 2) + (1012).to_bytes(2, "big"))
    socket.raw.settimeout(10)
    assert socket.raw.recv(1) == b""
    eventually(lambda: not master.is_running)
    assert master.exit_code == 0
    master.start()


def test_a_worker_that_is_told_to_stop_tells_its_clients_to_come_back(web: Stack, anna: Player) -> None:
    sockets = [Subscriber(web.url) for _ in range(10)]
    for socket in sockets[:5]:
        socket.subscribe(anna.access_token)
        socket.next("leaderboard.initial")
    web.process("web").stop()
    assert [socket.until_closed()[0] for socket in sockets] == [1012] * 10
    web.process("web").start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_tells_them_too(web: Stack, anna: Player, number: signal.Signals) -> None:
    socket = subscribed(web.url, anna.access_token)
    master = web.process("web")
    os.kill(master.pid, number)
    close, _ = socket.until_closed()
    assert close == 1012
    eventually(lambda: not master.is_running)
    master.start()


FRAMES, FLOODS = "fairboard_socket_frames_total", "fairboard_flood_closed_total"
PONG = json.dumps({"type": "pong", "timestamp": "2026-01-01T00:00:00Z"}).encode()


def counted(web: Stack, metric: str) -> float:
    """Read a counter without labels, over all processes; frames of a socket are added at the next tick."""
    text = requests.get(f"{web.url}/metrics", timeout=20).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{metric} "))


def test_sockets_that_flood_are_closed_before_most_is_looked_at_and_the_others_get_their_boards(
    web: Stack, behind: Container, anna: Player
) -> None:
    before = {name: counted(web, name) for name in (FRAMES, FLOODS)}
    flood = (frame_header(1, len(PONG)) + PONG) * 1000
    with subscribed(web.url, anna.access_token) as watcher, contextlib.ExitStack() as stack:
        floods = [stack.enter_context(Subscriber(web.url)) for _ in range(10)]
        floods += [stack.enter_context(subscribed(web.url, anna.access_token)) for _ in range(10)]
        for socket in floods:
            socket.raw.sendall(flood)
        score = anna.score_once()["score"]["current"]
        refresh(behind, anna)
        watcher.until_score(anna.user_id, score)
        for socket in floods:
            close, messages = socket.until_closed()
            assert close == 1008
            errors = [
                (message["meta"]["code"], message["error"]["code"])
                for message in messages
                if message["type"] == "error"
            ]
            assert errors == [(429, "rate_limited")]
    eventually(lambda: counted(web, FLOODS) - before[FLOODS] == len(floods))
    assert counted(web, FRAMES) - before[FRAMES] < len(floods) * 2 * Settings().socket_burst


def test_a_socket_that_answers_every_ping_and_renews_its_token_now_and_then_stays(web: Stack, anna: Player) -> None:
    """Send more of both than a socket may send uncounted: the pings come every 2 s here."""
    with subscribed(web.url, anna.access_token) as socket:
        for _ in range(Settings().socket_burst // 2):
            socket.subscribe(anna.access_token)
            socket.next("leaderboard.initial")
        while len(socket.pings) < 2:
            socket.receive()
        socket.subscribe(anna.access_token)
        assert socket.next("leaderboard.initial")


def test_a_providers_token_opens_a_socket_and_renews_it(web: Stack, behind: Container) -> None:
    api = Api(web.url)
    first, second = token_of("ada", jti="1"), token_of("ada", jti="2")
    with Subscriber(web.url) as socket:
        socket.subscribe(first)  # the player is created here
        assert socket.next("leaderboard.initial")
        socket.subscribe(second)
        assert socket.next("leaderboard.initial")
        assert api.call("POST", "/auth/logout", token=first).status == 204
        socket.subscribe(second)
        assert socket.next("leaderboard.initial"), "the other token is good"
        assert api.call("POST", "/auth/logout", token=second).status == 204
        assert socket.until_closed()[0] == 1008
    api.close()
    rows = behind.database.rows("SELECT p.username FROM identities i JOIN players p ON p.id = i.player_id")
    assert [row.username for row in rows] == ["Ada"]


@pytest.mark.parametrize("changes", [{"key": ec_key()}, {"aud": "other"}, {"nonce": "n"}], ids=str)
def test_another_providers_token_opens_no_socket(web: Stack, changes: dict[str, Any]) -> None:
    with Subscriber(web.url) as socket:
        socket.subscribe(token_of(**changes))
        close, messages = socket.until_closed()
    assert (close, [message["meta"]["code"] for message in messages]) == (1008, [401])


def test_a_socket_ends_when_a_providers_token_expires(web: Stack) -> None:
    with Subscriber(web.url) as socket:
        socket.subscribe(token_of("grace", exp=int(time.time()) + 2))
        assert socket.next("leaderboard.initial")
        close, messages = socket.until_closed()
    assert (close, messages[-1]["error"]["code"]) == (1008, "unauthorized")
