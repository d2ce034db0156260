"""The file of answers that an offline writer leaves and the evaluation reads: a header line, then an answer a line.

The header says what wrote them, so that figures are never told of another adapter or catalogue. A line is whole or it
is not there: a line cut by a crash is dropped when the file is read.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self

from naviyam.errors import ArtifactError

WriterName = Literal["llm", "template", "base"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What wrote the answers. `code` is `writing_code()` of that time."""

    writer: str
    base: str
    adapter: str
    catalog: str
    code: str
    seed: int

    def fits(self, other: "Header") -> bool:
        """Return whether both are answers of one writer over one catalogue; the code may differ."""
        mine, theirs = asdict(self), asdict(other)
        return all(mine[k] == theirs[k] for k in ("writer", "base", "adapter", "catalog"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAnswer:
    """One message with its answer as the pipeline gave it.

    `answer` has `response`, `recommendations` and `metadata` as `/chat` does. `draft` is what the model wrote before the
    check with its slots filled, cut where the check stopped it; `tokens` are the draft's; times in seconds, `at_once`
    answers being written at a time.
    """

    talk: int
    turn: int
    message: str
    kind: str
    budget_won: int | None
    open_now: bool
    card: bool
    answer: Mapping[str, Any]
    draft: str
    tokens: int
    write_s: float
    at_once: int

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read one line; raises ValueError or TypeError where it is none."""
        return cls(**json.loads(line))

    def to_line(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")) + "\n"

    @property
    def generated(self) -> bool:
        """Whether a writer wrote it; small talk and refusals are fixed words."""
        return bool(self.answer["metadata"]["written_by"] != "fixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """A file as read, answers in the order of their conversations."""

    header: Header
    answers: tuple[WrittenAnswer, ...]

    @property
    def generated(self) -> tuple[WrittenAnswer, ...]:
        """The answers that a writer wrote."""
        return tuple(a for a in self.answers if a.generated)


def read_answers(path: Path) -> AnswerFile | None:
    """Return what a file holds, None where there is none.

    Raises:
        ArtifactError: it is no file of answers.
    """
    if not path.is_file():
        return None
    first, *lines = path.read_text(encoding="utf-8").split("\n")
    try:
        header = Header(**json.loads(first))
    except (ValueError, TypeError) as e:
        raise ArtifactError(f"{path} does not begin with the header of an answers file: {e}") from e
    answers = []
    for line in lines:
        try:
            answers.append(WrittenAnswer.from_line(line))
        except (ValueError, TypeError):
            continue
    return AnswerFile(header=header, answers=tuple(sorted(answers, key=lambda a: (a.talk, a.turn))))


def append_answers(path: Path, header: Header, answers: tuple[WrittenAnswer, ...]) -> None:
    """Add the answers of one conversation, all in one write; begins the file with its header."""
    text = "".join(a.to_line() for a in answers)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(header), ensure_ascii=False) + "\n" + text
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            text = text if file.read(1) == b"\n" else "\n" + text
        file.write(text.encode())


def writing_code() -> str:
    """Return a hash of the sources that decide what is written: style, prompt, template, checks."""
    digest = sha256()
    for path in sorted((Path(__file__).parents[1] / "nlg").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
