"""Names that the benchmarks copy from the product's code have to follow it."""

from __future__ import annotations

from pathlib import Path

from bench.faults.report import with_parts
from bench.pgbench import script
from bench.sections import carry_over, put


def test_pgbench_has_a_value_for_everything_in_the_products_statement() -> None:
    assert "%(" not in script(3)
    assert script(3).startswith("\\set player random(1, 3)")


def test_a_group_is_one_transaction_with_its_players_in_order() -> None:
    lines = script(9, group=3).splitlines()
    assert (lines[0], lines[-1]) == ("\\startpipeline", "\\endpipeline")
    assert [line for line in lines if line.startswith("\\set player")] == [
        "\\set player random(1, 3)",
        "\\set player random(4, 6)",
        "\\set player random(7, 9)",
    ]
    assert sum(line.startswith("WITH ") for line in lines) == 3


def test_a_section_is_replaced_in_its_place_and_outlives_a_page_that_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    put(page, "one", "first")
    put(page, "two", "second")
    put(page, "one", "third")
    text = page.read_text()
    assert "first" not in text
    assert text.index("third") < text.index("second")
    anew = carry_over(text, "# Another\n")
    assert anew.startswith("# Another\n")
    assert anew.count("third") == anew.count("second") == 1


def test_each_part_about_reliability_is_written_alone_and_stands_apart() -> None:
    seasons = "## Seasons that end under load\n\n"
    assert with_parts("# Faults\n", "", "new\n") == f"# Faults\n\n{seasons}new\n"
    assert with_parts(f"# Faults\n\n{seasons}old\n", "", "new\n") == f"# Faults\n\n{seasons}new\n"
    assert with_parts(f"# Faults\n\n{seasons}old\n", "# New\n", "") == f"# New\n\n{seasons}old\n"
