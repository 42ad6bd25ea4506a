"""docs/howto/import.md: its files are written and its commands run in order, in the test's own process."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from app.containers.container import Container
from tests.integration.cli.conftest import Run

PAGE = Path(__file__).resolve().parents[3] / "docs/howto/import.md"
_BLOCK = re.compile(r"^```(csv|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"Write [^`]*`(\w+\.csv)`")


def test_the_page_can_be_followed(
    container: Container, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page, outputs = PAGE.read_text(), []
    for block in _BLOCK.finditer(page):
        if block[1] == "csv":
            (tmp_path / _FILE.findall(page[: block.start()])[-1]).write_text(block[2])
            continue
        for line in block[2].splitlines():
            result = run(*shlex.split(line)[1:])
            assert result.exit_code == 0, result.output
            outputs.append(f"{line}\n{result.output}")
    report = "LINE" + page.partition("```text\nLINE")[2].partition("```")[0]
    assert report in outputs[0]
    counted = [re.findall(r"(\d+) (?:added|unchanged|refused)", output) for output in outputs[1:5]]
    assert counted == [["2", "0", "1"], ["2", "0", "0"], ["2", "0", "0"], ["0", "2", "0"]]
    assert outputs[5].index("Grace") < outputs[5].index("Ada"), "an earlier time is first in a tie"
    assert "2 added" in outputs[9]
    assert "2 added" in outputs[10]
