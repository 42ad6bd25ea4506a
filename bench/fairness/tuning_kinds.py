"""All kinds of players for tuning; those of the report are others, invented without a look at the rules."""

from __future__ import annotations

from typing import Final

from bench.fairness.tuning_bots import BOTS
from bench.fairness.tuning_mainstream import MAINSTREAM
from bench.fairness.tuning_operations import OPERATIONS
from bench.fairness.tuning_unusual import HANDS
from bench.fairness.tuning_unusual_weeks import WEEKS
from bench.fairness.world import Kind

HONEST: Final[tuple[Kind, ...]] = (*MAINSTREAM, *HANDS, *WEEKS)
CHEATS: Final[tuple[Kind, ...]] = (*BOTS, *OPERATIONS)
