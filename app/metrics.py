"""The metrics that Prometheus reads.

Counters of a machine's processes come together through METRICS_DIR, which app.settings.share_metrics passes to the
client library before it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client import REGISTRY as _OWN
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.log_sink import standard_error
from app.metrics_files import FileValue
from app.metrics_folder import MetricsFolder

if TYPE_CHECKING:
    from app.services.operations.metric_readings import Reading


def shared() -> str | None:
    """Return the folder in which this machine's processes count together, or None when this one counts alone."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR") or None


if shared() is not None:
    values.ValueClass = FileValue  # in place of the library's own: see metrics_files.py

redemptions = Counter("fairboard_redemptions_total", "Redemptions by outcome", ["outcome"])
redemption_group_size = Histogram(
    "fairboard_redemption_group_size",
    "Redemptions committed together, of two or more",
    buckets=(2, 4, 8, 16, 32),
)
top_reads = Counter("fairboard_top_reads_total", "Reads of a top list by cache result", ["cache"])
cached_reads = Counter("fairboard_top_kept_reads_total", "Reads of a top list answered from the process's own memory")
requests = Counter("fairboard_http_requests_total", "HTTP answers", ["route", "method", "status"])
request_seconds = Histogram(
    "fairboard_http_request_seconds",
    "Time to an HTTP answer, by class of status",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
sockets = Gauge("fairboard_sockets", "Open sockets", multiprocess_mode="livesum")
pushed = Counter("fairboard_pushed_total", "Boards handed to subscribers")
slow_closed = Counter("fairboard_slow_closed_total", "Subscribers closed because they could not read")
socket_frames = Counter("fairboard_socket_frames_total", "Client frames that were handled")
flood_closed = Counter("fairboard_flood_closed_total", "Sockets closed because they sent too much")
commit_to_push = Histogram(
    "fairboard_commit_to_push_seconds",
    "From the oldest commit in a broadcast until this process had handed it to its last subscriber",
    buckets=(0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0),
)
relay_published = Counter("fairboard_relay_published_total", "Score events whose message the broker has confirmed")
proofs = Counter("fairboard_proofs_total", "Comparisons of a board in Redis with the database", ["result"])
mended = Counter("fairboard_mended_total", "Differences between Redis and the database that were corrected")
task_seconds = Histogram(
    "fairboard_task_seconds",
    "Time a worker spent on a task, by outcome: done, retried, failed or rejected",
    ["task", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0),
)
log_lines_dropped = Counter("fairboard_log_lines_dropped_total", "Log lines that could not be written")
if standard_error().dropped:
    log_lines_dropped.inc(standard_error().dropped)
standard_error().count = log_lines_dropped.inc

CONTENT_TYPE = CONTENT_TYPE_LATEST


def counts() -> CollectorRegistry:
    """Return the counts of this process, or with METRICS_DIR those of all processes of the machine."""
    folder = shared()
    if folder is None:
        return _OWN
    registry = CollectorRegistry()
    registry.register(_folder(folder))
    return registry


@cache
def _folder(path: str) -> MetricsFolder:
    """Return one collector for the life of the process: it remembers the damaged files that it has reported."""
    return MetricsFolder(path)


def text(readings: Iterable[Reading]) -> bytes:
    """Return all counts and the readings of this scrape in the text format of Prometheus."""
    current = CollectorRegistry()
    current.register(_ScrapeReadings(readings))
    return generate_latest(counts()) + generate_latest(current)


class _ScrapeReadings(Collector):
    """Values read at the moment of the scrape; they belong to no process."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, meaning, value, labels in self._readings:
            family = families.setdefault(name, GaugeMetricFamily(name, meaning, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        return families.values()
