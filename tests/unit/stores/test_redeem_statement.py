"""The statements that score."""

from __future__ import annotations

import pytest

from app.stores.play import redeem_statement

_STATEMENTS = {name: text for name, text in vars(redeem_statement).items() if name.startswith("REDEEM")}


@pytest.mark.parametrize("name", _STATEMENTS)
def test_psycopg_parses_each_statement_once(name: str) -> None:
    """It keeps what it parsed of statements with up to 4,096 characters (psycopg._queries)."""
    assert len(_STATEMENTS[name]) <= 4096
