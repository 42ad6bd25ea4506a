"""docs/api.md names the error codes and routes of the code."""

from __future__ import annotations

import re
from pathlib import Path

from app import errors
from app.http.failures import HTTP_ERRORS
from app.ws import frames

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text()


def _codes(error: type[errors.Refusal]) -> set[str]:
    return {error.code}.union(*(_codes(child) for child in error.__subclasses__()))


def _codes_beside_a_status() -> set[str]:
    """Return the codes of refusals that are no class of ours: of gunicorn, nginx and the handshake of a socket."""
    files = [
        *(ROOT / "app").rglob("*.py"),
        *(ROOT / "deploy").rglob("*.py"),
        *(ROOT / "deploy" / "nginx").rglob("*.conf"),
    ]
    text = "\n".join(file.read_text() for file in files)
    return set(re.findall(r'\b[45]\d\d, "([a-z_]+)"', text)) | set(re.findall(r'"code": ?"([a-z_]+)"', text))


def test_every_error_code_is_in_the_table() -> None:
    table = PAGE.partition("### Error codes")[2].partition("\n## ")[0]
    abstract = {errors.Refusal.code}
    codes = _codes(errors.Refusal) - abstract | set(HTTP_ERRORS.values()) | {"internal_error"}
    named = set(re.findall(r"`([a-z_]+)`", table)) - {"http_error"}
    assert codes | _codes_beside_a_status() == named


def test_every_close_code_is_in_the_table() -> None:
    table = PAGE.partition("| close code |")[2]
    codes = {
        value for name, value in vars(frames).items() if name.isupper() and isinstance(value, int) and value >= 1000
    }
    assert codes - {frames.NORMAL} == {int(code) for code in re.findall(r"^\| (\d{4}) \|", table, re.MULTILINE)}
