"""What is new since the last run that learned: its journals and the event log, read only and cheaply.

The exact sets are made by the run itself; this count only says whether one is worth its time.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from naviyam.feedback.query import query
from naviyam.feedback.store import EventStore

_CHOSEN: Final = ("clicked", "ordered", "favorited")


def last_learned(state: Path) -> datetime | None:
    """Return the time up to which a finished run learned everything that the log held; None where none did.

    Args:
        state: `paths.state`; the runs' journals are `learn/<run>/journal.json`.
    """
    for path in sorted((state / "learn").glob("*/journal.json"), reverse=True):
        try:
            held: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            asked = held.get("asked", {})
            if held["outcome"] is not None and not asked.get("only") and not asked.get("plant"):
                return datetime.fromisoformat(held["now"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a journal that cannot be read says nothing; the run itself will complain of it
    return None


def new_good_answers(store: EventStore, since: datetime | None, *, min_stars: float) -> int:
    """Return how many answers were chosen from, or rated `min_stars` and better, since then."""
    after = f"AND recorded_at > TIMESTAMPTZ '{since.isoformat()}'" if since else ""
    chosen = ", ".join(f"'{kind}'" for kind in _CHOSEN)
    sql = (
        "SELECT count(DISTINCT interaction_id) FROM feedback WHERE interaction_id IS NOT NULL "
        f"AND (feedback_type IN ({chosen}) OR satisfaction_score >= {min_stars}) {after}"
    )
    return int(query(store, sql, limit=1).rows[0][0])
