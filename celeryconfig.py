"""Celery's own keys, each with its reason. The broker's address comes from BROKER_URL."""

from kombu import Exchange, Queue

# Tasks are ids and numbers; pickle would let whoever reaches the broker run code here.
task_serializer = "json"
accept_content = ["json"]

# Nobody reads results: a task's effect is in Redis and on the screens.
task_ignore_result = True

# A task is acknowledged when it is done, and given back when its worker dies: every task may run twice.
task_acks_late = True
task_reject_on_worker_lost = True
# One message in hand per process: the rest stays where another worker can take it.
worker_prefetch_multiplier = 1

# A refresh takes milliseconds, a rebuild of a large board minutes.
task_soft_time_limit = 540
task_time_limit = 600
# A process that grew past 400 MB is replaced after its task.
worker_max_memory_per_child = 400_000

# A quorum queue survives its node being killed, and counts deliveries: after the limit a message that kills its
# worker goes to the dead letters instead of round for ever. Redis as the broker ignores these arguments.
_DEAD = Exchange("fairboard.dead", type="fanout", durable=True)
task_queues = [
    Queue(
        "leaderboard",
        Exchange("fairboard", type="topic", durable=True),
        routing_key="leaderboard.#",
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": 5,
            "x-dead-letter-exchange": _DEAD.name,
            "x-dead-letter-routing-key": "leaderboard",
        },
    )
]
task_default_queue = "leaderboard"
task_default_exchange = "fairboard"
task_default_exchange_type = "topic"
task_default_routing_key = "leaderboard.refresh"

# A publish waits for the broker's confirm, and no longer than this for a broker that has stalled.
broker_transport_options = {
    "confirm_publish": True,
    "confirm_timeout": 5,
    "read_timeout": 5,
    "write_timeout": 5,
    "visibility_timeout": 60,
}
broker_connection_timeout = 5
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # a worker waits for its broker however long it is away
# The relay counts on its own loop: a publish that fails raises, and the rows stay in the outbox.
task_publish_retry = False

# Log lines look like everybody else's.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_send_task_events = False
timezone = "UTC"

# A missed tick is harmless: the next one does the same.
beat_schedule = {
    "repair": {"task": "leaderboard.repair", "schedule": 10.0, "options": {"expires": 10}},
    "prune": {"task": "maintenance.prune", "schedule": 600.0, "options": {"expires": 600}},
}
