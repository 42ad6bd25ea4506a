"""IP addresses as text."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address


def plain_address(text: str) -> IPv4Address | IPv6Address:
    """Return the address; an IPv4 address in IPv6 notation (`::ffff:192.0.2.1`) as IPv4. Raises ValueError."""
    address = ip_address(text)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
