"""A recorded experiment, read back: JSON lines of `Seen.to_dict()`, analysed as a running one is. Reads one file, writes none."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from cluster.rollout.analysis import Analysis, analyse
from cluster.rollout.observed import Seen, in_order
from cluster.rollout.outcomes import WeightChange
from naviyam.errors import InputError
from naviyam.settings import Rollout


def parse_stream(lines: Iterable[str]) -> tuple[Seen, ...]:
    """Read answers, one JSON object a line; empty lines are skipped.

    Raises:
        InputError: a line is none; the message has its number.
    """
    found: list[Seen] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(Seen.parse(json.loads(line)))
        except ValueError as e:
            raise InputError(f"line {number}: {e}", field="stream") from e
    return in_order(found)


def analyse_file(
    path: Path,
    *,
    weights: Sequence[WeightChange] | float | None,
    settings: Rollout,
    now: datetime | None = None,
) -> Analysis:
    """Analyse a recorded stream.

    Args:
        path: the file.
        weights: as `analyse` takes them.
        settings: of the rollout.
        now: time of the look; None is when every window is over.

    Raises:
        InputError: the file is not there, holds no answer, or a line is none.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            stream = parse_stream(lines)
    except OSError as e:
        raise InputError(f"no stream in {path}: {e.strerror}", field="file") from e
    if not stream:
        raise InputError(f"{path} holds no answer", field="file")
    return analyse(
        stream, weights=weights, settings=settings, now=now or after_all(stream, settings)
    )


def after_all(stream: Sequence[Seen], settings: Rollout) -> datetime:
    """Return the first moment at which every window of a stream is over."""
    last = max(seen.at for seen in stream)
    return datetime.fromtimestamp(last.timestamp() + settings.outcome_window_s + 1, last.tzinfo)
