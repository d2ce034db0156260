"""What the safety classifier learns from, with a fixed split: public labelled sentences, small talk, our own messages.

The public files are read in place; none of their sentences is kept in the repository. A text is in the part that its
own hash says, so that the same sentence in two files, or a file that grows, never leaks between parts.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from naviyam.errors import NotFoundError

Part = Literal["train", "threshold", "report"]
OWN = Path(__file__).parent / "messages.jsonl"
OFFENSIVE_SETS = ("curse_detection", "apeach", "hate_speech")
CLEAN_SETS = ("smalltalk", "3i4k")
HELP = ("hunger", "hurt", "self_harm")
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


def own_samples(path: Path = OWN) -> list[Sample]:
    """Return our own messages, each also without spaces, with tears, and in the other level of politeness."""
    found: dict[str, Sample] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            for text in _varied(row["text"]) if "text" in row else ():
                found.setdefault(text, Sample(text=text, source="own", label=row["label"]))
    return list(found.values())


def bad_terms(data: Path, clean: Iterable[str]) -> list[Sample]:
    """Return the terms of the public list that no clean sentence holds: it lists harmless strings as well."""
    terms = {row["term"].strip() for row in _rows(data / "safety" / "korean_bad_words.csv")}
    everything = "\n".join(clean)
    kept = sorted(t for t in terms if len(t) > 1 and not t.isdigit() and t not in everything)
    return [Sample(text=t, source="bad_words", label="offensive") for t in kept]


def _varied(text: str) -> Iterator[str]:
    yield text
    yield text.replace(" ", "")
    yield f"{text} ㅠㅠ"
    if text.endswith("요"):
        yield text.removesuffix("요")
    elif text[-1] in "어아해져네지":
        yield f"{text}요"


def _rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))
