"""Positions in PostgreSQL's log, by which one server can tell whether it has all that another one showed.

A position is text: the timeline in 8 hexadecimal digits, then the place in the log in 16. As text, later ones are
greater, also in Lua; a new timeline comes after every place of the old one.
"""

from __future__ import annotations

Position = str

NOWHERE: Position = "0" * 24
"""Before every other."""

TIMELINE_DIGITS = 8

_PLACE = "lpad(to_hex(({lsn} - '0/0')::bigint), 16, '0')"

# What is flushed, not what is inserted: a commit is visible only after its flush, while the end of what is inserted
# may lie beyond the last whole record, or wait for the next flush, and a replica would not get there. It is the other
# way round only where commits don't wait for the flush.
_COMMITTED = """
    CASE current_setting('synchronous_commit') WHEN 'off'
    THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END
"""

PRIMARY_NOW = f"""(
    SELECT lower(substr(pg_walfile_name(at), 1, {TIMELINE_DIGITS})) || {_PLACE.format(lsn="at")}
    FROM (SELECT {_COMMITTED} AS at) now
)"""
"""On a primary: not before any commit that is visible."""

REPLAYED = _PLACE.format(lsn="pg_last_wal_replay_lsn()")
"""On a replica, without the timeline: what the next statement sees for certain. NULL if nothing was replayed."""


def received(timeline: str) -> str:
    """SQL for a replica: not before any commit that is visible there.

    A commit is visible a moment before the position of replay moves past it, so what has been received is asked for.
    """
    return f"('{timeline}' || {_PLACE.format(lsn='greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())')})"


def bytes_between(earlier: Position, later: Position) -> int:
    """How much log lies between; 0 when `earlier` isn't."""
    return max(0, int(later[TIMELINE_DIGITS:], 16) - int(earlier[TIMELINE_DIGITS:], 16))
