"""What Prometheus sees. Counters of a machine's processes come together through METRICS_DIR,
which deploy/gunicorn.conf.py hands to the client library before it is imported."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    generate_latest,
    multiprocess,
)
from prometheus_client import REGISTRY as _OWN

redemptions = Counter("fairboard_redemptions_total", "Redemptions by outcome", ["outcome"])
top_reads = Counter("fairboard_top_reads_total", "Reads of a top list by cache result", ["cache"])
kept_reads = Counter("fairboard_top_kept_reads_total", "Reads of a top list answered from the process's own memory")
requests = Counter("fairboard_http_requests_total", "HTTP answers", ["route", "method", "status"])

CONTENT_TYPE = CONTENT_TYPE_LATEST


def text(gauges: dict[str, tuple[str, float]]) -> bytes:
    """Everything counted, with `gauges` (name to help and value) as they are now."""
    now = CollectorRegistry()
    for name, (meaning, value) in gauges.items():
        Gauge(name, meaning, registry=now).set(value)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared) + generate_latest(now)
    return generate_latest(_OWN) + generate_latest(now)
