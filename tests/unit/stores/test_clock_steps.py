"""Steps of Redis's clock, seen against the time since boot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stores.redis.clock_steps import ClockSteps


class World:
    """The time since boot, and a node's clock with a lead over it."""

    def __init__(self) -> None:
        self.boot, self.lead = 1000.0, 1_795_000_000.0
        self.steps = ClockSteps(lambda: self.boot)

    def ask(self, *, latency: float = 0.001, share: float = 0.5, node: str = "a") -> int:
        """Ask the node for the time, note the answer and return it in ms."""
        sent = self.boot
        now_ms = int((self.boot + share * latency + self.lead) * 1000)
        self.boot += latency
        self.steps.note(node, now_ms, sent)
        return now_ms


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("step", [0.1, 2.0, 3600.0])
def test_what_was_given_before_a_step_back_cannot_be_measured(world: World, step: float) -> None:
    issued = world.ask()
    world.boot += 3.0
    world.lead -= step
    completed = world.ask()
    assert world.steps.was_set_back_since("a", issued)
    world.boot += step + 1
    later = world.ask()
    assert not world.steps.was_set_back_since("a", later)
    assert completed < later


def test_a_second_step_back_shows_nothing_of_the_time_before_the_first(world: World) -> None:
    issued = world.ask()
    for step in (3600.0, 60.0):
        world.lead -= step
        world.ask()
        world.boot += 30.0
    assert world.steps.was_set_back_since("a", issued)


@pytest.mark.parametrize("step", [0.0, 0.01, 5.0])
def test_a_step_forward_or_none_hides_nothing(world: World, step: float) -> None:
    issued = world.ask()
    world.boot += 3.0
    world.lead += step
    world.ask()
    assert not world.steps.was_set_back_since("a", issued)


def test_a_slow_answer_hides_no_later_step(world: World) -> None:
    world.ask()
    issued = world.ask(latency=0.4, share=0.0)
    world.lead -= 0.1
    world.ask()
    assert world.steps.was_set_back_since("a", issued)


def test_each_node_has_a_clock_of_its_own(world: World) -> None:
    world.ask(node="a")
    world.lead -= 10.0
    issued = world.ask(node="b")
    assert not world.steps.was_set_back_since("b", issued)


@given(
    st.lists(
        st.tuples(st.floats(0, 600), st.floats(0.0001, 0.4), st.floats(0, 1), st.floats(-0.0005, 0.0005)), max_size=30
    )
)
def test_slow_answers_and_drifting_clocks_are_no_steps(answers: list[tuple[float, float, float, float]]) -> None:
    world = World()
    for pause, latency, share, drift in answers:
        world.boot += pause
        world.lead += pause * drift
        moment = world.ask(latency=latency, share=share)
        assert not world.steps.was_set_back_since("a", moment)
