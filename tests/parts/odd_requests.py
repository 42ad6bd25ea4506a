"""Requests for servers that must read all of them alike: ordinary ones, odd ones, and mutations of both."""

from __future__ import annotations

from random import Random

_METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"PATCH", b"OPTIONS"]
_TARGETS = [
    b"/", b"/a/b?c=d&e", b"/a%20b%2Fc%E2%82%AC%zz", b"/?", b"/a?b?c", b"/;x=1:2@3!$&'()*+,~[]|^`{}<>\"\\",
    b"/?status=204", b"/?status=304", b"/?status=404", b"/?streamed=1", b"/?parts=1", b"/?file=1", b"/?unread=1",
    b"/?streamed=1&status=304", b"/?unread=1&streamed=1",
]  # fmt: skip
_ODD_TARGETS = [
    b"*", b"//a/b", b"//a:b@[c", b"http://h/p?q", b"http://h", b"h:80", b"/a#b", b"/a b", b"/\xe9", b"/\x00", b"/a\tb",
    b"", b"?a", b"/\x7f", b"/?raised=1", b"/?split=1", b"/?hop=1", b"/" + b"x" * 8160, b"/" + b"x" * 8176,
    b"/" + b"x" * 8190,
]  # fmt: skip
_ODD_METHODS = [b"get", b"CONNECT", b"TRACE", b"X", b"X" * 21, b"GE T", b"G-T", b"GET\x00", b"", b"PRI", b" GET"]
_VERSIONS = [
    b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1.10", b"HTTP/11", b"",
]  # fmt: skip
_FIELDS = [
    b"Accept: */*", b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: h",
    b"Cookie: a=b; c=d", b"Authorization: Bearer abc.def", b"Content-Type: application/json",
    b"Connection: keep-alive", b"accept-language:en", b"X-Empty:", b"X-Spaces: \t a \t b \t ",
    b"User-Agent: \x21\x7e~", b"HTTP-X: y", b"-: -", b"Proxy: h", b"Script-Name: /s", b"CONNECTION: Keep-Alive",
    b"Connection: close",
]  # fmt: skip
_ODD_FIELDS = [
    b"Connection: close", b"Connection: Close ", b"Connection: close, te", b"Connection: upgrade",
    b"Upgrade: websocket", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Expect: 100-continue",
    b"Expect: tea", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding:\tchunked",
    b"transfer-encoding: Chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked",
    b"Transfer_Encoding: chunked", b"TE: trailers", b"Trailer: X", b"Content-Length: 0", b"Content-Length: 3",
    b"Content-Length: +3", b"Content-Length: -3", b"Content-Length: 3 ", b"Content-Length: 03", b"Content-Length: 3,3",
    b"Content-Length: 0x3", b"Content-Length: 3_0", b"Content-Length: \xb3", b"Content-Length:",
    b"Content-Length: 3\x0b", b"Content-Length: 9999999999", b"Content-Length: 99999999", b"Content_Length: 3",
    b"Content-Length : 3", b"Host: y", b"Host:", b"HOST: x", b"Content-Type: b", b"X_Under: 1", b"X-Forwarded_For: 1",
    b"Bad Name: 1", b"X-Fold: a\r\n b", b"X-Fold: a\r\n\tb", b" X-Lead: 1", b"no colon", b": empty", b"X-Nul: a\x00b",
    b"X-Cr: a\rb", b"X-Lf: a\nb", b"X-Lf: a\nContent-Length: 3", b"X-High: \xe9\xff", b"X-Del: \x7f", b"X-Esc: \x1b",
    b"X(: 1", b"X\xe9: 1", b"X-A: 1\r\nx-a: 2", b"Cookie: a\r\nCookie: b", b"X-Long: " + b"x" * 8170,
    b"X-Long: " + b"x" * 8190, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2", b"SCRIPT_NAME: /s",
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http",
]  # fmt: skip
_BODIES = [
    b"", b"", b"abc", b'{"a":1}\n{"b":2}', b"\r\n\r\n", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", b"x" * 9000,
]  # fmt: skip
_BYTES = [
    b"\x00", b"\r", b"\n", b"\r\n", b"\t", b" ", b":", b",", b"_", b"\x7f", b"\x80", b"\xff", b"#", b"%", b"+", b"0",
]  # fmt: skip
_CHUNKS = [b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", b"Z\r\n", b"3\nabc\n0\n\n"]
# As long as a new id: which one the answer to an unreadable head has depends on what has arrived by then.
_ID = b"X-Request-ID: " + b"f" * 32
CANARY = b"GET /canary HTTP/1.1\r\nHost: x\r\nX-Request-ID: " + b"c" * 32 + b"\r\n\r\n"


def ordinary_request(random: Random) -> bytes:
    """Return a request in the form in which browsers and nginx write it."""
    fields = [b"Host: x", _ID, *random.sample(_FIELDS, random.randrange(8))]
    if content := random.choice(_BODIES):
        fields.append(b"Content-Length: %d" % len(content))
    random.shuffle(fields)
    line = b" ".join([random.choice(_METHODS), random.choice(_TARGETS), b"HTTP/1.1"])
    return b"\r\n".join([line, *fields, b"", content])


def odd_request(random: Random) -> bytes:
    """Return a request with one to three oddities."""
    line = [random.choice(_METHODS), random.choice(_TARGETS), b"HTTP/1.1"]
    fields = [b"Host: x", _ID, *random.sample(_FIELDS, random.randrange(5))]
    content, end = random.choice(_BODIES), b"\r\n"
    if content and random.random() < 0.5:
        fields.append(b"Content-Length: %d" % (len(content) + random.choice([0, 0, 0, 1, -1, 500])))
    for _ in range(random.choice([1, 1, 2, 3])):
        match random.randrange(8):
            case 0:
                line = _odd_line(random, line)
            case 1:
                fields.remove(random.choice(fields))
                fields = fields or [b"X: y"]
            case 2:
                fields.append(random.choice(fields))
            case 3 if random.random() < 0.2:
                fields += [b"X-%d: y" % number for number in range(100 - len(fields) + random.randrange(-1, 3))]
            case 4 if random.random() < 0.3:
                end = random.choice([b"\n", b"\r", b"\r\n\r\n", b"\r\n "])
            case 5:
                fields.append(b"Transfer-Encoding: chunked")
                content = random.choice(_CHUNKS)
            case _:
                fields.append(random.choice(_ODD_FIELDS))
    random.shuffle(fields)
    lead = random.choice([b""] * 12 + [b"\r\n", b"\n", b" "])
    return lead + b" ".join(line) + end + end.join(fields) + end + b"\r\n" + content


def _odd_line(random: Random, line: list[bytes]) -> list[bytes]:
    place = random.randrange(3)
    return [*line[:place], random.choice([_ODD_METHODS, _ODD_TARGETS, _VERSIONS][place]), *line[place + 1 :]]


def mutated(random: Random, request: bytes) -> bytes:
    """Return the request with a few bytes inserted, removed or replaced."""
    for _ in range(random.choice([1, 1, 2])):
        at = random.randrange(min(len(request), 400))
        removed = random.choice([0, 1, 1, 2])
        request = request[:at] + random.choice([b"", *_BYTES]) + request[at + removed :]
    return request


def stream(random: Random) -> list[bytes]:
    """Return all bytes of one connection, in the pieces in which they are to be sent; the last request is `CANARY`."""
    requests = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        request = random.choice([ordinary_request, ordinary_request, odd_request])(random)
        requests.append(mutated(random, request) if random.random() < 0.4 else request)
    data = b"".join(requests) + CANARY
    cuts = sorted(random.randrange(len(data)) for _ in range(random.choice([0, 0, 0, 1, 2, 3])))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
