"""The nodes of a Redis Cluster, by their part in it."""

from __future__ import annotations

import redis

from devstack.redis_cluster import RedisCluster, RedisNode


def holder(cluster: RedisCluster, key: str) -> RedisNode:
    """Return the master that has a key's slot."""

    def holds(node: RedisNode) -> bool:
        try:
            node.ask("EXISTS", key)
        except redis.ResponseError:
            return False
        return True

    return next(node for node in cluster.masters() if holds(node))


def replica_of(cluster: RedisCluster, master: RedisNode) -> RedisNode:
    return next(node for node in cluster.replicas() if node.ask("ROLE")[2] == master.port)


def fail_over(replica: RedisNode, master: RedisNode) -> bool:
    """Return whether the replica has become master; else ask for a failover, which may time out on a busy machine."""
    if replica.role() == "master":
        return master.role() == "replica"
    replica.ask("CLUSTER", "FAILOVER")
    return False
