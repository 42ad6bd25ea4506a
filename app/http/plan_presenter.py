"""Plans of boards and action types as the API and the command line write them; ids and times are not text yet."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.board_plans import Step
from app.services.boards.board_changes import Prospect


def plan_data(prospect: Prospect) -> dict[str, object]:
    """Return the steps, the boards that need a replay, and the players that would move where that was compared."""
    outlook = prospect.outlook
    return {
        "boards": _steps(prospect.plan.boards),
        "action_types": _steps(prospect.plan.types),
        "replayed": list(prospect.replayed),
        **({"moving": outlook.moving, "moves": outlook.moves} if outlook else {}),
    }


def _steps(steps: Sequence[Step]) -> list[dict[str, object]]:
    return [{"slug": step.slug, "new": step.is_new, "before": step.before, "after": step.after} for step in steps]
