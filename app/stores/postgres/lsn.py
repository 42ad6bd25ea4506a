"""Positions in PostgreSQL's log: they tell whether one server has everything that was visible on another.

A position is text: the timeline in 8 hexadecimal digits, then the LSN in 16. Later positions are greater as text, also
in Lua; a new timeline comes after every LSN of the old one.
"""

from __future__ import annotations

Position = str

NOWHERE: Position = "0" * 24
"""The position before every other."""

TIMELINE_DIGITS = 8

_DIGITS = "lpad(to_hex(({lsn} - '0/0')::bigint), 16, '0')"

# The flushed position, not the inserted one: a commit is visible only after its flush, while the inserted position may
# lie beyond the last whole record, or wait for the next flush, and a replica would not reach it. The inserted position
# is right only where commits don't wait for the flush.
_COMMITTED = """
    CASE current_setting('synchronous_commit') WHEN 'off'
    THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END
"""

PRIMARY_NOW = f"""(
    SELECT lower(substr(pg_walfile_name(at), 1, {TIMELINE_DIGITS})) || {_DIGITS.format(lsn="at")}
    FROM (SELECT {_COMMITTED} AS at) now
)"""
"""On a primary: a position at or after every visible commit."""

REPLAYED = _DIGITS.format(lsn="pg_last_wal_replay_lsn()")
"""On a replica, without the timeline: all up to here is visible to the next statement. NULL if nothing was replayed."""


def received(timeline: str) -> str:
    """Return SQL for a replica: a position at or after every commit that is visible there.

    A commit is visible a moment before the replayed position moves past it, so the SQL asks for the received position.
    """
    return f"('{timeline}' || {_DIGITS.format(lsn='greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())')})"


def bytes_between(earlier: Position, later: Position) -> int:
    """Return the bytes of log between two positions; 0 when `earlier` is the later one."""
    return max(0, int(later[TIMELINE_DIGITS:], 16) - int(earlier[TIMELINE_DIGITS:], 16))
