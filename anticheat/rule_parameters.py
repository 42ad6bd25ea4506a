"""Every number that the rules use, with its reason. docs/anticheat.md argues for them at length.

`ActionTypeLimits` (anticheat/rules.py) overrides, per action type, the numbers that depend on the action.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PatternWindow:
    """How alike intervals must be to count as clockwork: `alike` of the newest `intervals` lie within a span.

    The span is `hands` times the standard deviation of the steadiest hand. With normally distributed intervals of that
    hand, fewer than 1 window in 100,000 is narrower. A sixth of the intervals may lie anywhere, so that a hiccup of the
    network does not hide a machine.
    """

    intervals: int
    alike: int
    hands: float


@dataclass(frozen=True, slots=True)
class RuleParameters:
    """The defaults. Times in seconds; `…_adds…` in suspicion, where 30 flags, 60 rejects, 100 suspends."""

    # Clocks. One clock times issue and completion; 50 ms forgives the client's timer, and a thousandth of the time that
    # the client's clock runs faster or ours slower (NTP slews a clock by at most half a thousandth).
    skew: float = 0.05
    drift: float = 0.001

    # Timing. Any breach of the minimum counts (20), and an instant one is rejected at once (80) and suspends the second
    # time, if the minimum is a fact. A completion at 90% of the minimum adds 26: the second one flags.
    timing_adds: float = 20.0
    timing_adds_by_severity: float = 60.0

    # Frequency. A completion takes two presses (start, complete), and a trained finger taps 6 to 7 times a second: at
    # most 3.3 completions a second, 10 in 3 s. A line that stalled may deliver the ten actions that a player can hold
    # open at once, and the next two or three come as usual. So 12 are ordinary. Above that, the nth excess completion
    # adds 3n, so that one more costs little and ten more cost everything: of a burst, the 17th flags, the 18th is
    # rejected, the 20th suspends.
    burst: int = 12
    burst_seconds: float = 3.0
    # None: the rate limit allows 60 a minute, and a hand can do that; only an action type can know better.
    per_minute: int | None = None
    minute_seconds: float = 60.0
    frequency_adds_by_excess: float = 3.0

    # Pattern. The steadiest hands, those of drummers, keep an interval to 2% of its length, but no better than 10 ms
    # with a finger on a button, and a press at a countdown's end varies by 20 ms however long the countdown is.
    steadiness: float = 0.02
    steadiest_hand: float = 0.010
    steadiest_reaction: float = 0.020
    windows: tuple[PatternWindow, ...] = (
        PatternWindow(intervals=12, alike=10, hands=0.40),
        PatternWindow(intervals=16, alike=14, hands=0.70),
        PatternWindow(intervals=24, alike=20, hands=0.85),
        PatternWindow(intervals=48, alike=40, hands=1.25),
    )
    # A pause this long ends a run of intervals: the player sat down anew.
    pause: float = 600.0
    # One narrow window can be chance, and since the next one shares most of its intervals, so can two. The 3rd flags,
    # the 5th is rejected, the 8th suspends, which is the 20th completion at the earliest.
    pattern_adds: float = 14.0

    # Plausibility. Like timing: any breach of a declared bound counts (20), and a result of ten times what the time
    # allows is rejected at once (74). The tolerances of clocks apply to the time that the server measured.
    plausibility_adds: float = 20.0
    plausibility_adds_by_severity: float = 60.0

    # Tokens that don't fit. A forged token scores nothing, so it is evidence, not damage: a game that mangles tokens
    # must see `invalid_signature` and not a ban. The 15th within half an hour flags, the 50th suspends. A client
    # without an Idempotency-Key presents a used token again when an answer was lost: twice is ordinary, each further
    # time of the same token adds a little.
    forgery_adds: float = 2.0
    replays_forgiven: int = 2
    replay_adds: float = 1.0


RULE_PARAMETERS = RuleParameters()
