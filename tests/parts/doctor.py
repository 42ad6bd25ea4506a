"""The parts that `flask doctor` examines in a product with one process of each kind and Redis as the broker."""

from __future__ import annotations

PARTS = [
    "python",
    "packages",
    "settings",
    "postgresql",
    "migrations",
    "ledger",
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
