"""The controller, the queue and the schedule as `naviyam status` shows them."""

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from rich.console import RenderableType

_SILENT_S = 15.0
"""Without a sign of life for so long, the controller counts as down."""


def control_state(session: Session) -> dict[str, Any]:
    """Return who acts, how its parts do, how many jobs are in which state, and the schedule, in JSON's types."""
    from cluster.cli.jobs import open_commands, open_store
    from cluster.cli.schedule import open_schedule
    from cluster.jobs.states import ENDED, JobState
    from cluster.jobs.store import StoreError
    from naviyam.clock import SystemClock

    try:
        commands = open_commands(session)
    except StoreError as e:
        return {"error": str(e)}
    beat = open_store(session).read("controller")
    now = SystemClock().now()
    alive = bool(beat) and now - datetime.fromisoformat(beat["at"]) < timedelta(seconds=_SILENT_S)
    living = commands.store.jobs(states=frozenset(JobState) - ENDED, limit=10_000)
    return {
        "controller": {"alive": alive, **beat},
        "queue": dict(Counter(job.state.value for job in living)),
        "jobs": [job.to_dict() for job in living[:_SHOWN]],
        "schedule": open_schedule(session).show(),
    }


_SHOWN = 10


def control_tables(state: dict[str, Any]) -> "list[RenderableType]":
    """Return it for people."""
    from cluster.cli.schedule import SCHEDULE_COLUMNS, schedule_rows

    if "error" in state:
        return [f"control plane: {state['error']}"]
    controller = state["controller"]
    alive = "alive" if controller["alive"] else "DOWN (`naviyam up` starts it)"
    queue = ", ".join(f"{n} {name}" for name, n in state["queue"].items()) or "no jobs"
    parts = [
        (name, p["ticks"], p["errors"], p["last_s"], p["last_error"] or None)
        for name, p in controller.get("parts", {}).items()
    ]
    return [
        table(
            f"controller {alive}; {queue}",
            ("part", "ticks", "errors", "last tick s", "last error"),
            parts,
        ),
        table("schedule", SCHEDULE_COLUMNS, schedule_rows(state["schedule"])),
    ]
