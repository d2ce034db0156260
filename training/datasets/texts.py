"""The sets `nlg`, `nlu` and `tone`: good conversations of the window, owners' messages of the catalogue."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from naviyam.catalog.store import Catalog
from naviyam.feedback.query import Views
from naviyam.feedback.schema import INTERACTIONS, to_records
from naviyam.learning.conversations import Talk, good_talk
from naviyam.learning.impressions import cut_of
from naviyam.learning.texts import Refused, TextSample, shames, tone_sample
from training.datasets.read import TEXT_SCHEMA
from training.datasets.window import Window, read_talk, read_whole

Make = Callable[[Mapping[str, Any]], TextSample | Refused]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSamples:
    """Both parts in `TEXT_SCHEMA` and what the card says of them."""

    parts: Mapping[str, pa.Table]
    card: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Samples in both parts."""
        return sum(table.num_rows for table in self.parts.values())


def talk_of(table: pa.Table) -> Talk:
    """Return what `read_talk` read as arrays."""
    texts = {
        field: np.array(table[column].to_pylist(), dtype=object)
        for field, column in (
            ("answer", "interaction_id"),
            ("user", "user_id"),
            ("intent", "intent"),
            ("decided_by", "decided_by"),
            ("written_by", "written_by"),
        )
    }
    numbers = {
        name: table[name].to_numpy()
        for name in ("response_s", "satisfaction", "shown", "chosen", "told")
    }
    return Talk(
        **texts,
        **{k: v.astype(np.bool_) if k in ("chosen", "told") else v for k, v in numbers.items()},
    )


def make_talk_set(
    views: Views, window: Window, kind: str, make: Make, used: frozenset[str]
) -> TextSamples:
    """Return the samples that `make` makes of the window's good conversations, split by time."""
    talk = talk_of(read_talk(views, window))
    good, failed = good_talk(talk, window.options, silent=window.silent, used=used)
    records = to_records(INTERACTIONS, read_whole(views, talk.answer[good]))
    samples = _sound(map(make, records), failed)
    times = np.array([int(s.time.timestamp() * 1e6) for s in samples], np.int64)
    cut = cut_of(times, window.options.train_share)
    late = times >= cut
    card = {"answers": len(talk.answer), "good_conversations": len(good), "cut_us": cut}
    return _set(kind, samples, late.tolist(), failed, card | {"split": "by time"})


def make_tone_set(catalog: Catalog, window: Window, used: frozenset[str]) -> TextSamples:
    """Return owners' messages and how a child is told them. They have no time, so the shop decides the part."""
    dropped: Counter[str] = Counter()
    made = (tone_sample(catalog, row, window.now) for row in range(catalog.size))
    samples = []
    for sample in _sound((m for m in made if m is not None), dropped):
        if sample.source in used:
            dropped["used_before"] += 1
        else:
            samples.append(sample)
    late = [_share_of(s.prompt) >= window.options.train_share for s in samples]
    return _set("tone", samples, late, dropped, {"split": "by hash of the message"})


def _sound(made: Iterable[TextSample | Refused], dropped: Counter[str]) -> list[TextSample]:
    """Return what is a sample, each pair once; the rest is counted."""
    seen: dict[tuple[str, str], TextSample] = {}
    for sample in made:
        if isinstance(sample, Refused):
            dropped[sample.reason] += 1
        elif shames(sample):
            dropped["safety_flag"] += 1
        elif (sample.prompt, sample.completion) in seen:
            dropped["duplicate"] += 1
        else:
            seen[sample.prompt, sample.completion] = sample
    return list(seen.values())


def _share_of(text: str) -> float:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32


def _set(
    kind: str,
    samples: list[TextSample],
    late: list[bool],
    dropped: Counter[str],
    card: Mapping[str, Any],
) -> TextSamples:
    parts = {
        "train": _table([s for s, is_late in zip(samples, late, strict=True) if not is_late]),
        "test": _table([s for s, is_late in zip(samples, late, strict=True) if is_late]),
    }
    return TextSamples(
        parts=parts,
        card={
            "kind": kind,
            "written_by": dict(sorted(Counter(s.written_by for s in samples).items())),
            "dropped": dict(sorted((+dropped).items())),
            **card,
        },
    )


def _table(samples: list[TextSample]) -> pa.Table:
    rows = [
        {
            "prompt": s.prompt,
            "completion": s.completion,
            "interaction_id": s.source,
            "time": s.time,
            "simulated": s.simulated,
            "written_by": s.written_by,
        }
        for s in samples
    ]
    return pa.Table.from_pylist(rows, schema=TEXT_SCHEMA)
