"""Chunks that become smaller where a statement takes too long, and no smaller than one row."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest
import sqlalchemy.exc

from app.services.operations.chunks import Chunks, read_in_parts
from app.services.operations.retries import Retries

RETRIES = Retries(0.0, at_first=0.0)


def _too_long() -> Exception:
    return sqlalchemy.exc.OperationalError(None, None, psycopg.errors.QueryCanceled("statement timeout"))


def test_a_chunk_is_halved_until_it_can_be_read_and_grows_again() -> None:
    sizes, chunks = list[int](), Chunks(100)

    def read(size: int) -> int:
        sizes.append(size)
        if size > 30 and len(sizes) < 4:
            raise _too_long()
        return size

    assert [chunks.read(read, RETRIES) for _ in range(25)] == [25] * 10 + [50] * 10 + [100] * 5
    assert sizes[:4] == [100, 50, 25, 25]


def test_one_row_that_can_not_be_read_is_an_error_and_so_is_every_other_failure() -> None:
    chunks, sizes = Chunks(4), list[int]()

    def read(size: int) -> int:
        sizes.append(size)
        raise _too_long()

    with pytest.raises(sqlalchemy.exc.OperationalError):
        chunks.read(read, RETRIES)
    assert sizes == [4, 2, 1]

    def fail(size: int) -> int:
        raise sqlalchemy.exc.OperationalError(None, None, psycopg.errors.AdminShutdown("terminating"))

    with pytest.raises(sqlalchemy.exc.OperationalError):
        Chunks(4).read(fail, RETRIES)


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_keys_are_read_in_parts_and_all_of_them_in_their_order(most: int) -> None:
    def read(keys: Sequence[int]) -> list[int]:
        if len(keys) > most:
            raise _too_long()
        return [10 * key for key in keys]

    assert read_in_parts(read, range(7), RETRIES) == [0, 10, 20, 30, 40, 50, 60]
