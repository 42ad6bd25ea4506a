"""A pytest plugin: one line at the end says why tests were skipped; with FAIL_ON_SKIP=1 a skip fails the run."""

from __future__ import annotations

import os
from collections import Counter

import pytest


def _count_reasons(reports: list[pytest.TestReport]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for report in reports:
        location = report.longrepr
        reason = location[2] if isinstance(location, tuple) else "no reason given"
        counts[reason.removeprefix("Skipped: ")] += 1
    return counts


def _skips_are_failures() -> bool:
    return os.environ.get("FAIL_ON_SKIP", "") not in ("", "0")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and _skips_are_failures() and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = _count_reasons(terminalreporter.stats.get("skipped", []))
    summary = "; ".join(f"{count} because {reason}" for reason, count in sorted(skipped.items()))
    verdict = " (FAIL_ON_SKIP: that is a failure here)" if skipped and _skips_are_failures() else ""
    terminalreporter.write_line(f"Skipped: {summary or 'nothing'}{verdict}")
