"""The wait before the next attempt to sign in, after failed ones. It grows up to a limit; failures are forgotten.

A network from which the account has signed in is judged by its own failures alone: strangers can't lock it out. All
other networks share a second count, so that guesses from many networks get slow together; each network waits its own
turn, at most `STRANGERS.longest` seconds, so that guesses never lock out the owner in a new place.
"""

from __future__ import annotations

from dataclasses import dataclass

FORGET_SECONDS = 900
"""One failure is forgotten in this time."""

KNOWN_SECONDS = 90 * 86_400
"""How long a network stays known to an account after a sign-in."""

MOST_KNOWN = 20
"""Networks that one account remembers; the least recently used network is forgotten first."""


@dataclass(frozen=True, slots=True)
class Waits:
    """`free` failures have no consequence; then the wait doubles from one second, up to `longest` seconds."""

    free: int
    longest: int

    def seconds_after(self, failures: int) -> int:
        """Return the seconds to wait after so many failures."""
        over = failures - self.free
        return 0 if over < 0 else min(self.longest, 2 ** min(over, 31))

    def table(self) -> tuple[int, ...]:
        """Return the waits after 1, 2, … failures; the last wait holds for any number beyond."""
        failures = 1
        while self.seconds_after(failures) < self.longest:
            failures += 1
        return tuple(self.seconds_after(number) for number in range(1, failures + 1))


OWN = Waits(free=5, longest=900)
"""The waits for the failures of one network on one account."""

STRANGERS = Waits(free=20, longest=300)
"""The waits for the failures on one account of all networks that are unknown to it."""
