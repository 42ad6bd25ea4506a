"""URLs of servers as they may be shown: where, without user, password or options."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit


def address(url: str) -> str:
    """Such as `redis://127.0.0.1:6379/0`, or `postgresql:///run/postgresql:5432/fairboard` for a socket."""
    parts = urlsplit(url)
    scheme = parts.scheme.removesuffix("+psycopg")
    host = parts.netloc.rpartition("@")[2]
    options = parse_qs(parts.query)
    where = host or ",".join(options.get("host", [])) + "".join(f":{port}" for port in options.get("port", []))
    return f"{scheme}://{where}{parts.path}"
