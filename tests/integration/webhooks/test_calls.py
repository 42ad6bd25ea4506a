"""Calls of receivers over real sockets: the addresses that are called, the answers, and the time that they get."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.stores.operations import webhook_calls
from app.stores.operations.webhook_calls import PrivateAddress, ReceiverCaller
from tests.parts.receiver import Answer, Receiver, started_receiver, status


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with started_receiver() as receiver:
        yield receiver


def _post(receiver: Receiver, *, seconds: float = 10.0) -> tuple[int | None, str | None, str]:
    result = ReceiverCaller(private=True, seconds=seconds).post(receiver.url, {"webhook-id": "1"}, '{"a": "é"}')
    return result.status, result.error, result.answer


def _garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 this is no HTTP\r\n\r\n")


def _drop(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (status(200, "fine"), (200, None, "")),
        (status(204), (204, None, "")),
        (status(500, "a\x00bug\nof ours"), (500, "refused", "a bug of ours")),
        (status(410), (410, "refused", "")),
        (status(302, Location="http://169.254.169.254/latest"), (302, "redirect", "")),
        (status(307, Location="/other"), (307, "redirect", "")),
        (_garbage, (None, "no_http", "BadStatusLine")),
        (_drop, (None, "no_http", "RemoteDisconnected")),
    ],
)
def test_each_answer_has_its_outcome_and_no_redirect_is_followed(
    receiver: Receiver, answer: Answer, outcome: tuple[int | None, str | None, str]
) -> None:
    receiver.answers.append(answer)
    result = _post(receiver)
    if outcome[1] == "no_http":
        assert result[:2] in ((None, "no_http"), (None, "no_connection"))
    else:
        assert result == outcome
    (call,) = receiver.calls
    assert (call.path, call.body.decode(), call.headers["webhook-id"]) == ("/hook?key=1", '{"a": "é"}', "1")
    assert call.headers["host"] == f"127.0.0.1:{receiver.server.server_port}"


def test_a_receiver_that_hangs_or_drips_gets_its_seconds_in_all(receiver: Receiver) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        while not receiver.release.wait(0.02):
            handler.wfile.write(b"H")

    for answer in (receiver.hang, drip):
        receiver.answers.append(answer)
        assert _post(receiver, seconds=0.3) == (None, "timeout", "")


def test_a_receiver_that_is_not_there_has_an_outcome_too() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert ReceiverCaller(private=True).post(url, {}, "").error == "no_connection"
    for url in ("http://nothing.invalid/", f"http://{'a' * 64}.example/"):
        assert ReceiverCaller(private=True).post(url, {}, "").error == "no_address"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["1.1.1.1", "10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        ["0.0.0.0"],
    ],
)
def test_a_name_with_any_private_address_is_not_called(receiver: Receiver, addresses: Sequence[str]) -> None:
    caller = ReceiverCaller(private=False, resolve=lambda host, port: addresses)
    url = f"http://example.org:{receiver.server.server_port}/"
    assert caller.post(url, {}, "").error == "private_address"
    with pytest.raises(PrivateAddress):
        caller.addresses(url)
    assert receiver.calls == []


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
def test_no_way_to_write_a_private_address_is_called(receiver: Receiver, host: str) -> None:
    url = f"http://{host}:{receiver.server.server_port}/"
    assert ReceiverCaller(private=False).post(url, {}, "").error == "private_address"
    assert receiver.calls == []


def test_the_address_that_was_checked_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is resolved once: a second answer, which leads elsewhere, is never asked for."""
    answers = [["127.0.0.1"], ["10.1.1.1"]]
    monkeypatch.setattr(webhook_calls, "is_public", lambda address: address == "127.0.0.1")
    caller = ReceiverCaller(private=False, resolve=lambda host, port: answers.pop(0))
    url = f"http://rebinding.example:{receiver.server.server_port}/"
    assert caller.post(url, {}, "").status == 204
    assert caller.post(url, {}, "").error == "private_address"
    assert len(receiver.calls) == 1
    assert receiver.calls[0].headers["host"].startswith("rebinding.example:")


def test_the_next_address_is_called_if_one_does_not_answer(receiver: Receiver) -> None:
    caller = ReceiverCaller(private=True, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert caller.post(f"http://example.org:{receiver.server.server_port}/", {}, "").status == 204


def _certificate(folder: Path, name: str) -> Path:
    """Write a self-signed certificate for a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.9"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "receiver.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def _behind_tls(receiver: Receiver, certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield receiver.server.server_port
    receiver.server.shutdown()
    receiver.server.server_close()


def test_tls_proves_the_name_although_an_address_is_called(tmp_path: Path) -> None:
    path = _certificate(tmp_path, "receiver.example")
    receiver = Receiver()

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    with _behind_tls(receiver, path) as port:
        trusting = ReceiverCaller(private=True, resolve=resolve, tls=ssl.create_default_context(cafile=str(path)))
        assert trusting.post(f"https://receiver.example:{port}/", {}, "").status == 204
        for caller, host in (
            (trusting, "other.example"),
            (ReceiverCaller(private=True, resolve=resolve), "receiver.example"),
        ):
            assert caller.post(f"https://{host}:{port}/", {}, "").error == "tls"
    assert len(receiver.calls) == 1
