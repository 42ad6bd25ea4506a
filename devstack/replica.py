"""A streaming standby of a private PostgreSQL."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from devstack.child import CannotStart
from devstack.postgres import Postgres
from devstack.roles import REPLICATION

# The base backup is the child's own first step, so that the launcher can watch the other parts meanwhile. The slot
# keeps the WAL that the standby still needs. The script repeats all steps until the primary is up.
_BECOME_A_STANDBY = """
bin=$1 sockets=$2 slot=$3 data=$4 user=$5
shift 5
until [ -d "$data" ]; do
    rm -rf "$data.unfinished"
    "$bin/psql" -Xqw -h "$sockets" -U "$user" -d postgres -v ON_ERROR_STOP=1 -c "
        SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
        WHERE slot_name = '$slot' AND NOT active" -c "
        SELECT pg_create_physical_replication_slot('$slot', true)
        WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '$slot')" >/dev/null &&
    "$bin/pg_basebackup" -w -h "$sockets" -U "$user" -D "$data.unfinished" -X stream -c fast -S "$slot" -R &&
    mv "$data.unfinished" "$data" || sleep 0.3
done
exec "$@"
"""


class Replica(Postgres):
    """A hot standby of `primary`, for reads: a second start goes on from where it was.

        replica = Replica(folder, log, primary=postgres, name="replica-1")
        replica.start()
        psycopg.connect(replica.url)

    It starts from its own data while the primary is down, and connects to the primary when that is back.
    """

    start_seconds = 600.0  # the first start copies the whole database

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        primary: Postgres,
        name: str = "replica-1",
        settings: Mapping[str, str] | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        """Take PostgreSQL's own settings by name as `settings`, beside those of the primary."""
        super().__init__(folder, log, settings=settings, keep_open=keep_open)
        self.name = name
        self.primary = primary
        self._own_settings = dict(settings or {})
        self._is_broken = False

    @property
    def slot(self) -> str:
        """Return the name of its replication slot on the primary."""
        return self.name.replace("-", "_")

    def prepare(self) -> None:
        if self._is_broken:
            self._forget_data()
        # A standby refuses to start with lower limits, such as `max_connections`, than its primary.
        self.settings = {**self.primary.settings, **self._standby_settings(), **self._own_settings}
        super().prepare()

    def command(self) -> list[str]:
        program = self.program("postgres").parent
        arguments = [str(program), str(self.primary.sockets), self.slot, str(self.cluster), REPLICATION]
        return ["/bin/sh", "-c", _BECOME_A_STANDBY, self.name, *arguments, *super().command()]

    def answers(self) -> bool:
        """Return whether it answers reads as a standby."""
        return self._ask("SELECT pg_is_in_recovery()") is True

    def start(self) -> None:
        """Start and wait until it answers reads, which doesn't need the primary once it has data."""
        self.launch()
        self.wait_until_answers()

    def wait_until_answers(self) -> None:
        """Wait as for any child; rebuild data that it can't start from, once."""
        try:
            super().wait_until_answers()
        except CannotStart:
            self.rebuild()
            super().wait_until_answers()

    def stop(self) -> None:
        # A standby that exited with an error can't use its data.
        self._is_broken = self._is_broken or (self.exit_code or 0) > 0
        super().stop()

    def rebuild(self) -> None:
        """Launch it anew from a fresh copy of the primary, without waiting."""
        self.stop()
        self._forget_data()
        self.launch()

    def is_streaming(self) -> bool:
        """Return whether it is connected to the primary and receives its WAL."""
        return self._ask("SELECT status = 'streaming' FROM pg_stat_wal_receiver") is True

    def cannot_follow(self) -> bool:
        """Return whether both answer and it receives nothing: for a moment after a restart, or forever."""
        return self.primary.is_running and self.primary.answers() and self.answers() and not self.is_streaming()

    def lag_bytes(self) -> int | None:
        """Return the bytes of WAL that the primary has written and this one has not replayed; `None` if one is down."""
        position = self._ask("SELECT pg_last_wal_replay_lsn()::text")
        if position is None:
            return None
        query = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn), 0)::bigint"
        lag = _fetch_value(self.primary.admin_url("postgres"), query, position)
        return None if lag is None else int(lag)

    def pause_replay(self) -> None:
        """Pause replay: it goes on receiving, and answers from old data."""
        self._ask("SELECT pg_wal_replay_pause()")

    def resume_replay(self) -> None:
        """Resume replay after `pause_replay()`."""
        self._ask("SELECT pg_wal_replay_resume()")

    def _standby_settings(self) -> dict[str, str]:
        return {
            "primary_conninfo": f"host='{self.primary.sockets}' user={REPLICATION} application_name={self.name}",
            "primary_slot_name": self.slot,
            "cluster_name": self.name,
            "hot_standby": "on",
            # Retry every half second, not every five, when the primary was away.
            "wal_retrieve_retry_interval": "500ms",
            # The primary does not vacuum rows that a long read here still needs; and no read holds replay up for long.
            "hot_standby_feedback": "on",
            "max_standby_streaming_delay": "5s",
        }

    def _initialise(self) -> None:
        """Do nothing: the data come from the primary."""

    def _forget_data(self) -> None:
        shutil.rmtree(self.cluster, ignore_errors=True)
        self._is_broken = False

    def _ask(self, query: str) -> Any:
        return _fetch_value(self.admin_url("postgres"), query)


def _fetch_value(url: str, query: str, *values: Any) -> Any:
    """Return the first column of the first row; `None` when the server doesn't answer, or has no row."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(url, connect_timeout=2, autocommit=True) as connection:
        row = connection.execute(query, values or None).fetchone()
        return row[0] if row else None
    return None
