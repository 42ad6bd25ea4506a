"""The statements that score."""

from __future__ import annotations

import re

import pytest
from psycopg import _queries
from psycopg.adapt import Transformer

import app.stores.postgres.gevent_connection  # noqa: F401 - it sets the length
from app.stores.play import redeem_statement

_STATEMENTS = {name: text for name, text in vars(redeem_statement).items() if name.startswith("REDEEM")}


@pytest.mark.parametrize("name", _STATEMENTS)
def test_psycopg_parses_each_statement_once(name: str) -> None:
    values = dict.fromkeys(re.findall(r"%\((\w+)\)s", _STATEMENTS[name]), "1")
    before = _queries._query2pg.cache_info().hits
    for _ in range(2):
        _queries.PostgresQuery(Transformer()).convert(_STATEMENTS[name], values)
    assert _queries._query2pg.cache_info().hits > before
