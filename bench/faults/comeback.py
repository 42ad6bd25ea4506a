"""The retries of a subscriber that was cut off: the same pauses as a browser's (clients/js/fairboard.js)."""

from __future__ import annotations

QUIET_SECONDS = 75.0  # after two missed pings the connection is dead
STEADY_SECONDS = 5.0  # after so long with a board, earlier failures are forgotten

_EAGER, _LONGEST_EAGER, _LONGEST = 6, 2.0, 15.0
_TRY, _LONGEST_TRY = 8.0, 30.0
_SOON = {1001: (0.1, 0.9), 1006: (0.2, 0.9), 1012: (0.1, 0.9), 4408: (0.1, 0.5), 4409: (0.5, 1.5)}


def pause(code: int, failures: int) -> tuple[float, float]:
    """Return the least and most seconds until the next try, after `failures` failed tries in a row.

    `code` is that of the close (1006: none).
    """
    if failures == 0:
        return _SOON.get(code, (0.5, 1.5))
    eager = min(_LONGEST_EAGER, 0.5 * 2**failures)
    ceiling = eager if failures <= _EAGER else min(_LONGEST, _LONGEST_EAGER * 2 ** (failures - _EAGER))
    return ceiling / 2, ceiling


def try_seconds(failures: int) -> float:
    """Return the most seconds from opening a socket to its first board, after `failures` tries failed in a row."""
    return float(min(_LONGEST_TRY, _TRY * 2 ** (failures // 3)))
