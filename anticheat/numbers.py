"""Every number the rules use, with its reason. docs/anticheat.md argues for them at length.

`Limits` (anticheat/rules.py) overrides, per action type, those that depend on what the action is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """How alike intervals must be to count as clockwork: `alike` of the newest `intervals` within a span.

    The span is `hands` times the standard deviation of the steadiest hand. With normally distributed intervals of
    that hand, about 1 window in 100,000 is narrower. A sixth of the intervals may lie anywhere, so that a hiccup
    of the network does not hide a machine.
    """

    intervals: int
    alike: int
    hands: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """The defaults. Times in seconds; `…_adds` in points of suspicion, where 30 flags, 60 rejects, 100 suspends."""

    # Clocks. Servers kept by NTP agree within a few milliseconds; 50 ms forgives a bad day.
    skew: float = 0.05
    # Two requests in flight overtake each other by less than this. Further back, the clock itself was set back.
    overtaking: float = 1.0

    # Timing. The minimum is a hard fact of the action, so any breach counts (20), and an instant one is rejected at
    # once (80) and suspends the second time. At 90% of the minimum: 26, the second one flags.
    timing_adds: float = 20.0
    timing_adds_by_severity: float = 60.0

    # Frequency. A completion takes two presses (start, complete), and a trained finger taps 6 to 7 times a second:
    # at most 3.3 completions a second, 10 in 3 s. Ten is also how many actions a player may hold open, so ten
    # delivered at once are ordinary. Above, each adds 11, a little over a tenth of what suspends because suspicion
    # decays meanwhile: the 13th flags, the 16th is rejected, the 20th suspends.
    burst: int = 10
    burst_seconds: float = 3.0
    # None: 60 a minute is what the rate limit allows, and a hand can do it; only an action type can know better.
    per_minute: int | None = None
    minute_seconds: float = 60.0
    frequency_adds: float = 11.0

    # Pattern. The steadiest hands, those of drummers, keep an interval to 2% of its length, but no better than 10 ms
    # with a finger on a button, and a press at a countdown's end varies by 20 ms however long the countdown.
    steadiness: float = 0.02
    steadiest_hand: float = 0.010
    steadiest_reaction: float = 0.020
    windows: tuple[Window, ...] = (
        Window(intervals=12, alike=10, hands=0.40),
        Window(intervals=16, alike=14, hands=0.75),
        Window(intervals=24, alike=20, hands=0.90),
        Window(intervals=48, alike=40, hands=1.30),
    )
    # After a pause this long the player sat down anew.
    pause: float = 600.0
    # One window can be chance, seven in a row cannot: the 2nd flags, the 4th is rejected, the 7th suspends.
    pattern_adds: float = 16.0


NUMBERS = Numbers()
