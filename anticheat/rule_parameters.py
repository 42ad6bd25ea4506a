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

    # Timing. The evidence grows with what is missing of the minimum: half of it is rejected at once (60), an instant
    # completion too, and suspends the second time (80).
    timing_adds_by_severity: float = 120.0
    timing_adds_at_most: float = 80.0
    # A client whose countdown begins with the press, not with the answer, is early by as much as the request for the
    # action took longer than the one that completes it; either takes 20 to 300 ms. So what is early by less is no fact:
    # it adds 1 at the end of that span and less before, with the square, and an hour of it is below `flag`. But at most
    # a quarter of the minimum, since a script that is always early by that much gains a third.
    early: float = 0.3
    early_share: float = 0.25
    early_adds: float = 1.0
    # A lost packet is sent again after 0.2 to 1 s, so what is early by less than a second, at most a third of the
    # minimum, is no fact either: it counts in full, but as soft evidence. The second time at 80% of 3 s is held.
    resent: float = 1.0
    resent_share: float = 1 / 3

    # Frequency. A child taps 5 to 8 times a second, each tap one action; the records for two fingers are about 15; a
    # press that bounces in a hand with a tremor counts two or three times; a tunnel's end delivers the ten actions that
    # a player can hold at once, and a child's next ones come as usual. So 16 in a second are ordinary. Above that, the
    # nth excess completion adds 0.9 n³: 18 in a second have added 9 in total, the 19th flags, the 20th holds.
    hands: int = 16
    hands_seconds: float = 1.0
    frequency_adds_by_excess: float = 0.9
    # The numbers that an action type may set: completions of that type in so many seconds.
    burst_seconds: float = 3.0
    # None: the rate limit allows 60 a minute, and a hand can do that; only an action type can know better.
    per_minute: int | None = None
    minute_seconds: float = 60.0

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
    # Where nothing has to be waited for, a held key, an auto-repeat switch and a pedal are as even as a script. So only
    # a long run says anything there: 49 completions without a pause (an interval of `free_pause` times the newest), and
    # each further one a little. A switch that repeats for up to a minute at a time stays below `flag`; a script that
    # taps once a second is flagged within ten minutes. It is at most a case: the suspicion rises to a share of the
    # ceiling, 41 of 59, which is below `hold`.
    free_window: PatternWindow = PatternWindow(intervals=48, alike=40, hands=0.8)
    free_pause: float = 3.0
    free_pattern_adds: float = 0.08
    # The share of the soft ceiling for evidence that opens a case at most.
    case_share: float = 0.7

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
