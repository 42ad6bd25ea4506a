"""What Prometheus sees. Counters of a machine's processes come together through METRICS_DIR,
which deploy/gunicorn.conf.py hands to the client library before it is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
    multiprocess,
)
from prometheus_client import REGISTRY as _OWN
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

redemptions = Counter("fairboard_redemptions_total", "Redemptions by outcome", ["outcome"])
top_reads = Counter("fairboard_top_reads_total", "Reads of a top list by cache result", ["cache"])
kept_reads = Counter("fairboard_top_kept_reads_total", "Reads of a top list answered from the process's own memory")
requests = Counter("fairboard_http_requests_total", "HTTP answers", ["route", "method", "status"])
sockets = Gauge("fairboard_sockets", "Open sockets", multiprocess_mode="livesum")
pushed = Counter("fairboard_pushed_total", "Boards handed to subscribers")
slow_closed = Counter("fairboard_slow_closed_total", "Subscribers closed because they could not read")

CONTENT_TYPE = CONTENT_TYPE_LATEST


def text(gauges: dict[str, tuple[str, float]]) -> bytes:
    """Everything counted, with `gauges` (name to help and value) as they are now."""
    now = CollectorRegistry()
    now.register(_Now(gauges))
    counted = _OWN
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    return generate_latest(counted) + generate_latest(now)


class _Now(Collector):
    """Values read at the moment of the scrape; they belong to no process."""

    def __init__(self, gauges: dict[str, tuple[str, float]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(name, meaning, value) for name, (meaning, value) in self._gauges.items()]
