"""The limits that the demo raises: two dozen players share one address here, also with anyone who opens the page."""

RAISED = {"RATE_LIMIT_AUTH": "300/minute", "RATE_LIMIT_READS": "3000/minute", "RATE_LIMIT_SOCKETS": "600/minute"}
"""Limits per address, by the names of their settings. Limits per player and the anti-cheat keep their defaults."""
