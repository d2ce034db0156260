"""What the intent classifier learns from: hand-written messages, and small talk that is not about food.

The hand-written part is in this package (`patterns.txt`, `utterances*.jsonl`); the small talk is read in place from
`paths.shared_data` and left out, with a note in the card, where it is absent. What `naviyam evaluate` measures on is taken out, should a
hand-written message be the same.
"""

import csv
import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from naviyam.evaluation.understanding import SETS, UtteranceSet
from naviyam.nlu.lexicon import BRANDS
from naviyam.request import Intent
from naviyam.text.clean import squash
from naviyam.text.dishes import DISHES

HERE = Path(__file__).parent
_SLOTS = {
    "kind": ("치킨", "피자", "분식", "중국집", "한식", "일식", "양식", "고기", "카페", "빵", "햄버거", "패스트푸드"),
    "place": ("관악구", "봉천동", "신림역", "강남구", "춘천", "효자동", "홍대입구역", "우리 동네", "학교 앞", "집 근처", "시청 앞", "퇴계동"),
    "won": ("만원", "5천원", "5000원", "오천원", "만오천원", "8천원", "7,000원", "육천 원", "1만2천원", "3처넌", "이만원"),
    "who": ("친구", "엄마", "아빠", "동생", "할머니", "누나", "가족", "형", "반 친구들"),
    "n": ("2", "3", "네", "다섯", "세", "두"),
}  # fmt: skip
_PER_PATTERN = 8
_ABOUT_FOOD = re.compile(
    r"먹|밥|배고|배\s?불|맛|식당|카드|메뉴|요리|음식|간식|치킨|피자|커피|카페|고마|고맙|감사|안녕|하이|반가|굶|죽|때리|때려|맞았|무서|자살|살기|가게|추천|배달|돈|원\b|끼니|다른|말고"
)
"""Small talk with such a word may belong to another intent; it is left out rather than labelled wrongly."""

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Example:
    """One message and what it wants. `source` names where it is from."""

    text: str
    intent: Intent
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentData:
    """All examples; `parts` counts them by source, `sha256` is their identity."""

    examples: tuple[Example, ...]
    parts: dict[str, int]
    sha256: str


def load_data(shared: Path, *, small_talk: int, seed: int) -> IntentData:
    """Return the training data, each text once, in a fixed order."""
    rng = random.Random(seed)
    examples: dict[str, Example] = {}
    measured = _measured_on()
    sources: Sequence[Iterator[Example]] = (
        _labelled(HERE / "utterances.jsonl"),
        _labelled(HERE / "utterances_later.jsonl"),
        _labelled(HERE / "utterances_more.jsonl"),
        _patterns(HERE / "patterns.txt", rng),
        _small_talk(shared / "dialogue", small_talk, rng),
    )
    for source in sources:
        for example in source:
            if squash(example.text) not in measured:
                examples.setdefault(example.text, example)
    parts: dict[str, int] = {}
    digest = sha256()
    for example in examples.values():
        parts[example.source] = parts.get(example.source, 0) + 1
        digest.update(f"{example.intent.value}\t{example.text}\n".encode())
    return IntentData(examples=tuple(examples.values()), parts=parts, sha256=digest.hexdigest())


def _measured_on() -> frozenset[str]:
    sets = [UtteranceSet.load(path) for path in sorted(SETS.glob("understanding_*.jsonl"))]
    return frozenset(squash(row.text) for labelled in sets for row in labelled.rows)


def known_places() -> tuple[str, ...]:
    """Return the places that the patterns name, for rules that know no catalogue."""
    return _SLOTS["place"]


def _labelled(path: Path) -> Iterator[Example]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Example(row["text"], Intent(row["intent"]), path.stem)


def _patterns(path: Path, rng: random.Random) -> Iterator[Example]:
    dishes, brands = sorted(DISHES), sorted(BRANDS)
    intent = Intent.FOOD_RECOMMENDATION
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            intent = Intent(line.strip("[]"))
        elif line and not line.startswith("#"):
            for _ in range(_PER_PATTERN if "{" in line else 1):
                words = {k: rng.choice(v) for k, v in _SLOTS.items()}
                filled = line.format(dish=rng.choice(dishes), shop=rng.choice(brands), **words)
                yield Example(_as_typed(filled, rng), intent, path.stem)


def _as_typed(text: str, rng: random.Random) -> str:
    """Drop spaces and marks now and then, as a phone's keyboard does."""
    if rng.random() < 0.25:
        text = text.replace(" ", "")
    if rng.random() < 0.3:
        text = text.rstrip("?")
    return text


def _small_talk(folder: Path, count: int, rng: random.Random) -> Iterator[Example]:
    for name, column in (("korean_smalltalk_qa.csv.gz", "question"), ("3i4k_train.csv.gz", "text")):
        path = folder / name
        if not path.is_file():
            continue
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            texts = [
                row[column]
                for row in csv.DictReader(lines)
                if row.get("label_name") != "fragment"
                and 2 < len(row[column]) <= _LONGEST
                and not _ABOUT_FOOD.search(row[column])
            ]
        rng.shuffle(texts)
        for text in islice(texts, count // 2):
            yield Example(text, Intent.OUT_OF_SCOPE, name.partition(".")[0])
