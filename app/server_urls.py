"""A parser for server URLs with several hosts, which urllib refuses since 3.11.4 for IPv6 addresses."""

from __future__ import annotations

import re
from typing import NamedTuple

_URL = re.compile(r"(?:(?P<scheme>[A-Za-z][\w+.-]*)://(?P<netloc>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")


class ServerUrl(NamedTuple):
    """The parts of a URL, empty where it has none; `hosts` is unparsed: `host:port,[::1]:port`."""

    scheme: str
    login: str
    hosts: str
    path: str
    query: str


def split_url(url: str) -> ServerUrl:
    """Return the parts of a URL of any form; never raises."""
    parts = _URL.match(url)
    assert parts is not None, "every part of the pattern may be empty"
    login, _, hosts = (parts["netloc"] or "").rpartition("@")
    return ServerUrl(parts["scheme"] or "", login, hosts, parts["path"], parts["query"] or "")
