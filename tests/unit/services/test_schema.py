"""The version of PostgreSQL that the schema needs."""

from __future__ import annotations

import pytest

from app.errors import Conflict
from app.services.operations.schema import check_postgres


@pytest.mark.parametrize("version", ["18.6", "18beta1 (Debian 18~beta1-1)", "19.0"])
def test_a_server_that_is_new_enough_passes(version: str) -> None:
    check_postgres(version)


@pytest.mark.parametrize("version", ["9.6.24", "15.18 (Debian 15.18-0+deb12u1)", "17rc1"])
def test_an_upgrade_on_an_older_server_is_refused_before_anything_is_changed(version: str) -> None:
    with pytest.raises(Conflict, match=f"PostgreSQL 18 or later is needed; this one is {version[:2]}"):
        check_postgres(version)
