"""Commands whose output can't be written."""

from __future__ import annotations

import subprocess
import sys

import pytest

from devstack.child import ROOT
from tests.parts.product import Product


@pytest.mark.parametrize("line", [("leaderboard", "verify"), ("leaderboard", "top", "--json"), ("doctor",)])
def test_a_result_that_cannot_be_written_is_one_line_and_a_failure(product: Product, line: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *line]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, env=product.env, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "Error: The result could not be written: No space left on device."
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("line", [("leaderboard", "verify"), ("leaderboard", "top", "--json"), ("doctor",)])
def test_a_result_without_an_output_is_one_line_and_a_failure(product: Product, line: tuple[str, ...]) -> None:
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "flask", "--app", "wsgi", *line]
    result = subprocess.run(command, env=product.env, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "Error: The result could not be written: standard output is closed."
    assert "Traceback" not in result.stderr  # there may be lines of progress
