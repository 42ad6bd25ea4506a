"""The settings of Celery, each with its reason. The broker's address comes from BROKER_URL."""

from workers.queues import QUEUES, ROUTES, WORK

# Tasks are ids and numbers; pickle would let anyone who reaches the broker run code here.
task_serializer = "json"
accept_content = ["json"]

# No code reads results: a task's effect is in Redis, in the database and on the screens.
task_ignore_result = True

# A task is acknowledged when it has run, and requeued when its worker dies: every task may run twice.
task_acks_late = True
task_reject_on_worker_lost = True
# A task with an unexpected error is rejected, not acknowledged: it becomes a dead letter instead of being lost.
task_acks_on_failure = False
# A task that ran over its time limit is requeued, up to the delivery limit.
task_acks_on_timeout = False
# Each process holds one message: the rest stay in the queue, where another worker can take them.
worker_prefetch_multiplier = 1

# Seconds. At the first limit a task gets an exception, at the second its process is killed. All limits are far below
# the half hour after which RabbitMQ requeues a worker's task. The default, also for `repair` and `prove`, is enough to
# rebuild a board of ten million from scratch.
task_soft_time_limit = 540
task_time_limit = 600
task_annotations = {
    # A refresh takes milliseconds, but rebuilds the board first if Redis was emptied.
    "leaderboard.refresh": {"soft_time_limit": 300, "time_limit": 330},
    # Webhooks are sent for five minutes at most, and a fan-out takes milliseconds.
    "webhooks.send": {"soft_time_limit": 360, "time_limit": 380},
    # The task deletes old rows, in batches.
    "maintenance.prune": {"soft_time_limit": 120, "time_limit": 150},
}
# KiB. A process that has grown past this is replaced after its task; it starts with 90 MB. Each kind's worker may
# override it (--max-memory-per-child).
worker_max_memory_per_child = 400_000

# Each kind has one quorum queue. Redis as the broker ignores the arguments that make them quorum queues.
task_queues = QUEUES
task_routes = ROUTES
# A task of an unknown kind is a mistake: no worker takes it, so it fails at the sender instead of waiting for ever.
task_create_missing_queues = False
task_default_queue = "leaderboard"
task_default_exchange = WORK.name
task_default_exchange_type = WORK.type
task_default_routing_key = "leaderboard.task"

# A publish waits for the broker's confirm, at most this long (seconds) if the broker has stalled.
broker_transport_options = {
    "confirm_publish": True,
    "confirm_timeout": 5,
    "read_timeout": 5,
    "write_timeout": 5,
    "visibility_timeout": 60,
}
broker_connection_timeout = 5
broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # a worker waits for its broker, however long it is down
# A connection that is silent for this long (seconds) is dead, as after a power cut at the other end.
broker_heartbeat = 10
# The relay and beat have their own loops: a publish that fails raises, and the next round repeats it.
task_publish_retry = False

# Celery's log lines have the format of all the others.
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_send_task_events = False
timezone = "UTC"

# One beat process sends, however many run; its times are in the database, so a missed tick is sent late.
beat_scheduler = "workers.beat:OneBeat"
# `expires`: seconds after which a tick is useless, since the next one does the same.
beat_schedule = {
    # A season that has ended is final within five seconds. Without one, this is three queries of a small table.
    "turn-seasons": {"task": "leaderboard.turn_seasons", "schedule": 1.0, "options": {"expires": 2}},
    "repair": {"task": "leaderboard.repair", "schedule": 10.0, "options": {"expires": 10}},
    "prove": {"task": "leaderboard.prove", "schedule": 60.0, "options": {"expires": 60}},
    "prune": {"task": "maintenance.prune", "schedule": 600.0, "options": {"expires": 600}},
    # What is due is sent within these seconds. Without anything due, this is one query.
    "send-webhooks": {"task": "webhooks.send", "schedule": 1.0, "options": {"expires": 2}},
    "review": {"task": "anticheat.review", "schedule": 60.0, "options": {"expires": 60}},
    # A podium that a cheat enters is public for these seconds. A pass costs what was scored since the last one.
    "watch-gain": {"task": "anticheat.watch_gain", "schedule": 3.0, "options": {"expires": 3}},
    "correct": {"task": "anticheat.correct", "schedule": 10.0, "options": {"expires": 10}},
    # A change of boards that needs a replay begins within these seconds, and takes place without a person's help.
    "replay": {"task": "boards.replay", "schedule": 5.0, "options": {"expires": 5}},
    # The model judges the players of the last hours; the data that it learns from change slowly.
    "judge-by-model": {"task": "anticheat.judge_by_model", "schedule": 3600.0, "options": {"expires": 3600}},
    "link-accounts": {"task": "anticheat.link_accounts", "schedule": 21_600.0, "options": {"expires": 21_600}},
    "train": {"task": "anticheat.train", "schedule": 86_400.0, "options": {"expires": 86_400}},
    "roll-up": {"task": "analytics.roll_up", "schedule": 60.0, "options": {"expires": 60}},
}
