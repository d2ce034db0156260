"""A set of conversations that a caller hands in, in the layout of those from the log; rows that must not be trained on are left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from naviyam import versions
from naviyam.errors import InputError
from naviyam.learning.personal import looks_personal
from naviyam.text.easy import STIGMA_WORDS
from training.datasets.publish import Published, publish
from training.datasets.read import TEXT_SCHEMA


def publish_given(
    root: Path,
    rows: Sequence[Mapping[str, str]],
    *,
    now: datetime,
    train_share: float,
    simulated: bool,
) -> Published:
    """Write rows of `prompt` and `completion`, oldest first, as a set; the last ones are its test part.

    Raises:
        InputError: a row lacks a text, or fewer than two rows may be trained on.
    """
    dropped: Counter[str] = Counter()
    kept: list[tuple[str, str]] = []
    for number, row in enumerate(rows):
        prompt, completion = row.get("prompt"), row.get("completion")
        if not prompt or not completion:
            raise InputError(
                f"row {number} holds {sorted(row)}; a row is `prompt` and `completion`, both with text",
                field="data",
            )
        if why := _fault(prompt, completion):
            dropped[why] += 1
        else:
            kept.append((prompt, completion))
    if len(kept) < 2:
        raise InputError(
            f"{len(kept)} of {len(rows)} rows may be trained on (left out: {dict(dropped) or 'none'}); "
            "at least 2 are needed, one to learn from and one to be judged on",
            field="data",
        )
    cut = min(max(int(len(kept) * train_share), 1), len(kept) - 1)
    card = {
        "kind": "nlg",
        "simulated": simulated,
        "sources": ["handed in"],
        "dropped": dict(dropped),
    }
    parts = {"train": kept[:cut], "test": kept[cut:]}
    return publish(
        root,
        versions.version_name(now),
        {part: _table(texts, part, now, simulated=simulated) for part, texts in parts.items()},
        {**card, "version": versions.version_name(now), "now": now.isoformat()},
    )


def _fault(*texts: str) -> str | None:
    if any(word in text for text in texts for word in STIGMA_WORDS):
        return "hurtful_word"
    return "personal_data" if any(map(looks_personal, texts)) else None


def _table(
    texts: Sequence[tuple[str, str]], part: str, now: datetime, *, simulated: bool
) -> pa.Table:
    rows = [
        {
            "prompt": prompt,
            "completion": completion,
            "interaction_id": f"given-{part}-{i}",
            "time": now,
            "simulated": simulated,
            "written_by": "caller",
        }
        for i, (prompt, completion) in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=TEXT_SCHEMA)
