"""Distributions as pictures."""

from __future__ import annotations

from xml.etree import ElementTree

from app.cli.pictures import bars, svg
from app.domain.calibration import all_bins

BINS = all_bins([(3, 50), (4, 100), (6, 1)])
MARKS = {"min": 2.0, "proposed <min>": 1.0, "p95": 900.0}


def test_bars_are_as_long_as_there_are_many_and_marks_stand_where_they_belong() -> None:
    lines = bars(BINS, MARKS).splitlines()
    assert [line.count("#") for line in lines] == [25, 50, 0, 1]
    assert "50  < min 2 s" in lines[0]
    assert not any("p95" in line for line in lines)


def test_bars_are_shorter_where_the_terminal_is_narrow() -> None:
    lines = bars(BINS, MARKS, 60).splitlines()
    assert max(map(len, lines)) <= 60
    assert 10 <= lines[1].count("#") < 50


def test_a_drawing_is_xml_with_a_bar_for_each_bin() -> None:
    root = ElementTree.fromstring(svg("tap & more: 151 completions", BINS, MARKS))
    space = {"s": "http://www.w3.org/2000/svg"}
    heights = [float(rect.attrib["height"]) for rect in root.findall("s:rect", space)][1:]
    assert len(heights) == 4
    assert heights[1] == 2 * heights[0] == max(heights)
    texts = [text.text for text in root.findall("s:text", space)]
    assert texts[0] == "tap & more: 151 completions"
    assert "proposed <min> 1 s" in texts
