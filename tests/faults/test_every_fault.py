"""The short form of `make faults`: the cluster under load, one fault at a time, every promise proved after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from bench.faults import disk
from bench.faults.drill import LEAST_ANSWERS, SHORT, Drill, drill
from bench.faults.faults import FAULTS
from bench.faults.load import Phase
from bench.faults.scene import Fault, Scene, Touch
from tests.parts.cluster import missing


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """Start the cluster under load."""
    if absent := missing():
        pytest.skip(f"{absent} is not installed")
    with drill(tmp_path_factory.mktemp("drill"), SHORT, short=True, say=lambda line: None) as ready:
        yield ready


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.slug for fault in FAULTS])
def test_what_was_promised_holds_whatever_breaks(ready: Drill, fault: Fault) -> None:
    if fault.slug == "disk" and not disk.may_mount():
        pytest.skip("only root may mount a small disk")
    outcome = ready.run(fault)
    assert outcome.wrong == []
    # Otherwise nothing was under load, and the proofs would prove nothing.
    assert outcome.phase.saw["200"] > LEAST_ANSWERS


def test_a_drill_that_breaks_nothing_has_touched_nobody_whatever_it_counts(ready: Drill) -> None:
    counts: dict[str, int] = {}

    def begin(scene: Scene) -> Callable[[Phase], int]:
        begun = {fault.slug: fault.touch.begin(scene) for fault in FAULTS}

        def count(answers: Phase) -> int:
            counts.update((slug, end(answers)) for slug, end in begun.items())
            return sum(counts.values())

        return count

    nothing = Fault("nothing", "nothing is broken", lambda scene: None, Touch("things touched", begin))
    outcome = ready.run(nothing)
    assert counts == {fault.slug: 0 for fault in FAULTS}
    assert outcome.wrong == ["had no effect: no things touched"]
