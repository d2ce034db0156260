"""Reading the event log: each acknowledged record once, none of a user who asked to be forgotten."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from naviyam.feedback.log import KEY_FIELD
from naviyam.feedback.segments import iterate

INTERACTIONS = "interactions"
FEEDBACK = "feedback"
TOMBSTONES = "tombstones"
OPERATOR = "operator"


def read_events(events: Path, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the records of `kind` (`interactions` or `feedback`) below `settings.paths.events`.

    A key counts once, whichever process wrote it. Records of a forgotten user up to the time of the
    forgetting are left out; what the user does afterwards is theirs again.
    """
    forgotten = read_tombstones(events)
    seen: set[str] = set()
    for record in iterate(events / kind):
        key = record.get(KEY_FIELD)
        if key is not None:
            if key in seen:
                continue
            seen.add(key)
        if not is_forgotten(record, forgotten):
            yield record


def read_tombstones(events: Path) -> dict[str, datetime]:
    """Return the latest time at which each forgotten user was forgotten."""
    latest: dict[str, datetime] = {}
    for record in iterate(events / TOMBSTONES):
        when = datetime.fromisoformat(record["recorded_at"])
        user = record["user_id"]
        latest[user] = max(when, latest.get(user, when))
    return latest


def is_forgotten(record: Mapping[str, Any], forgotten: Mapping[str, datetime]) -> bool:
    """Return whether a record was written before its user asked to be forgotten."""
    when = forgotten.get(record.get("user_id", ""))
    return when is not None and datetime.fromisoformat(record["recorded_at"]) <= when
