"""Two WebSocket servers that know of each other's sockets."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from socket import create_connection

import pytest
import websocket

from devstack.apps import Web
from devstack.child import free_port
from tests.parts.client import Api, Player
from tests.parts.product import Product, running
from tests.parts.subscriber import Subscriber, subscribed
from tests.parts.waiting import eventually

ENV = {
    "WEB_WORKERS": "1",
    "MAX_SOCKETS_PER_PLAYER": "3",
    "MAX_SOCKETS_PER_ADDRESS": "5",
    "MAX_WATCHERS_PER_ADDRESS": "2",
    "PRESENCE_SECONDS": "1",
    "PING_SECONDS": "2",
}
_addresses = (f"127.77.{high}.{low}" for high, low in itertools.product(range(1, 250), range(1, 250)))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product with a second web process, `web-2`."""
    with running(tmp_path_factory.mktemp("pair"), ENV, broker="redis") as product:
        env = {**product.env, "PORT": str(free_port())}
        product.stack.add("web-2", Web(product.stack.folder.log("web-2"), env))
        yield product


@pytest.fixture
def urls(pair: Product) -> list[str]:
    """Return the URLs of the two web processes."""
    processes = [pair.process(name) for name in ("web", "web-2")]
    return [web.url for web in processes if isinstance(web, Web)]


@pytest.fixture
def join(pair: Product, urls: list[str]) -> Iterator[Callable[..., Player]]:
    """Yield a function that registers players, each from an address of its own."""
    clients: list[Api] = []

    def make() -> Player:
        clients.append(Api(urls[0], address=next(_addresses)))
        return clients[-1].register()

    yield make
    for api in clients:
        api.close()


@pytest.fixture
def sockets() -> Iterator[list[Subscriber]]:
    """Yield a list of sockets that are hung up at the end."""
    opened: list[Subscriber] = []
    yield opened
    for socket in opened:
        socket.vanish()


def _sign_in(sockets: list[Subscriber], url: str, player: Player) -> Subscriber:
    sockets.append(subscribed(url, player.access_token, address=next(_addresses)))
    return sockets[-1]


def _online_by(socket: Subscriber, player: Player) -> int:
    """Return how many players are online, as the answer to a subscribe says."""
    socket.subscribe(player.access_token)
    return int(socket.next("leaderboard.initial")["meta"]["online"])


def _count_sockets(pair: Product, player: Player) -> int:
    """Return how many sockets Redis has for this player."""
    return int(pair.redis().zcard(f"user:{{{player.user_id}}}:connections"))


def _refusal(socket: Subscriber) -> tuple[int | None, list[tuple[int, str]]]:
    close, messages = socket.until_closed()
    return close, [
        (message["meta"]["code"], message["error"]["code"]) for message in messages if message["type"] == "error"
    ]


def test_a_player_may_hold_so_many_sockets_on_all_servers_together(
    urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    anna = join()
    for url in (urls[0], urls[1], urls[1]):
        _sign_in(sockets, url, anna)
    for url in urls:
        with Subscriber(url, address=next(_addresses)) as one_more:
            one_more.subscribe(anna.access_token)
            assert _refusal(one_more) == (1008, [(429, "too_many_sockets")])
    _sign_in(sockets, urls[0], join())  # other players are not affected
    sockets.pop(0).close()
    eventually(lambda: _sign_in(sockets, urls[1], anna))


def test_a_renewed_subscription_is_the_same_socket(
    pair: Product, urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    anna, bob = join(), join()
    socket = _sign_in(sockets, urls[0], anna)
    for _ in range(4):
        socket.subscribe(anna.access_token)
        socket.next("leaderboard.initial")
    assert _count_sockets(pair, anna) == 1
    socket.subscribe(bob.access_token)  # now the socket is another player's
    socket.next("leaderboard.initial")
    eventually(lambda: (_count_sockets(pair, anna), _count_sockets(pair, bob)) == (0, 1))


def test_an_address_may_open_so_many_sockets_on_all_servers_together(
    urls: list[str], sockets: list[Subscriber]
) -> None:
    address = next(_addresses)
    sockets += [Subscriber(urls[number % 2], address=address) for number in range(5)]
    for url in urls:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            Subscriber(url, address=address)
        assert refused.value.status_code == 429
        assert int((refused.value.resp_headers or {})["retry-after"]) >= 1
        assert b'"too_many_sockets"' in (refused.value.resp_body or b"")
    sockets.pop().close()

    def let_in() -> bool:
        sockets.append(Subscriber(urls[0], address=address))
        return True

    eventually(let_in)


def _watch(sockets: list[Subscriber], url: str, address: str) -> Subscriber:
    sockets.append(Subscriber(url, address=address))
    sockets[-1].send({"type": "watch"})
    return sockets[-1]


def test_an_address_may_have_so_many_sockets_without_an_account_on_all_servers_together(
    pair: Product, urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    """Leave the address room for sockets of players; a player signs in on one that has watched."""
    address, anna = next(_addresses), join()
    # Those of earlier tests have left.
    eventually(lambda: Api(urls[0], address=address).get("/leaderboard/online").data == {"online": 0})
    first_socket, second_socket = (_watch(sockets, url, address) for url in urls)
    for socket in (first_socket, second_socket):
        socket.send({"type": "watch"})  # it has its place already
        assert [socket.next("leaderboard.initial")["meta"]["online"] for _ in range(2)] == [0, 0]
    for url in urls:
        assert _refusal(_watch(sockets, url, address)) == (1008, [(429, "too_many_sockets")])
    sockets.append(subscribed(urls[0], anna.access_token, address=address))
    first_socket.subscribe(anna.access_token)
    assert first_socket.next("leaderboard.initial")["meta"]["online"] == 1
    eventually(lambda: _watch(sockets, urls[1], address).next("leaderboard.initial"))
    # Sockets that were refused may still hold their places among all sockets of the address for a moment.
    eventually(lambda: _refusal(_watch(sockets, urls[0], address))[0] == 1008)
    sockets.pop().vanish()
    second_socket.close()
    eventually(lambda: pair.redis().zcard(f"address:{{{address}}}:watchers") == 1)


def test_a_server_without_players_knows_those_of_other_servers_while_somebody_watches(
    urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    address = next(_addresses)
    eventually(lambda: Api(urls[0], address=address).get("/leaderboard/online").data == {"online": 0})
    watcher = _watch(sockets, urls[1], address)
    assert watcher.next("leaderboard.initial")["meta"]["online"] == 0

    def told() -> int:
        watcher.send({"type": "watch"})
        online: int = watcher.next("leaderboard.initial")["meta"]["online"]
        return online

    sockets.append(subscribed(urls[0], join().access_token, address=address))
    eventually(lambda: told() == 1, every=0.5)
    sockets.pop().close()
    eventually(lambda: told() == 0, every=0.5)


def test_a_handshake_that_fails_holds_no_place(pair: Product, urls: list[str]) -> None:
    address = next(_addresses)
    api = Api(urls[0], address=address)
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for key in ("", "x", "dG9vIHNob3J0", "dGhlIHNhbXBsZSBub25jZQ"):
        keyed = {**headers, "Sec-WebSocket-Key": key}
        assert api.get("/ws/leaderboard", headers=keyed).refusal == (400, "invalid_handshake")
    whole = {**headers, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert api.call("HEAD", "/ws/leaderboard", headers=whole).status == 405
    api.close()
    eventually(lambda: pair.redis().zcard(f"address:{{{address}}}:connections") == 0)


def test_a_player_with_two_sockets_is_one_player_online_to_everybody(
    pair: Product, urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    readers = [Api(url) for url in urls]

    def counts() -> list[int]:
        return [api.get("/leaderboard/online?board=main").data["online"] for api in readers]

    eventually(lambda: counts() == [0, 0])
    anna, bob = join(), join()
    first_socket, second_socket = _sign_in(sockets, urls[0], anna), _sign_in(sockets, urls[1], anna)
    eventually(lambda: counts() == [1, 1])
    _sign_in(sockets, urls[1], bob)
    eventually(lambda: counts() == [2, 2])
    for socket in (first_socket, second_socket):
        eventually(lambda socket=socket: _online_by(socket, anna) == 2)  # type: ignore[misc]
    bob.score_once()
    for socket in (first_socket, second_socket):
        assert socket.next()["meta"]["online"] == 2
    second_socket.close()
    first_socket.close()
    eventually(lambda: counts() == [1, 1])
    assert readers[0].get("/leaderboard/online").data == {"online": 1}  # the default board is main
    assert readers[0].get("/leaderboard/online?board=none").refusal == (404, "not_found")
    assert readers[0].get("/leaderboard/online?limit=1").refusal == (422, "invalid_request")
    for api in readers:
        api.close()


@pytest.mark.parametrize(("how", "code"), [("suspended", 403), ("signed out", 401)])
@pytest.mark.parametrize("told", [True, False], ids=["told", "the message was lost"])
def test_who_may_no_longer_listen_is_closed_on_every_server(
    pair: Product,
    urls: list[str],
    join: Callable[..., Player],
    sockets: list[Subscriber],
    how: str,
    code: int,
    told: bool,
) -> None:
    """Close the sockets even if the message to the servers is lost: they check twice in every heartbeat."""
    anna, bob = join(), join()
    theirs = [_sign_in(sockets, url, anna) for url in urls]
    _sign_in(sockets, urls[1], bob)
    if told and how == "suspended":
        assert pair.flask("users", "suspend", anna.username, "--yes").returncode == 0
    elif told:
        assert anna.post("/auth/logout").status == 204
    else:
        _end_silently(pair, anna, how)
    for socket in theirs:
        close, errors = _refusal(socket)
        assert (close, errors[0][0]) == (1008, code)
    eventually(lambda: _count_sockets(pair, anna) == 0)
    assert _count_sockets(pair, bob) == 1


def _end_silently(pair: Product, player: Player, how: str) -> None:
    """Write the changes of a suspension or a sign-out, without the message to the servers."""
    with pair.database() as connection:
        if how == "suspended":
            connection.execute("UPDATE players SET status = 'suspended' WHERE id = %s", (player.user_id,))
            pair.redis().set(f"status:{{{player.user_id}}}", "suspended")
            return
        query = "UPDATE logins SET ended_at = now(), ended_why = 'test' WHERE player_id = %s RETURNING id"
        row = connection.execute(query, (player.user_id,)).fetchone()
        assert row is not None
        pair.redis().set(f"login:{{{player.user_id}}}:{row[0]}", "ended")


def test_a_push_is_told_in_the_log_with_the_requests_behind_it(
    pair: Product, urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    anna = join()
    _sign_in(sockets, urls[1], anna)
    action = anna.issue()
    path, name = f"/actions/{action['action_id']}/complete", f"push-{action['action_id'][:8]}"
    assert anna.post(path, {"token": action["token"]}, headers={"X-Request-ID": name}).status == 200
    log = pair.stack.folder.log("web-2")
    line = eventually(lambda: next((entry for entry in log.read_text().splitlines() if name in entry), None))
    assert "board_pushed" in line
    for word in ("board=main", "version=", "sockets=", "milliseconds=", "since_commit="):
        assert word in line
    assert "fairboard_commit_to_push_seconds_count" in Api(urls[0]).get("//metrics").text


def test_a_server_that_stops_takes_its_sockets_off_before_they_are_told(
    pair: Product, urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    anna = join()
    socket = _sign_in(sockets, urls[1], anna)
    pair.process("web-2").ask_to_stop()
    received = b""
    while b"service restart" not in received:  # the reason of the close frame, which this client does not answer
        received += socket.raw.recv(4096)
    assert _count_sockets(pair, anna) == 0
    pair.process("web-2").stop()
    pair.process("web-2").start()


def test_the_sockets_of_a_server_that_was_killed_are_gone_in_time(
    pair: Product, urls: list[str], join: Callable[..., Player], sockets: list[Subscriber]
) -> None:
    anna = join()
    for url in (urls[0], urls[1], urls[1]):
        _sign_in(sockets, url, anna)
    assert _count_sockets(pair, anna) == 3
    pair.process("web-2").kill()
    eventually(lambda: _count_sockets(pair, anna) == 1)
    reader = Api(urls[0])
    _sign_in(sockets, urls[0], anna)
    _sign_in(sockets, urls[0], anna)
    eventually(lambda: reader.get("/leaderboard/online").data["online"] == 1)
    reader.close()
    pair.process("web-2").start()


def test_an_address_that_holds_many_connections_leaves_room_for_the_others(urls: list[str]) -> None:
    """Open as many connections as an address may have sockets, and 200 more, and send nothing on any of them."""
    host, port = urls[0].removeprefix("http://").split(":")
    greedy_address, other_address = next(_addresses), next(_addresses)
    with contextlib.ExitStack() as connections:
        for _ in range(int(ENV["MAX_SOCKETS_PER_ADDRESS"]) + 200):
            connections.enter_context(
                create_connection((host, int(port)), timeout=20, source_address=(greedy_address, 0))
            )
        eventually(lambda: _first_line(host, int(port), greedy_address) == b"HTTP/1.1 429 Too Many Requests")
        api = Api(urls[0], address=other_address)
        assert api.get("/leaderboard/top").status == 200
        api.close()
    eventually(lambda: Api(urls[0], address=greedy_address).get("/leaderboard/top").status == 200)


def _first_line(host: str, port: int, source: str) -> bytes:
    """Return the first line of the answer to a connection that sends nothing."""
    with create_connection((host, port), timeout=2, source_address=(source, 0)) as sock:
        return sock.recv(4096).split(b"\r\n")[0]
