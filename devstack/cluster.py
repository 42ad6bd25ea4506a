"""The whole architecture on one machine: replicas, a Redis Cluster, RabbitMQ, a load balancer, several of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.apps import WORKERS, Beat, Relay, Web, Worker
from devstack.child import CannotStart, Child, free_port
from devstack.group import Group, Progress
from devstack.nginx import Nginx
from devstack.postgres import Postgres
from devstack.rabbitmq import RabbitMQ
from devstack.redis_cluster import RedisCluster
from devstack.replica import Replica

REPLICAS, API_SERVERS, WS_SERVERS = 2, 3, 2
# Settings that the cluster makes itself: the addresses of its parts, and values that have to fit to nginx.
_RESERVED = (
    "DATABASE_URL",
    "DATABASE_REPLICA_URLS",
    "REDIS_URL",
    "BROKER_URL",
    "APP_ENV",
    "TRUSTED_PROXIES",
    "WEB_WORKERS",
    "METRICS_DIR",
)


class Cluster(Group):
    """Everything in `folder`, on private ports; HOST and PORT are where nginx listens.

    - `env`: settings by their names, except the addresses of the parts, which the cluster makes itself.

        with Cluster(folder, {"RATE_LIMIT_AUTH": "1000/minute"}) as cluster:
            requests.get(f"{cluster.url}/api/v1/leaderboard/top")
            cluster.process("redis-2").kill()
            cluster.process("redis-2").start()
            cluster.flask("doctor")

    Its processes: postgres, replica-1 and -2, redis-1 to -6, epmd, rabbitmq, nginx, api-1 to -3, ws-1 and -2,
    worker-leaderboard, worker-analytics, worker-anticheat, worker-webhooks, beat, relay. They run with the settings of
    production.
    """

    def __init__(
        self,
        folder: Path | str,
        env: Mapping[str, str] | None = None,
        *,
        more_tasks: Sequence[str] = (),
        lock: int | None = None,
    ) -> None:
        """Take over `lock`, a descriptor that holds the lock on the folder's `run.lock` already.

        `more_tasks`: modules with tasks that the leaderboard worker knows besides the product's.
        """
        super().__init__(folder, env, lock=lock)
        self._more_tasks = tuple(more_tasks)
        reserved_names = [name for name in _RESERVED if self.user_settings.get(name)]
        if reserved_names:
            raise CannotStart(f"the cluster sets {reserved_names[0]} itself: unset it, or use make run")
        self._redis: RedisCluster | None = None
        self._used_ports = {0}

    @property
    def url(self) -> str:
        """Return where nginx answers, such as `http://127.0.0.1:8000`."""
        return self.nginx.url

    @property
    def nginx(self) -> Nginx:
        """Return the load balancer. Raises `KeyError` before it is started."""
        server = self.process("nginx")
        assert isinstance(server, Nginx)
        return server

    @property
    def redis(self) -> RedisCluster:
        """Return the six nodes together. Raises `CannotStart` before they are started."""
        if self._redis is None:
            raise CannotStart("the Redis Cluster is not running")
        return self._redis

    @property
    def replicas(self) -> list[Replica]:
        """Return PostgreSQL's standbys."""
        return [child for child in self._processes.values() if isinstance(child, Replica)]

    def _start_all(self, progress: Progress) -> None:
        progress("Starting PostgreSQL, the Redis Cluster and RabbitMQ")
        rabbitmq = self._launch_servers()
        self.postgres.wait_until_answers()
        self.postgres.create_database("fairboard")
        self._write_settings(self._addresses(rabbitmq))
        progress(f"Starting {REPLICAS} replicas, and bringing the database up to date")
        for replica in self.replicas:
            replica.launch()
        self.flask("db", "upgrade", "--contract")
        self.redis.wait_until_whole()
        progress(f"Starting nginx, {API_SERVERS} API servers and {WS_SERVERS} WebSocket servers")
        web = self._launch_web()
        progress("Starting the workers, beat and the relay")
        rabbitmq.wait_until_answers()
        background = self._launch_background(rabbitmq)
        for child in [*self.replicas, self.nginx, *web, *background]:
            child.wait_until_answers()

    def _launch_servers(self) -> RabbitMQ:
        """Launch the servers that need no other part, all at once; the replicas are only created."""
        path, keep_open = self.folder.path, self.folder.inherited_descriptors
        postgres = Postgres(path / "postgres", self.folder.log("postgres"), keep_open=keep_open)
        self._processes["postgres"] = postgres
        for number in range(1, REPLICAS + 1):
            name = f"replica-{number}"
            replica = Replica(path / name, self.folder.log(name), primary=postgres, name=name, keep_open=keep_open)
            self._processes[name] = replica
        password = self.folder.secret("redis")
        self._redis = RedisCluster(path / "redis", path / "log", password=password, keep_open=keep_open)
        self._processes |= {node.name: node for node in self._redis.nodes}
        rabbitmq = RabbitMQ(path / "rabbitmq", self.folder.log("rabbitmq"), keep_open=keep_open)
        self._processes |= {"epmd": rabbitmq.epmd, "rabbitmq": rabbitmq}
        rabbitmq.launch()
        postgres.launch()
        self._redis.launch()
        return rabbitmq

    def _addresses(self, rabbitmq: RabbitMQ) -> dict[str, str]:
        return {
            "APP_ENV": "production",
            "DATABASE_URL": self.postgres.url,
            "DATABASE_REPLICA_URLS": ",".join(replica.url for replica in self.replicas),
            "REDIS_URL": self.redis.url,
            "BROKER_URL": rabbitmq.url,
            "TRUSTED_PROXIES": "1",
            # Each server is one process here: several servers run side by side instead.
            "WEB_WORKERS": "1",
        }

    def _launch_web(self) -> list[Web]:
        api = [self._web(f"api-{number}") for number in range(1, API_SERVERS + 1)]
        ws = [self._web(f"ws-{number}") for number in range(1, WS_SERVERS + 1)]
        nginx = Nginx(
            self.folder.path / "nginx",
            self.folder.log("nginx"),
            api=[server.address for server in api],
            ws=[server.address for server in ws],
            host=self._host,
            port=self._port,
            keep_open=self.folder.inherited_descriptors,
        )
        self._launch({"nginx": nginx} | {server.name: server for server in [*api, *ws]})
        return [*api, *ws]

    def _web(self, name: str) -> Web:
        env = {**self.env, "HOST": "127.0.0.1", "PORT": str(self._pick_port())}
        return Web(self.folder.log(name), env, name=name, keep_open=self.folder.inherited_descriptors)

    def _pick_port(self) -> int:
        """Return a free port that no other part of the cluster is about to use."""
        while (port := free_port()) in self._used_ports:
            pass
        self._used_ports.add(port)
        return port

    def _launch_background(self, rabbitmq: RabbitMQ) -> list[Child]:
        keep_open = self.folder.inherited_descriptors
        children: dict[str, Child] = {}
        for queue in WORKERS:
            log = self.folder.log(f"worker-{queue}")
            extra_tasks = self._more_tasks if queue == "leaderboard" else ()
            worker = _ClusterWorker(log, self.env, rabbitmq, queue, extra_tasks, keep_open)
            children[worker.name] = worker
        children["beat"] = Beat(self.folder.log("beat"), self.env, keep_open=keep_open)
        children["relay"] = Relay(self.folder.log("relay"), self.env, keep_open=keep_open)
        self._launch(children)
        return list(children.values())

    def _launch(self, children: Mapping[str, Child]) -> None:
        for name, child in children.items():
            self._processes[name] = child
            child.launch()

    def _waves(self) -> Sequence[Sequence[Child]]:
        """Stop added children first, then request servers, then background processes, then servers, PostgreSQL last."""
        waves: list[list[Child]] = [[], [], [], [], []]
        for name, child in reversed(list(self._processes.items())):
            waves[_wave(name)].append(child)
        return waves


class _ClusterWorker(Worker):
    """The only worker of its queue: it can be used once it takes messages."""

    def __init__(
        self,
        log: Path,
        env: Mapping[str, str],
        rabbitmq: RabbitMQ,
        queue: str,
        more_tasks: Sequence[str],
        keep_open: tuple[int, ...],
    ) -> None:
        super().__init__(log, env, queue=queue, keep_open=keep_open)
        self._rabbitmq, self._queue = rabbitmq, queue
        self._task_options = [option for module in more_tasks for option in ("-I", module)]

    def command(self) -> list[str]:
        return [*super().command(), *self._task_options]

    def answers(self) -> bool:
        return self._rabbitmq.consumers(self._queue) > 0


def _wave(name: str) -> int:
    kind = name.partition("-")[0]
    order = {"api": 1, "ws": 1, "beat": 1, "worker": 2, "relay": 2, "nginx": 2, "replica": 3, "redis": 3, "rabbitmq": 3}
    return 4 if name in ("postgres", "epmd") else order.get(kind, 0)
