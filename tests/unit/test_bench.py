"""What the benchmarks take from the product's code has to follow it."""

from __future__ import annotations

from bench.pgbench import script


def test_pgbench_has_a_value_for_everything_in_the_products_statement() -> None:
    assert "%(" not in script(3)
    assert script(3).startswith("\\set player random(1, 3)")
