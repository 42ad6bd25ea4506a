"""What `flask doctor` looks at in a product of one of each, on Redis as the broker."""

from __future__ import annotations

PARTS = [
    "python",
    "packages",
    "settings",
    "postgresql",
    "migrations",
    "audit log",
    "redis",
    "clocks",
    "broker",
    "workers",
    "relay",
    "beat",
    "analytics work",
    "anticheat work",
    "board main",
    "online main",
    "clients",
]
