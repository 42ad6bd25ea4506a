"""The kinds of players that the report's figures are about, invented by an author who knew no rule and no feature.

Nothing may be tuned to them: tune to the other kinds, and look at these last.
"""

from __future__ import annotations

from bench.fairness.reporting_clients import CLIENTS
from bench.fairness.reporting_farms import FARMS
from bench.fairness.reporting_groups import GROUPS
from bench.fairness.reporting_hired import HIRED
from bench.fairness.reporting_mainstream import MAINSTREAM
from bench.fairness.reporting_mimics import MIMICS
from bench.fairness.reporting_people import PEOPLE
from bench.fairness.reporting_scripts import SCRIPTS
from bench.fairness.world import Kind

__all__ = ["CHEATS", "HONEST"]

HONEST: tuple[Kind, ...] = (*MAINSTREAM, *PEOPLE, *CLIENTS, *GROUPS)
CHEATS: tuple[Kind, ...] = (*SCRIPTS, *MIMICS, *HIRED, *FARMS)
