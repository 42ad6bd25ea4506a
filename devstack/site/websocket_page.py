"""The page about the WebSocket: the section of docs/api.md, as a page of its own."""

from __future__ import annotations


def websocket_page(api: str) -> str:
    """Return the section of the API's page, under a heading of the first level."""
    section = api.partition("\n## WebSocket\n")[2].partition("\n## ")[0]
    return f"# WebSocket\n{section}\n"
