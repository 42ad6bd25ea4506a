"""The networks that count as one address, since one caller can choose any address in them."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_WITH_PORT = re.compile(r"\[(?P<bracketed>[^\]]*)\](:\d+)?|(?P<plain>[^:]*):\d+")
_IPV6_BITS = 64  # one customer's line gets at least a /64, and a machine takes any address in it
_WIDE_IPV4_BITS, _WIDE_IPV6_BITS = 24, 48  # the range that one customer of a provider may have


@lru_cache(10_000)
def network_of(address: str) -> str:
    """Return the network that rate limits count by: an IPv4 address itself, the /64 of an IPv6 address.

    An IPv4 address in IPv6 notation (`::ffff:192.0.2.1`) is the IPv4 address. A zone id, brackets and a port, as some
    proxies append it, do not count. A text that is no address is returned as it is.
    """
    ip = _parse(address)
    if ip is None or ip.version == 4:
        return str(ip or address)
    return str(ipaddress.ip_network((ip, _IPV6_BITS), strict=False))


@lru_cache(10_000)
def line_of(address: str) -> str:
    """Return the network by which accounts are compared: the /24 of an IPv4 address, the /64 of an IPv6 address."""
    ip = _parse(address.partition("/")[0])
    if ip is None:
        return address
    return str(ipaddress.ip_network((ip, _WIDE_IPV4_BITS if ip.version == 4 else _IPV6_BITS), strict=False))


@lru_cache(10_000)
def wide_network_of(address: str) -> str:
    """Return the /24 of an IPv4 address, the /48 of an IPv6 address; also takes a result of `network_of`."""
    ip = _parse(address.partition("/")[0])
    if ip is None:
        return address
    return str(ipaddress.ip_network((ip, _WIDE_IPV4_BITS if ip.version == 4 else _WIDE_IPV6_BITS), strict=False))


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = address.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["plain"] if match["bracketed"] is None else match["bracketed"]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip
