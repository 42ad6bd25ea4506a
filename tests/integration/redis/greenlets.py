"""Greenlets that share a connection to Redis: `python -m tests.integration.redis.greenlets <Redis URL> [name …]`.

A process of its own, since gevent patches the whole process. It prints a JSON object: by the name of each function of
SCENARIOS, or of those named, "" or the traceback of its failure.
"""

# ruff: noqa: E402 - gevent has to patch the process before the rest is imported

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import contextlib
import json
import os
import random
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import gevent
import redis
from gevent.server import StreamServer

from app.stores.redis.client import Client, connect
from app.stores.redis.connection import Reply
from app.stores.unavailability import RedisRefuses, WrongType
from devstack.child import free_port

TIMEOUT = 0.5
PATIENT = 10.0  # for a machine that is busy
BUSY = "for i = 1, 30000000 do end"  # some tenths of a second in which Redis does nothing else


@contextlib.contextmanager
def client_of(url: str, timeout: float = PATIENT) -> Iterator[Client]:
    with contextlib.closing(connect(url, timeout)) as client:
        yield client


@contextlib.contextmanager
def node_of(url: str, client: Client) -> Iterator[redis.Redis]:
    """Yield redis-py's own client to the node that has the keys with the hash tag `ID`."""
    parts = urlsplit(url)
    host, _, port = (client.direct.node_of("ID") or f"{parts.hostname}:{parts.port}").partition(":")
    with redis.Redis(host=host, port=int(port), password=parts.password, decode_responses=True) as node:
        yield node


def together(number: int, function: Callable[[int], Reply]) -> list[Reply]:
    """Call the function in `number` greenlets at once; return the answers, or the errors."""

    def outcome(index: int) -> Reply:
        try:
            return function(index)
        except Exception as error:  # noqa: BLE001 - the caller compares it
            return error

    return [greenlet.get() for greenlet in [gevent.spawn(outcome, index) for index in range(number)]]


def connection_id(client: Client) -> int:
    """Return the number of the shared connection at the node that has the key `ID`; a cluster sends CLIENT ID there."""
    return int(client.direct.call("CLIENT", "ID"))


def check_own_answers(client: Client, greenlets: int = 200, rounds: int = 5, most: int = 4000) -> None:
    """Let greenlets write and read values of many sizes up to `most`, on all nodes in one call, and compare."""

    def write_and_read(index: int) -> None:
        chance = random.Random(index)
        for turn in range(rounds):
            keys = [f"own:{index}:{number}" for number in range(3)]
            values = [f"{index}:{turn}:{number}:" + "x" * int(chance.paretovariate(0.5)) for number in range(3)]
            values = [value[:most] for value in values]
            commands = [("SET", key, value, "EX", 60) for key, value in zip(keys, values, strict=True)]
            assert client.direct.call_together([*commands, *(("GET", key) for key in keys)])[3:] == values

    failures = [outcome for outcome in together(greenlets, write_and_read) if outcome]
    assert not failures, failures[0]


def each_greenlet_gets_its_own_answers(url: str) -> None:
    with client_of(url) as client:
        check_own_answers(client)
        assert len(set(together(50, lambda _: connection_id(client)))) == 1


def commands_of_a_turn_leave_in_one_send(url: str) -> None:
    with client_of(url) as client, node_of(url, client) as node:
        client.direct.call("GET", "ID")
        before = node.info("stats")["total_reads_processed"]
        assert together(100, lambda _: client.direct.call("GET", "ID")) == [None] * 100
        reads = node.info("stats")["total_reads_processed"] - before
        assert reads < 50, reads  # the node has other clients, such as its replica


def more_than_the_socket_takes_at_once_arrives(url: str) -> None:
    with client_of(url) as client:
        value = "y" * 15_000
        outcomes = together(600, lambda _: client.direct.call_together([("SET", "{ID}", value), ("GET", "{ID}")])[1])
        assert set(outcomes) == {value}


def large_calls_leave_on_connections_of_their_own(url: str) -> None:
    with client_of(url) as client:
        own, huge = connection_id(client), "z" * 8_000_000
        commands = [("CLIENT", "ID"), ("SET", "{ID}", huge)]
        assert client.direct.call_together(commands)[0] != own
        reader = gevent.spawn(client.direct.call, "GET", "{ID}")
        check_own_answers(client, 20, most=40_000)
        assert reader.get() == huge
        client.direct.write_durably("DEL", "{ID}")
        assert connection_id(client) == own


def refusals_are_answers_of_their_commands(url: str) -> None:
    within = "return redis.call('lpush', KEYS[1], 1)"  # Redis 6.2 wraps the reason
    commands = [("SET", "{r}", 1), ("LPUSH", "{r}", 1), ("EVAL", within, 1, "{r}"), ("GETRANGE", "{r}"), ("GET", "{r}")]
    kinds = [str, WrongType, WrongType, redis.ResponseError, str]
    with client_of(url) as client:
        for answers in together(20, lambda _: client.direct.call_together(commands)):
            assert [type(answer) for answer in answers] == kinds, answers
        try:
            client.direct.call("NOSUCH", "{r}")
        except RedisRefuses:
            pass
        else:
            raise AssertionError("an unknown command was answered")


def a_lost_connection_fails_those_in_flight_and_nothing_runs_twice(url: str) -> None:
    with client_of(url) as client, node_of(url, client) as node:
        client.direct.call("SET", "{ID}lost", 0)
        own = connection_id(client)
        node.ping()  # connected, its commands reach Redis before the others
        batch = node.pipeline(transaction=False)
        batch.eval(BUSY, 0)
        batch.client_kill_filter(_id=str(own))
        killer = gevent.spawn(batch.execute)
        gevent.sleep(0.05)
        in_flight = gevent.spawn(together, 20, lambda _: client.direct.call("INCR", "{ID}lost"))
        gevent.sleep(0.05)
        unsent = gevent.spawn(together, 20, lambda _: client.direct.call("INCR", "{ID}lost"))
        assert killer.get()[1] == 1
        outcomes = in_flight.get()
        assert {type(outcome) for outcome in outcomes} == {redis.ConnectionError}, outcomes
        assert len({id(outcome) for outcome in outcomes}) == 20
        assert sorted(unsent.get()) == list(range(1, 21))
        assert client.direct.call("GET", "{ID}lost") == "20"
        assert connection_id(client) != own


def silence_fails_all_and_a_late_answer_reaches_nobody(url: str) -> None:
    with client_of(url, TIMEOUT) as client, node_of(url, client) as node:
        client.direct.call("SET", "{ID}silent", "old")
        node.client_pause(int(TIMEOUT * 4000))
        in_flight = gevent.spawn(together, 50, lambda _: client.direct.call("GET", "{ID}silent"))
        gevent.sleep(0.05)
        unsent = gevent.spawn(together, 50, lambda _: client.direct.call("GET", "{ID}silent"))
        late = in_flight.get() + unsent.get()
        assert {type(error) for error in late} == {redis.TimeoutError}, late
        outcome = None
        while outcome != "OK":
            (outcome,) = together(1, lambda _: client.direct.call("SET", "{ID}silent", "new"))
            assert outcome == "OK" or isinstance(outcome, redis.TimeoutError), outcome
        assert set(together(50, lambda _: client.direct.call("GET", "{ID}silent"))) == {"new"}
        check_own_answers(client, 20)


def killed_greenlets_leave_the_others_their_answers(url: str) -> None:
    with client_of(url) as client, node_of(url, client) as node:
        for index in range(60):
            client.direct.call("SET", f"{{ID}}{index}", index)

        def read(index: int) -> str:
            if index % 3 == 1:
                with contextlib.suppress(gevent.Timeout), gevent.Timeout(0.1):
                    return str(client.direct.call("GET", f"{{ID}}{index}"))
                return str(client.direct.call("GET", "{ID}0"))  # while the first answer is still to come
            return str(client.direct.call("GET", f"{{ID}}{index}"))

        node.client_pause(600)
        greenlets = [gevent.spawn(read, index) for index in range(60)]
        gevent.sleep(0.05)
        gevent.killall(greenlets[::3])
        for index, greenlet in enumerate(greenlets):
            value = greenlet.get()
            if index % 3:
                assert value in (str(index), "0" if index % 3 == 1 else None), (index, value)
            else:
                assert isinstance(value, gevent.GreenletExit), (index, value)


def a_forked_process_has_a_connection_of_its_own(url: str) -> None:
    with client_of(url) as client:
        own = connection_id(client)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, str(connection_id(client)).encode())
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert int(os.read(reader, 100)) not in (0, own)
        assert connection_id(client) == own


def greenlets_that_find_no_server_share_one_attempt(url: str) -> None:
    attempts = []

    def stay_silent(sock: socket.socket, _: object) -> None:
        attempts.append(sock)
        while sock.recv(9999):
            pass

    silent = StreamServer(("127.0.0.1", 0), stay_silent)
    silent.start()
    with client_of(f"redis://127.0.0.1:{silent.server_port}", 0.2) as client:
        assert {type(error) for error in together(50, lambda _: client.direct.call("GET", "a"))} == {redis.TimeoutError}
        assert len(attempts) == 1
    silent.stop()
    with client_of(f"redis://127.0.0.1:{free_port()}") as client:
        errors = together(50, lambda _: client.direct.call("GET", "a"))
        assert {type(error) for error in errors} == {redis.ConnectionError}, errors


def closing_lets_waiting_commands_end(url: str) -> None:
    with client_of(url) as client, node_of(url, client) as node:
        own = connection_id(client)
        node.client_pause(300)
        waiting = gevent.spawn(together, 20, lambda _: client.direct.call("GET", "ID"))
        gevent.sleep(0.05)
        client.close()
        assert waiting.get() == [None] * 20
        gevent.sleep(0.05)
        assert str(own) not in [other["id"] for other in node.client_list()]


def a_user_signs_in_over_tls(url: str) -> None:
    """Environment: CERTIFICATE and KEY, the files of a proxy's certificate for 127.0.0.1."""
    parts, certificate = urlsplit(url), os.environ["CERTIFICATE"]

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        target.close()

    def forward(sock: socket.socket, _: object) -> None:
        with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as server:
            gevent.joinall([gevent.spawn(pump, sock, server), gevent.spawn(pump, server, sock)])

    proxy = StreamServer(("127.0.0.1", 0), forward, certfile=certificate, keyfile=os.environ["KEY"])
    proxy.start()
    with client_of(url) as client:
        client.acl_setuser("anna", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all"])
        login = f"anna:secret@127.0.0.1:{proxy.server_port}/3?ssl_ca_certs={certificate}"
        with client_of(f"rediss://{login}") as signed_in:
            check_own_answers(signed_in, 50)
            assert " db=3 " in signed_in.direct.call("CLIENT", "LIST", "ID", connection_id(signed_in))
            assert set(together(50, lambda _: signed_in.direct.call("ACL", "WHOAMI"))) == {"anna"}
            value = "z" * 15_000
            outcomes = together(200, lambda _: signed_in.direct.call_together([("SET", "a", value), ("GET", "a")])[1])
            assert set(outcomes) == {value}
            signed_in.flushdb()
        client.acl_deluser("anna")
    proxy.stop()


SCENARIOS = [
    each_greenlet_gets_its_own_answers,
    commands_of_a_turn_leave_in_one_send,
    more_than_the_socket_takes_at_once_arrives,
    large_calls_leave_on_connections_of_their_own,
    refusals_are_answers_of_their_commands,
    a_lost_connection_fails_those_in_flight_and_nothing_runs_twice,
    silence_fails_all_and_a_late_answer_reaches_nobody,
    killed_greenlets_leave_the_others_their_answers,
    a_forked_process_has_a_connection_of_its_own,
    greenlets_that_find_no_server_share_one_attempt,
    closing_lets_waiting_commands_end,
]


def main(url: str, names: list[str]) -> None:
    outcomes: dict[str, str] = {}
    for scenario in [globals()[name] for name in names] or SCENARIOS:
        try:
            with gevent.Timeout(30):
                scenario(url)
        except (Exception, gevent.Timeout):  # noqa: BLE001 - it is printed
            outcomes[scenario.__name__] = traceback.format_exc()
        else:
            outcomes[scenario.__name__] = ""
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
