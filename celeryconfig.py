"""Celery's own keys, each with its reason. The broker's address comes from BROKER_URL."""

from workers.queues import QUEUES, ROUTES, WORK

# Tasks are ids and numbers; pickle would let whoever reaches the broker run code here.
task_serializer = "json"
accept_content = ["json"]

# Nobody reads results: a task's effect is in Redis, in the database and on the screens.
task_ignore_result = True

# A task is acknowledged when it is done, and given back when its worker dies: every task may run twice.
task_acks_late = True
task_reject_on_worker_lost = True
# A task that raises what it should not is refused, not acknowledged: it goes to the dead letters, not into thin air.
task_acks_on_failure = False
# One that was ended for taking too long is given back; the delivery limit ends that.
task_acks_on_timeout = False
# One message in hand per process: the rest stays where another worker can take it.
worker_prefetch_multiplier = 1

# Seconds. At the first limit a task gets an exception, at the second its process is killed. All stay far below the
# half hour after which RabbitMQ takes a task away from its worker. By default, and for a repair or a proof, enough to
# rebuild a board of ten million from scratch.
task_soft_time_limit = 540
task_time_limit = 600
task_annotations = {
    # It takes milliseconds; but where Redis was emptied it rebuilds the board first.
    "leaderboard.refresh": {"soft_time_limit": 300, "time_limit": 330},
    # Statements that delete: what has become old, in batches.
    "maintenance.prune": {"soft_time_limit": 120, "time_limit": 150},
}
# KiB. A process that has grown past it is replaced after its task; it starts with 90 MB. Each kind's worker may say
# otherwise (--max-memory-per-child).
worker_max_memory_per_child = 400_000

# One quorum queue for each kind. Redis as the broker ignores what makes them quorum queues.
task_queues = QUEUES
task_routes = ROUTES
# A task of no known kind is a mistake: it has no worker, so it fails at the sender instead of in a queue for ever.
task_create_missing_queues = False
task_default_queue = "leaderboard"
task_default_exchange = WORK.name
task_default_exchange_type = WORK.type
task_default_routing_key = "leaderboard.task"

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
# A connection that says nothing for this long is dead, as after a power cut at the other end.
broker_heartbeat = 10
# The relay and beat count on their own loops: a publish that fails raises, and is made again.
task_publish_retry = False

# Log lines look like everybody else's.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_send_task_events = False
timezone = "UTC"

# However many are started, one sends; it keeps its times in the database, so a tick that nobody sent is sent late.
beat_scheduler = "workers.beat:OneBeat"
# `expires`: seconds after which a tick is worth nothing, since the next one does the same.
beat_schedule = {
    "repair": {"task": "leaderboard.repair", "schedule": 10.0, "options": {"expires": 10}},
    "prove": {"task": "leaderboard.prove", "schedule": 60.0, "options": {"expires": 60}},
    "prune": {"task": "maintenance.prune", "schedule": 600.0, "options": {"expires": 600}},
    "review": {"task": "anticheat.review", "schedule": 60.0, "options": {"expires": 60}},
    "correct": {"task": "anticheat.correct", "schedule": 10.0, "options": {"expires": 10}},
    # A day is judged by the rules in a moment, and by the model within six hours; what it learns from changes slowly.
    "judge-by-model": {"task": "anticheat.judge_by_model", "schedule": 21_600.0, "options": {"expires": 21_600}},
    "train": {"task": "anticheat.train", "schedule": 86_400.0, "options": {"expires": 86_400}},
    "roll-up": {"task": "analytics.roll_up", "schedule": 60.0, "options": {"expires": 60}},
}
