"""The page about the metrics: the counts of the processes and the gauges of a scrape, from the code."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

from prometheus_client import Counter, Gauge, Histogram

from app import metrics, metrics_folder
from app.services.operations import gauges

_INTRODUCTION = """# Metrics

The metrics of `/metrics`, in Prometheus's text format. [Monitoring](../operations/monitoring.md#metrics) says
where to scrape, and has the alerts. Times are seconds.
"""


def counts() -> list[tuple[str, str, str, str]]:
    """Return name, type, labels and meaning of each metric that the processes count."""
    return sorted(
        (
            f"{metric._name}_total" if isinstance(metric, Counter) else metric._name,
            metric._type,
            ", ".join(metric._labelnames),
            metric._documentation,
        )
        for metric in vars(metrics).values()
        if isinstance(metric, Counter | Gauge | Histogram)
    )


def scrape_gauges() -> dict[str, str]:
    """Return the meaning of each gauge that is read at a scrape, by its name."""
    return dict(sorted(pair for module in (gauges, metrics_folder) for pair in _pairs(module)))


def _pairs(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield name and meaning wherever the module's source has the two beside each other."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        values = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        match [value.value for value in values[:2] if isinstance(value, ast.Constant)]:
            case [str(name), str(meaning)] if name.startswith("fairboard_"):
                yield name, meaning


def page() -> str:
    """Return the page as Markdown."""
    counted = [f"| `{name}` | {kind} | {labels} | {meaning} |" for name, kind, labels, meaning in counts()]
    read = [f"| `{name}` | {meaning} |" for name, meaning in scrape_gauges().items()]
    return "\n".join(
        [
            _INTRODUCTION,
            "## Counted by the processes\n",
            "| metric | type | labels | meaning |",
            "| --- | --- | --- | --- |",
            *counted,
            "\n## Read at a scrape\n",
            "All are gauges, and the same on every web process: take the maximum over the processes.\n",
            "| metric | meaning |",
            "| --- | --- |",
            *read,
            "",
        ]
    )
