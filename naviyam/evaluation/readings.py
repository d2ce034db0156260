"""What the language model reads of messages that the other layers are unsure of: a file that an offline program leaves, and its worth.

The file holds no message, only a digest of each prompt: sets that nobody is to read stay unread. A line is whole or it is not there.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from naviyam.conversation import Turns
from naviyam.errors import ArtifactError
from naviyam.evaluation.understanding import Utterance
from naviyam.nlu.layers import Considered, LayeredUnderstander
from naviyam.nlu.llm import build_prompt, parse
from naviyam.nlu.replay import replay
from naviyam.nlu.resolve import resolve
from naviyam.nlu.third import asks, merge
from naviyam.request import Intent, Understanding
from naviyam.settings import Nlu

UNSURE = 0.85
"""At least everything below is read, so that a threshold can be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What read. `filters` tells whether filters were asked for too."""

    base: str
    adapter: str
    filters: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer and how long it took, alone in the engine."""

    answer: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFile:
    """A file as read, by digest of the prompt."""

    header: Header
    readings: Mapping[str, Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A labelled message as the first two layers see it."""

    row: Utterance
    turns: Turns
    considered: Considered

    @property
    def prompt(self) -> str:
        """What the model is asked."""
        return build_prompt(self.row.text, self.turns)

    @property
    def key(self) -> str:
        """The prompt's digest."""
        return sha256(self.prompt.encode()).hexdigest()[:16]

    def effective(self, found: Understanding) -> Understanding:
        """Return the wish as it stands in the conversation."""
        return resolve(found, self.turns) if self.row.turns else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """How the model does on the messages below a confidence: how many, and right intents without and with it."""

    below: float
    asked: int
    right_without: int
    right_with: int
    refused: int


def consider(layers: LayeredUnderstander, rows: Sequence[Utterance]) -> list[Asked]:
    """Return every message as the first two layers see it; earlier turns of a conversation are theirs alone."""
    found = []
    for row in rows:
        turns = replay(layers.understand, row.turns)
        considered = layers.consider(row.text, turns)
        if guarded := layers.rules.guard(row.text):
            considered = replace(considered, understanding=guarded, confidence=1.0)
        found.append(Asked(row=row, turns=turns, considered=considered))
    return found


def unsure(messages: Sequence[Asked], settings: Nlu) -> Iterator[Asked]:
    """Yield the messages that are read for the evaluation."""
    below = max(UNSURE, settings.ask_llm_below)
    yield from (m for m in messages if asks(m.considered, below))


def understood(
    layers: LayeredUnderstander,
    messages: Sequence[Asked],
    readings: Mapping[str, Reading],
    settings: Nlu,
) -> list[Understanding]:
    """Return the understanding of all three layers, however late the model was."""
    out = []
    for m in messages:
        found = m.considered.understanding
        if asks(m.considered, settings.ask_llm_below):
            proposal = parse(readings[m.key].answer)
            found = merge(layers, m.considered, m.turns, proposal, settings)
        out.append(m.effective(found))
    return out


def worth(
    layers: LayeredUnderstander,
    messages: Sequence[Asked],
    readings: Mapping[str, Reading],
    settings: Nlu,
    *,
    below: float,
) -> Worth:
    """Return what asking below that confidence is worth."""
    chosen = settings.model_copy(update={"ask_llm_below": below})
    asked = [m for m in messages if asks(m.considered, below)]
    with_it = understood(layers, asked, readings, chosen)
    return Worth(
        below=below,
        asked=len(asked),
        right_without=sum(_right(m, m.considered.understanding.intent) for m in asked),
        right_with=sum(_right(m, u.intent) for m, u in zip(asked, with_it, strict=True)),
        refused=sum(parse(readings[m.key].answer) is None for m in asked),
    )


def _right(message: Asked, intent: Intent) -> bool:
    return message.row.intent is intent


def read_file(path: Path) -> ReadingFile | None:
    """Read a file; a line cut by a crash is dropped, a later line of a prompt wins.

    Raises:
        ArtifactError: the first line is no header.
    """
    if not path.is_file():
        return None
    first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        header = Header(**json.loads(first))
    except (ValueError, TypeError) as e:
        raise ArtifactError(f"{path} does not begin with a header: {e}; remove it") from e
    readings: dict[str, Reading] = {}
    for line in lines:
        try:
            row = json.loads(line)
            readings[row["key"]] = Reading(answer=row["answer"], seconds=row["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
    return ReadingFile(header=header, readings=readings)


def begin_file(path: Path, header: Header) -> ReadingFile:
    """Return the readings on file where they are of that header; else begin anew, what was there put aside."""
    held = read_file(path)
    if held is not None and held.header == header:
        return held
    path.parent.mkdir(parents=True, exist_ok=True)
    if held is not None:
        path.replace(path.with_suffix(".old.jsonl"))
    _append(path, json.dumps(asdict(header), ensure_ascii=False))
    return ReadingFile(header=header, readings={})


def append_reading(path: Path, key: str, reading: Reading) -> None:
    """Add one line, durably."""
    _append(path, json.dumps({"key": key, **asdict(reading)}, ensure_ascii=False))


def _append(path: Path, line: str) -> None:
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        torn = b"\n" if size and file.read(1) != b"\n" else b""
        file.write(torn + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
