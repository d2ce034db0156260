"""The public labelled sentences of safety, read in place, with one fixed split. None of them is kept in the repository.

A text is in the part that its own hash says, so that the same sentence in two files, or a file that grows, never leaks
between parts. `training.safety` learns from `train` only; thresholds come from `threshold`; `report` is measured on.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from naviyam.errors import NotFoundError

Part = Literal["train", "threshold", "report"]
OFFENSIVE_SETS = ("curse_detection", "apeach", "hate_speech")
CLEAN_SETS = ("smalltalk", "3i4k")
_TRAIN, _THRESHOLD = 70, 85
_MOST_3I4K = 15_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One text. `label`: offensive or clean for the public sets; what our own message is for the others."""

    text: str
    source: str
    label: str


def part_of(text: str, *, seed: int) -> Part:
    """Return which part a text belongs to: 70 % train, 15 % threshold, 15 % report.

    >>> part_of("치킨", seed=7) == part_of("치킨", seed=7)
    True
    """
    digest = blake2b(f"{seed}:{text}".encode("utf-8", "replace"), digest_size=4).digest()
    share = int.from_bytes(digest) % 100
    return "train" if share < _TRAIN else "threshold" if share < _THRESHOLD else "report"


def public_samples(data: Path, *, seed: int) -> list[Sample]:
    """Return every labelled sentence under `data` (the folder that holds `safety` and `dialogue`).

    Raises:
        NotFoundError: the folder is not there.
    """
    if not (data / "safety").is_dir():
        raise NotFoundError(f"no folder {data / 'safety'}; name the data with --data")
    return [*offensive_sets(data), *clean_sets(data, seed=seed)]


def offensive_sets(data: Path) -> Iterator[Sample]:
    """Yield the three labelled sets; of `hate_speech` both `offensive` and `hate` count as offensive."""
    columns: Mapping[str, tuple[str, str, frozenset[str]]] = {
        "curse_detection": ("text", "is_curse", frozenset({"1"})),
        "apeach": ("text", "class", frozenset({"Spoiled"})),
        "hate_speech": ("comments", "hate", frozenset({"offensive", "hate"})),
    }
    for name, (text, label, bad) in columns.items():
        for row in _rows(data / "safety" / f"{name}.csv.gz"):
            kind = "offensive" if row[label] in bad else "clean"
            yield Sample(text=row[text], source=name, label=kind)


def clean_sets(data: Path, *, seed: int) -> Iterator[Sample]:
    """Yield small talk and, of the spoken utterances, those whose hash comes first."""
    for row in _rows(data / "dialogue" / "korean_smalltalk_qa.csv.gz"):
        yield Sample(text=row["question"], source="smalltalk", label="clean")
    spoken = {row["text"] for row in _rows(data / "dialogue" / "3i4k_train.csv.gz")}
    chosen = sorted(spoken, key=lambda t: blake2b(f"{seed}/{t}".encode(), digest_size=8).digest())
    for text in chosen[:_MOST_3I4K]:
        yield Sample(text=text, source="3i4k", label="clean")


def listed_terms(data: Path) -> tuple[str, ...]:
    """Return the terms of the public list as they are: some are harmless ("18")."""
    terms = (row["term"].strip() for row in _rows(data / "safety" / "korean_bad_words.csv"))
    return tuple(sorted({t for t in terms if t}))


def _rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
