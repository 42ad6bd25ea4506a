"""Addresses on the public internet, as opposed to those inside a network, which a webhook must not reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Prefixes that carry an IPv4 address, by the bits behind it: a gateway brings the packet there.
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")
_CARRIERS = ((_MAPPED, 0), (_NAT64, 0), (_6TO4, 80))
# Inside global unicast, and yet no address of a host: protocols of the IETF (Teredo among them), and documentation.
_SPECIAL = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
# Python calls some of these global: relays of 6to4, and protocols of the IETF.
_MORE_PRIVATE = tuple(map(ip_network, ("192.88.99.0/24", "192.0.0.0/24")))


def is_public(address: str) -> bool:
    """Return whether an IP address is one on the public internet; False for a text that is no address.

    An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4) is public if that one is.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(ip) if isinstance(ip, IPv4Address) else _is_public_v6(ip)


def _is_public_v4(ip: IPv4Address) -> bool:
    is_inside = any(ip in network for network in _MORE_PRIVATE)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not is_inside


def _is_public_v6(ip: IPv6Address) -> bool:
    for network, shift in _CARRIERS:
        if ip in network:
            return _is_public_v4(IPv4Address((int(ip) >> shift) & 0xFFFFFFFF))
    return ip in _GLOBAL_UNICAST and ip.is_global and not any(ip in network for network in _SPECIAL)
