"""The state of PostgreSQL and Redis, as the servers report it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from app.stores.postgres.engine import Database
from app.stores.postgres.moderation_schema import metadata
from app.stores.postgres.rows import read_row
from app.stores.postgres.schema import board_version
from app.stores.redis.client import Client, Scripts, direct_connection
from app.stores.redis.cluster import ClusterClient, NodeInfo

# The rights that the role needs: to read and add to every table, to make the changes that play makes, and to count.
_RIGHTS = [
    *((name, right) for name in sorted(metadata.tables) for right in ("SELECT", "INSERT")),
    *((name, "UPDATE") for name in ("standings", "players", "logins")),
    ("outbox", "DELETE"),
    (board_version.name, "USAGE"),
]
_COLUMNS = [(table.name, column.name) for table in metadata.sorted_tables for column in table.columns]
_OBSTACLES = """
    SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only,
           current_setting('server_encoding') AS encoding,
           array_agg(DISTINCT name ORDER BY name) FILTER (WHERE to_regclass(name) IS NULL) AS missing,
           array_agg(DISTINCT lower(wanted) || ' on ' || name) FILTER (WHERE NOT CASE wanted
               WHEN 'USAGE' THEN has_sequence_privilege(to_regclass(name), wanted)
               ELSE has_table_privilege(to_regclass(name), wanted) END) AS forbidden,
           array_agg(DISTINCT name ORDER BY name) FILTER (
               WHERE wanted <> 'USAGE' AND row_security_active(to_regclass(name))
           ) AS filtered,
           (SELECT array_agg(name || '.' || part ORDER BY name, part)
            FROM unnest(CAST(:tables AS text[]), CAST(:columns AS text[])) AS need (name, part)
            WHERE to_regclass(name) IS NOT NULL AND NOT EXISTS (
                SELECT FROM pg_attribute
                WHERE attrelid = to_regclass(name) AND attname = part AND NOT attisdropped
            )) AS incomplete
    FROM unnest(CAST(:names AS text[]), CAST(:rights AS text[])) AS need (name, wanted)
"""
_MAX_NAMES = 3
_PROBE_KEY, _PROBE_SECONDS = "leaderboard:probe", 10


@dataclass(frozen=True, slots=True)
class PostgresState:
    """The state of a PostgreSQL server.

    `unsafe` names the settings that are off and without which a crash loses commits; `clock` is in Unix seconds. `role`
    is the role of our sessions, `superuser` whether it may do anything.
    """

    version: str
    standby: bool
    unsafe: list[str]
    max_connections: int
    clock: float
    role: str
    superuser: bool


class PostgresProbe:
    """Queries about the state of one PostgreSQL server."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def state(self) -> PostgresState:
        """Return the server's state, in one round trip."""
        row = self._db.row(
            """
            SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
                   current_setting('max_connections')::int AS max_connections,
                   extract(epoch FROM clock_timestamp())::float AS clock,
                   current_user::text AS role, current_setting('is_superuser') = 'on' AS superuser,
                   array_remove(ARRAY[
                       CASE WHEN current_setting('fsync') = 'off' THEN 'fsync' END,
                       CASE WHEN current_setting('full_page_writes') = 'off' THEN 'full_page_writes' END,
                       CASE WHEN current_setting('synchronous_commit') = 'off' THEN 'synchronous_commit' END
                   ], NULL) AS unsafe
            """
        )
        assert row is not None
        return read_row(row, PostgresState)

    def obstacle(self) -> str | None:
        """Return why a server that answers can't be played on, in words; `None` if it can. Takes one round trip."""
        names, rights = map(list, zip(*_RIGHTS, strict=True))
        tables, columns = map(list, zip(*_COLUMNS, strict=True))
        row = self._db.row(_OBSTACLES, names=names, rights=rights, tables=tables, columns=columns)
        assert row is not None
        if row.standby:
            return "is a standby, which is read-only"
        if row.read_only:
            self._db.close()  # sessions keep the default with which they began: look again with new ones
            return "is read-only (default_transaction_read_only)"
        if row.encoding != "UTF8":
            return f"has the encoding {row.encoding}, not UTF8"
        if row.missing:
            return f"lacks tables or sequences ({_join_names(row.missing)})"
        if row.incomplete:
            return f"lacks columns ({_join_names(row.incomplete)})"
        if row.forbidden:
            return f"denies its role rights that it needs ({_join_names(row.forbidden)})"
        if row.filtered:
            return f"denies its role rows, by row-level security ({_join_names(row.filtered)})"
        return None


@dataclass(frozen=True, slots=True)
class RedisState:
    """The state of a Redis node. `memory_used` is a share of maxmemory, `None` without a maximum."""

    node: str
    version: str
    role: str
    policy: str
    append_only: bool
    write_errors: list[str]
    memory_used: float | None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A Redis Cluster as one of its nodes sees it.

    `slots` of 16,384 are served; `replicas` counts the working replicas of each master; `failing` are the nodes that
    don't answer the others.
    """

    well: bool
    slots: int
    replicas: dict[str, int]
    failing: list[str]


class _ClusterNode(TypedDict):
    node_id: str
    flags: str
    master_id: str
    slots: list[list[str]]


class RedisProbe:
    """Queries about the state of a single Redis node, or of all primaries of a cluster."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts, self._direct = client, scripts, direct_connection(client)

    def write(self) -> None:
        """Write a little on every primary, with a script and without one: Redis may refuse either.

        Raises redis.RedisError. An answer to PING alone doesn't show that Redis accepts writes.
        """
        client = self._client
        keys = client.key_on_each(_PROBE_KEY) if isinstance(client, ClusterClient) else [_PROBE_KEY]
        self._scripts.run_together([("probe", [key], [_PROBE_SECONDS]) for key in keys])
        for answer in self._direct.call_together([("SET", key, 1, "EX", _PROBE_SECONDS) for key in keys]):
            if isinstance(answer, Exception):
                raise answer

    def states(self) -> list[RedisState]:
        """Return the state of each node."""
        client = self._client
        infos = client.infos() if isinstance(client, ClusterClient) else {"": client.info()}
        return [_parse_info(node, info) for node, info in infos.items()]

    def cluster(self) -> ClusterState | None:
        """Return the cluster's state, from a node that answers; `None` for a single node."""
        client = self._client
        if not isinstance(client, ClusterClient):
            return None
        info: dict[str, str] = client.execute_command("CLUSTER INFO")
        nodes: dict[str, _ClusterNode] = client.execute_command("CLUSTER NODES")
        failing = [name for name, node in nodes.items() if "fail" in node["flags"]]
        masters = {
            node["node_id"]: name
            for name, node in nodes.items()
            if "master" in node["flags"] and node["slots"] and name not in failing
        }
        master_ids = [node["master_id"] for name, node in nodes.items() if name not in failing]
        replicas = {name: master_ids.count(node_id) for node_id, name in masters.items()}
        return ClusterState(info["cluster_state"] == "ok", int(info["cluster_slots_ok"]), replicas, sorted(failing))

    def clock(self) -> float:
        """Return Redis's time, in Unix seconds."""
        seconds, microseconds = self._client.time()
        return float(seconds) + float(microseconds) / 1e6


def _join_names(names: list[str]) -> str:
    omitted = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {omitted} more" if omitted > 0 else "")


def _parse_info(node: str, info: NodeInfo) -> RedisState:
    max_memory = int(info.get("maxmemory", 0))
    errors = [
        name
        for name in ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
        if info.get(name, "ok") != "ok"
    ]
    return RedisState(
        node,
        str(info.get("redis_version", "unknown")),
        str(info.get("role", "master")),
        str(info.get("maxmemory_policy", "unknown")),
        bool(int(info.get("aof_enabled", 0))),
        errors,
        int(info.get("used_memory", 0)) / max_memory if max_memory else None,
    )
