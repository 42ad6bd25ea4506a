"""Refused origins in the log: enough to find a missing setting, and no flood."""

from __future__ import annotations

from app.http import refused_origins
from app.http.refused_origins import RefusedOrigins
from tests.parts.log_lines import lines_of


def test_an_origin_is_logged_once_a_minute() -> None:
    now = [1000.0]
    refused = RefusedOrigins(lambda: now[0])
    with lines_of(refused_origins) as lines:
        for seconds in (0, 30, 59, 61, 62):
            now[0] = 1000.0 + seconds
            refused.note("http://localhost:3000")
    line = {"event": "origin_refused", "log_level": "warning", "setting": "ALLOWED_ORIGINS"}
    assert lines == [{**line, "origin": "http://localhost:3000"}] * 2


def test_invented_origins_do_not_flood_the_log() -> None:
    now = [1000.0]
    refused = RefusedOrigins(lambda: now[0])
    with lines_of(refused_origins) as lines:
        for number in range(1000):
            refused.note(f"http://{number}.{'x' * 9000}")
        now[0] += 60
        refused.note("http://localhost:3000")
    assert len(lines) == 21
    assert max(len(line["origin"]) for line in lines) == 200
    assert lines[-1]["origin"] == "http://localhost:3000"
