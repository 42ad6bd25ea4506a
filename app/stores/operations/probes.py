"""What PostgreSQL and Redis say about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.stores.postgres.engine import Database
from app.stores.postgres.moderation_schema import metadata
from app.stores.redis.client import Client, Scripts, lane_of
from app.stores.redis.cluster import ClusterClient

# What the role must be allowed to do: read and add to every table, and the changes that play makes.
_RIGHTS = [
    *((name, right) for name in sorted(metadata.tables) for right in ("SELECT", "INSERT")),
    *((name, "UPDATE") for name in ("standings", "players", "logins")),
    ("outbox", "DELETE"),
]
_OBSTACLES = """
    SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only,
           current_setting('server_encoding') AS encoding,
           array_agg(DISTINCT name ORDER BY name) FILTER (WHERE to_regclass(name) IS NULL) AS missing,
           array_agg(DISTINCT lower(wanted) || ' on ' || name)
               FILTER (WHERE NOT has_table_privilege(to_regclass(name), wanted)) AS forbidden
    FROM unnest(CAST(:names AS text[]), CAST(:rights AS text[])) AS need (name, wanted)
"""
_MOST_NAMED = 3
_PROBE_KEY, _PROBE_SECONDS = "leaderboard:probe", 10


@dataclass(frozen=True, slots=True)
class PostgresState:
    """`unsafe` names the settings that are off and make a commit survive no crash; `clock` is Unix seconds.

    `role` is the one that we are signed in as, `superuser` whether it may do anything.
    """

    version: str
    standby: bool
    unsafe: list[str]
    max_connections: int
    clock: float
    role: str
    superuser: bool


class PostgresProbe:
    """One server."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def state(self) -> PostgresState:
        """One round trip."""
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
        return PostgresState(**row._mapping)

    def obstacle(self) -> str | None:
        """Why a server that answers can't be played on, in words; None if it can. One round trip."""
        names, rights = zip(*_RIGHTS, strict=True)
        row = self._db.row(_OBSTACLES, names=list(names), rights=list(rights))
        assert row is not None
        if row.standby:
            return "is a standby, which is read-only"
        if row.read_only:
            return "is read-only (default_transaction_read_only)"
        if row.encoding != "UTF8":
            return f"keeps text as {row.encoding}, not as UTF8"
        if row.missing:
            return f"lacks tables ({_some(row.missing)})"
        if row.forbidden:
            return f"forbids its role what it needs ({_some(row.forbidden)})"
        return None


@dataclass(frozen=True, slots=True)
class RedisState:
    """One node. `memory_used` is a share of maxmemory, None where there is no maximum."""

    node: str
    version: str
    role: str
    policy: str
    append_only: bool
    write_errors: list[str]
    memory_used: float | None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A Redis Cluster as one of its nodes sees it. `slots` of 16,384 are served; `replicas` counts those that follow
    each master well; `failing` are the nodes that don't answer the others."""

    well: bool
    slots: int
    replicas: dict[str, int]
    failing: list[str]


class RedisProbe:
    """A single node, or all primaries of a cluster."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client: Any = client
        self._scripts, self._lane = scripts, lane_of(client)

    def write(self) -> None:
        """Write a little on every primary, by a script and without one: Redis may refuse the one or the other.

        Raises what Redis raises; an answer to PING alone doesn't tell that it takes writes.
        """
        client = self._client
        keys = client.key_on_each(_PROBE_KEY) if isinstance(client, ClusterClient) else [_PROBE_KEY]
        self._scripts.run_together([("probe", [key], [_PROBE_SECONDS]) for key in keys])
        for answer in self._lane.together([("SET", key, 1, "EX", _PROBE_SECONDS) for key in keys]):
            if isinstance(answer, Exception):
                raise answer

    def states(self) -> list[RedisState]:
        """Each node's."""
        client = self._client
        infos = client.infos() if isinstance(client, ClusterClient) else {"": client.info()}
        return [_state(node, info) for node, info in infos.items()]

    def cluster(self) -> ClusterState | None:
        """The cluster's, from a node that answers; None for a single node."""
        client = self._client
        if not isinstance(client, ClusterClient):
            return None
        about: dict[str, str] = client.execute_command("CLUSTER INFO")
        nodes: dict[str, dict[str, Any]] = client.execute_command("CLUSTER NODES")
        failing = [name for name, node in nodes.items() if "fail" in node["flags"]]
        masters = {
            node["node_id"]: name
            for name, node in nodes.items()
            if "master" in node["flags"] and node["slots"] and name not in failing
        }
        follow = [node["master_id"] for name, node in nodes.items() if name not in failing]
        replicas = {name: follow.count(node_id) for node_id, name in masters.items()}
        return ClusterState(about["cluster_state"] == "ok", int(about["cluster_slots_ok"]), replicas, sorted(failing))

    def clock(self) -> float:
        """Unix seconds."""
        seconds, microseconds = self._client.time()
        return float(seconds) + float(microseconds) / 1e6


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _state(node: str, info: dict[str, Any]) -> RedisState:
    most = int(info.get("maxmemory", 0))
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
        int(info.get("used_memory", 0)) / most if most else None,
    )
