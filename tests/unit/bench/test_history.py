"""The history of ratios: which change is a loss, and that records survive the file and the picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.chart import draw
from bench.history import Ratio, Record, append, last_on, losses, read

_SVG = "{http://www.w3.org/2000/svg}"


def run(commit: str, ratio: Ratio, machine: str = "here") -> Record:
    return Record("2026-11-27T21:00Z", commit, machine, {ratio.name: ratio})


@pytest.mark.parametrize(
    ("last", "new", "is_lost"),
    [
        (Ratio("r", 2.0, 0.1, "lower"), Ratio("r", 2.19, 0.1, "lower"), False),
        (Ratio("r", 2.0, 0.1, "lower"), Ratio("r", 2.21, 0.1, "lower"), True),
        (Ratio("r", 2.0, 0.1, "lower"), Ratio("r", 1.0, 0.1, "lower"), False),
        (Ratio("r", 0.2, 0.01, "higher"), Ratio("r", 0.17, 0.01, "higher"), True),
        (Ratio("r", 0.2, 0.01, "higher"), Ratio("r", 0.3, 0.01, "higher"), False),
    ],
)
def test_a_ratio_is_lost_beyond_the_noise_of_both_runs_in_the_worse_direction_alone(
    last: Ratio, new: Ratio, is_lost: bool
) -> None:
    lines = losses(run("new", new), run("old", last))
    assert bool(lines) is is_lost
    assert all("at old" in line for line in lines)


def test_the_noise_is_half_the_range_of_the_turns_and_never_nothing() -> None:
    assert Ratio.of("r", [1.0, 3.0, 1.5]) == Ratio("r", 1.5, 1.0, "lower")
    assert Ratio.of("r", [2.0, 2.0]).noise == pytest.approx(0.1)


def test_a_ratio_that_only_one_of_two_runs_has_is_no_loss() -> None:
    assert losses(run("new", Ratio("a", 9, 0, "lower")), run("old", Ratio("b", 1, 0, "lower"))) == []


def test_records_survive_the_file_and_the_last_of_the_same_machine_is_found(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert read(path) == []
    records = [run("a", Ratio("r", 1.5, 0.1, "lower")), run("b", Ratio("r", 2.5, 0.2, "higher"), "there")]
    for record in records:
        append(record, path)
    assert read(path) == records
    assert last_on("here", read(path)) == records[0]
    assert last_on("nowhere", read(path)) is None


def test_the_picture_has_a_point_for_each_run_of_the_newest_machine() -> None:
    records = [run(commit, Ratio("r < 1", value, 0.1, "lower")) for commit, value in (("a", 1.0), ("b", 0.5))]
    svg = ElementTree.fromstring(draw([*records, run("c", Ratio("r < 1", 7, 0.1, "lower"), "there"), records[1]]))
    circles = list(svg.iter(f"{_SVG}circle"))
    assert [circle.findtext(f"{_SVG}title") for circle in circles] == ["a: 1 ± 0.1", "b: 0.5 ± 0.1", "b: 0.5 ± 0.1"]
    heights = [float(circle.get("cy", "")) for circle in circles]
    assert heights[0] < heights[1] == heights[2]  # y grows downwards
