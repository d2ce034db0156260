"""Labelled utterances and how well they are understood: intents, filters pair by pair, and what is confused. Pure but for reading."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from naviyam.errors import ArtifactError
from naviyam.request import Filters, Intent, Understanding

SETS = Path(__file__).parent / "sets"

Pair = tuple[str, str]
"""A filter's key and one value as JSON; a list counts element by element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One labelled message. `turns` is what was said and shown before it (`naviyam.nlu.replay`)."""

    text: str
    intent: Intent
    filters: Filters
    turns: tuple[Mapping[str, Any], ...] = ()
    selection: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceSet:
    """Labelled messages; `version` is a hash of the file, so that a figure names what it was measured on."""

    name: str
    version: str
    rows: tuple[Utterance, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read JSON lines of `{"text", "intent", "filters", "turns"?, "selection"?}`.

        Raises:
            ArtifactError: a line is no such object; the message names it.
        """
        content = path.read_bytes()
        rows = []
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                rows.append(_utterance(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise ArtifactError(f"{path}, line {number}: {error}") from error
        return cls(name=path.stem, version=sha256(content).hexdigest()[:12], rows=tuple(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Hits of what was found against what was meant."""

    right: int = 0
    found: int = 0
    meant: int = 0

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where there was nothing to find and nothing found."""
        return 2 * self.right / (self.found + self.meant) if self.found + self.meant else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a set of understandings is worth."""

    intent_accuracy: float
    filter_f1: float
    exact: float
    """Share of messages with the right intent and exactly the right filters."""

    by_intent: Mapping[str, Tally]
    by_key: Mapping[str, Tally]
    confusion: Mapping[tuple[str, str], int]
    """(meant, found) -> how often, of the wrong ones."""

    selection_accuracy: float | None = None
    wrong: tuple[int, ...] = field(default=())


def score(rows: Sequence[Utterance], found: Sequence[Understanding]) -> Score:
    """Compare message by message; filters are micro-averaged over (key, value) pairs, exact in both."""
    keys: dict[str, list[int]] = {}
    confusion: Counter[tuple[str, str]] = Counter()
    wrong: list[int] = []
    exact = 0
    for index, (row, got) in enumerate(zip(rows, found, strict=True)):
        want, have = pairs(row.filters), pairs(got.filters)
        for place, some in enumerate((want & have, have, want)):
            for key, _ in some:
                keys.setdefault(key, [0, 0, 0])[place] += 1
        confusion[row.intent.value, got.intent.value] += 1
        whole = row.intent is got.intent and want == have
        exact += whole
        if not whole or (row.selection is not None and row.selection != got.selection):
            wrong.append(index)
    by_key = {k: Tally(right=n[0], found=n[1], meant=n[2]) for k, n in sorted(keys.items())}
    right = sum(n for (meant, said), n in confusion.items() if meant == said)
    chosen = [(r.selection, g.selection) for r, g in zip(rows, found, strict=True) if r.selection]
    return Score(
        intent_accuracy=right / max(1, len(rows)),
        filter_f1=_sum(by_key.values()).f1 or 0.0,
        exact=exact / max(1, len(rows)),
        by_intent=_intents(confusion),
        by_key=by_key,
        confusion={k: n for k, n in confusion.most_common() if k[0] != k[1]},
        selection_accuracy=sum(a == b for a, b in chosen) / len(chosen) if chosen else None,
        wrong=tuple(wrong),
    )


def pairs(filters: Filters) -> set[Pair]:
    """Return the filters as (key, value) pairs, lists element by element.

    >>> sorted(pairs(Filters(budget_max=5000, exclude=("치킨", "피자"))))
    [('budget_max', '5000'), ('exclude', '"치킨"'), ('exclude', '"피자"')]
    """
    out: set[Pair] = set()
    for key, value in filters.to_dict().items():
        for item in value if isinstance(value, list) else [value]:
            out.add((key, json.dumps(item, ensure_ascii=False)))
    return out


def _utterance(raw: Mapping[str, Any]) -> Utterance:
    return Utterance(
        text=raw["text"],
        intent=Intent(raw["intent"]),
        filters=Filters.from_dict(raw.get("filters") or {}),
        turns=tuple(raw.get("turns") or ()),
        selection=raw.get("selection"),
    )


def _sum(tallies: Any) -> Tally:
    listed = list(tallies)
    return Tally(
        right=sum(t.right for t in listed),
        found=sum(t.found for t in listed),
        meant=sum(t.meant for t in listed),
    )


def _intents(confusion: Mapping[tuple[str, str], int]) -> dict[str, Tally]:
    names = sorted({name for pair in confusion for name in pair})
    return {
        name: Tally(
            right=confusion.get((name, name), 0),
            found=sum(n for (_, said), n in confusion.items() if said == name),
            meant=sum(n for (meant, _), n in confusion.items() if meant == name),
        )
        for name in names
    }
