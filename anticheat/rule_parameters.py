"""Every number the rules use, with its reason. docs/anticheat.md argues for them at length.

`Limits` (anticheat/rules.py) overrides, per action type, those that depend on what the action is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PatternWindow:
    """How alike intervals must be to count as clockwork: `alike` of the newest `intervals` within a span.

    The span is `hands` times the standard deviation of the steadiest hand. With normally distributed
    intervals of that hand, fewer than 1 window in 100,000 is narrower. A sixth of the intervals may lie
    anywhere, so that a hiccup of the network does not hide a machine.
    """

    intervals: int
    alike: int
    hands: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """The defaults. Times in seconds; `…_adds…` in suspicion, where 30 flags, 60 rejects, 100 suspends."""

    # Clocks. Servers kept by NTP agree within a few milliseconds; 50 ms forgives a bad day.
    skew: float = 0.05
    # Two requests in flight overtake each other by less than this. Further back, the clock itself was set
    # back.
    overtaking: float = 1.0

    # Timing. The minimum is a hard fact of the action, so any breach counts (20), and an instant one is
    # rejected at once (80) and suspends the second time. At 90% of the minimum: 26, the second one flags.
    timing_adds: float = 20.0
    timing_adds_by_severity: float = 60.0

    # Frequency. A completion takes two presses (start, complete), and a trained finger taps 6 to 7 times a
    # second: at most 3.3 completions a second, 10 in 3 s. A line that stalled may deliver the ten actions
    # that a player can hold open at once, and the next two or three come as usual. So 12 are ordinary. Above,
    # the nth too many adds 3n, so that one more costs little and ten more everything: of a burst, the 17th
    # flags, the 18th is rejected, the 20th suspends.
    burst: int = 12
    burst_seconds: float = 3.0
    # None: 60 a minute is what the rate limit allows, and a hand can do it; only an action type can know
    # better.
    per_minute: int | None = None
    minute_seconds: float = 60.0
    frequency_adds_by_excess: float = 3.0

    # Pattern. The steadiest hands, those of drummers, keep an interval to 2% of its length, but no better
    # than 10 ms with a finger on a button, and a press at a countdown's end varies by 20 ms however long the
    # countdown.
    steadiness: float = 0.02
    steadiest_hand: float = 0.010
    steadiest_reaction: float = 0.020
    windows: tuple[PatternWindow, ...] = (
        PatternWindow(intervals=12, alike=10, hands=0.40),
        PatternWindow(intervals=16, alike=14, hands=0.70),
        PatternWindow(intervals=24, alike=20, hands=0.85),
        PatternWindow(intervals=48, alike=40, hands=1.25),
    )
    # After a pause this long the player sat down anew.
    pause: float = 600.0
    # One narrow window can be chance, and since the next one shares most of its intervals, so can two. The
    # 3rd flags, the 5th is rejected, the 8th suspends: at the earliest the 20th completion.
    pattern_adds: float = 14.0

    # Tokens that don't fit. A forged token scores nothing, so it is evidence, not damage: a game that mangles
    # tokens must see `invalid_signature` and not a ban. The 15th within half an hour flags, the 50th suspends. A
    # used one comes again when an answer was lost and the client sends no Idempotency-Key: twice is ordinary,
    # each further time of the same one adds a little.
    forgery_adds: float = 2.0
    replays_forgiven: int = 2
    replay_adds: float = 1.0


NUMBERS = Numbers()
