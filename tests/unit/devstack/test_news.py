"""devstack/news.py: problems reach the terminal, the rest stays in the logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.news import News


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23T21:26:37Z [warning  ] boards_rebuilt [fairboard.tasks] boards=['main']",
        '{"event": "x", "level": "error"}',
        "2026-11-23 21:31:58.812 UTC [24802] FATAL:  could not write to file: No space left on device",
        "Traceback (most recent call last):",
    ],
)
def test_a_line_of_trouble_is_news(tmp_path: Path, line: str) -> None:
    news = News(tmp_path)
    (tmp_path / "web.log").write_text(f"{line}\n")
    assert list(news.lines()) == [f"web: {line}"]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23T21:26:26Z [info     ] Listening at: http://127.0.0.1:18000 [gunicorn.error]",
        "2026-11-23 21:26:26 UTC [1] ERROR:  duplicate key value violates unique constraint",
    ],
)
def test_an_ordinary_line_is_none(tmp_path: Path, line: str) -> None:
    news = News(tmp_path)
    (tmp_path / "web.log").write_text(f"{line}\n")
    assert list(news.lines()) == []


def test_each_line_is_told_once_and_only_when_it_is_complete(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("[error] of the last run\n")
    news = News(tmp_path)
    with log.open("a") as file:
        file.write("[error] one\n[error] tw")
        file.flush()
        assert list(news.lines()) == ["web: [error] one"]
        file.write("o\n")
        file.flush()
        assert list(news.lines()) == ["web: [error] two"]
    assert list(news.lines()) == []


def test_a_flood_is_told_in_a_few_lines(tmp_path: Path) -> None:
    news = News(tmp_path)
    (tmp_path / "web.log").write_text("[error] again\n" * 1000)
    lines = list(news.lines())
    assert len(lines) == 6
    assert lines[-1].startswith("web: and 995 more lines like these")


def test_a_log_that_starts_anew_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("quiet\n" * 100)
    news = News(tmp_path)
    log.write_text("[error] new\n")
    assert list(news.lines()) == ["web: [error] new"]
