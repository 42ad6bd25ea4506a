"""A private RabbitMQ node of the program that the system has installed."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import amqp

from devstack.child import Child, accepts, free_port
from devstack.private_files import write_private
from devstack.server import Server, system_program


class RabbitMQ(Server):
    """RabbitMQ from the system, as a node with its own ports, its own epmd and its own cookie, all on the loopback."""

    name = "RabbitMQ"
    start_seconds = 120.0
    stop_seconds = 30.0

    def __init__(self, folder: Path, log: Path, *, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(folder, log, keep_open=keep_open)
        self.password = secrets.token_hex(24)
        self.port, self.dist_port = free_port(), free_port()
        # RabbitMQ finds its data by the node's name, so the name stays as long as the data.
        self.node = f"fairboard-{self.dist_port}@localhost"
        self.epmd = Epmd(log, free_port(), keep_open)

    @property
    def url(self) -> str:
        return f"amqp://fairboard:{self.password}@127.0.0.1:{self.port}//"

    def prepare(self) -> None:
        super().prepare()
        self._keep_name_and_password()
        settings = {
            "listeners.tcp.local": f"127.0.0.1:{self.port}",
            "default_user": "fairboard",
            "default_pass": self.password,
            "disk_free_limit.absolute": "50MB",
            "log.console": "true",
            "log.console.level": "warning",
            "log.console.use_colors": "off",
            "log.connection.level": "error",  # a client that ends without closing is no news
        }
        config = "".join(f"{name} = {value}\n" for name, value in settings.items())
        write_private(self.data / "rabbitmq.conf", config)
        write_private(self.data / "enabled_plugins", "[].\n")
        self.environment |= self._environment()
        self.epmd.start()

    def command(self) -> list[str]:
        return [system_program("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")]

    def answers(self) -> bool:
        if not accepts("127.0.0.1", self.port):
            return False
        try:
            with self._connection():
                return True
        except (OSError, amqp.AMQPError):
            return False

    def consumers(self, queue: str) -> int:
        """Return the number of consumers of a queue; 0 also when there is no such queue, or no answer."""
        try:
            with self._connection() as connection:
                return int(connection.channel().queue_declare(queue, passive=True).consumer_count)
        except (OSError, amqp.AMQPError):
            return 0

    def _connection(self) -> Any:
        return amqp.Connection(f"127.0.0.1:{self.port}", "fairboard", self.password, connect_timeout=2)

    def stop(self) -> None:
        super().stop()
        self.epmd.stop()

    def kill(self) -> None:
        super().kill()
        self.epmd.kill()

    def _keep_name_and_password(self) -> None:
        file = self.data / "node"
        if file.exists():
            self.node, self.password = file.read_text().split()
        else:
            write_private(file, f"{self.node} {self.password}\n")

    def _environment(self) -> dict[str, str]:
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "HOME": str(self.data),  # RabbitMQ keeps the cookie here
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd.port),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
            "RABBITMQ_CTL_ERL_ARGS": loopback,
            "RABBITMQ_CONFIG_FILE": str(self.data / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.data / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.data / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.data / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.data / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.data / "log"),
            "RABBITMQ_PID_FILE": str(self.data / "pid"),
            # With this, RabbitMQ replaces the shell that we started, instead of leaving it to wait.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


class Epmd(Child):
    """Erlang's port mapper. Without ours, the node would start one as a daemon that outlives it."""

    name = "epmd"

    def __init__(self, log: Path, port: int, keep_open: tuple[int, ...]) -> None:
        super().__init__(log, keep_open=keep_open)
        self.port = port

    def command(self) -> list[str]:
        return [system_program("epmd"), "-port", str(self.port), "-address", "127.0.0.1"]

    def answers(self) -> bool:
        return accepts("127.0.0.1", self.port)
