"""The ratios of each run of `make bench`, by commit and machine, and whether one has become worse than its noise."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Literal

from devstack.child import ROOT

HISTORY = Path(__file__).with_name("history.jsonl")
_LEAST_NOISE = 0.05  # of the value: turns that agree by chance are no proof of a quiet machine

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of one run beside its floor in the same run: the median of its turns, and half of their range."""

    name: str
    value: float
    noise: float
    better: Better

    @classmethod
    def of(cls, name: str, turns: Sequence[float], better: Better = "lower") -> Ratio:
        """Return the ratio of a figure that was measured in these turns, one at least."""
        value = median(turns)
        return cls(name, value, max((max(turns) - min(turns)) / 2, _LEAST_NOISE * abs(value)), better)

    def is_worse_than(self, last: Ratio) -> bool:
        """Return whether this value is worse than the last one by more than the noise of both together."""
        change = self.value - last.value if self.better == "lower" else last.value - self.value
        return change > self.noise + last.noise


@dataclass(frozen=True, slots=True)
class Record:
    """One run: when and of which commit, on which machine, with its ratios by name."""

    at: str
    commit: str
    machine: str
    ratios: Mapping[str, Ratio]


def record(machine: str, ratios: Iterable[Ratio]) -> Record:
    """Return the record of a run that has ended now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
    return Record(now, _commit(), machine, {ratio.name: ratio for ratio in ratios})


def read(path: Path = HISTORY) -> list[Record]:
    """Return the records of a file, the oldest first; none where there is no file."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [_record_of(json.loads(line)) for line in lines if line]


def append(new: Record, path: Path = HISTORY) -> None:
    """Add a record at the end of a file."""
    values = asdict(new)
    values["ratios"] = {name: _short(ratio) for name, ratio in new.ratios.items()}
    with path.open("a") as file:
        file.write(f"{json.dumps(values)}\n")


def last_on(machine: str, records: Sequence[Record]) -> Record | None:
    """Return the newest record of this machine, None without one: ratios of two machines can't be compared."""
    return next((old for old in reversed(records) if old.machine == machine), None)


def losses(new: Record, last: Record) -> list[str]:
    """Return a line for each ratio that is worse than the last one by more than its noise."""
    return [
        f"{name}: {ratio.value:.3g} ± {ratio.noise:.2g}, and {old.value:.3g} ± {old.noise:.2g} at {last.commit}; "
        f"{ratio.better} is better"
        for name, ratio in new.ratios.items()
        if (old := last.ratios.get(name)) and ratio.is_worse_than(old)
    ]


def _short(ratio: Ratio) -> dict[str, object]:
    return {"value": float(f"{ratio.value:.4g}"), "noise": float(f"{ratio.noise:.2g}"), "better": ratio.better}


def _record_of(values: dict[str, object]) -> Record:
    ratios = values.pop("ratios")
    assert isinstance(ratios, dict), "a record has ratios by name"
    return Record(**values, ratios={name: Ratio(name, **ratio) for name, ratio in ratios.items()})  # type: ignore[arg-type]


def _commit() -> str:
    """Return the short name of the checked-out commit, with "+" if files differ from it; "unknown" without git."""
    git = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True)
    return git.stdout.strip() or "unknown"
