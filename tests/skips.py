"""A pytest plugin: says at the end in one line what was skipped and why; with FAIL_ON_SKIP=1 a skip fails the run."""

from __future__ import annotations

import os
from collections import Counter

import pytest


def _reasons(reports: list[pytest.TestReport]) -> Counter[str]:
    found: Counter[str] = Counter()
    for report in reports:
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else "no reason given"
        found[reason.removeprefix("Skipped: ")] += 1
    return found


def _forbidden() -> bool:
    return os.environ.get("FAIL_ON_SKIP", "") not in ("", "0")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and _forbidden() and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = _reasons(terminalreporter.stats.get("skipped", []))
    said = "; ".join(f"{count} because {reason}" for reason, count in sorted(skipped.items()))
    verdict = " (FAIL_ON_SKIP: that is a failure here)" if skipped and _forbidden() else ""
    terminalreporter.write_line(f"Skipped: {said or 'nothing'}{verdict}")
