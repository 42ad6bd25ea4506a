"""URLs of servers for display: the location, without user, password or options."""

from __future__ import annotations

from urllib.parse import parse_qs

from app.server_urls import split_url


def address(url: str) -> str:
    """Return `redis://127.0.0.1:6379/0`, for example, or `postgresql:///run/postgresql:5432/fairboard` for a socket."""
    parts = split_url(url)
    scheme = parts.scheme.removesuffix("+psycopg")
    options = parse_qs(parts.query)
    hosts = parts.hosts or ",".join(options.get("host", [])) + "".join(f":{port}" for port in options.get("port", []))
    return f"{scheme}://{hosts}{parts.path}"
