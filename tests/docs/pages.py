"""The documents as tests see them: headings, links, blocks of code, and the commands in them. Reads files only."""

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^ *(?:\d+\. )?```(\w*)\n(.*?)^( *)```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*(\$\(.*\))?")
_PLACEHOLDER = re.compile(r"[A-Z]{2,}")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page as it is written, continued lines joined."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:100]}"

    @property
    def words(self) -> list[str]:
        """What the shell would make of it, without comments and without variables set before it."""
        words = shlex.split(self.text, comments=True)
        while len(words) > 1 and _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        return [w.removeprefix(".venv/bin/") if i == 0 else w for i, w in enumerate(words)]

    @property
    def is_assignment(self) -> bool:
        """Whether it only sets a variable for those that follow."""
        code = self.text.split("#")[0].strip()
        return _ASSIGNMENT.fullmatch(code) is not None

    @property
    def plain(self) -> str:
        """Its words on one line."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code. `follows` is the one right before it in the page, by number."""

    page: str
    number: int
    language: str
    code: str

    @property
    def commands(self) -> list[Command]:
        """The commands of a block in bash."""
        joined = re.sub(r"\\\n\s*", "", self.code)
        lines = (line.strip() for line in joined.splitlines())
        return [Command(self.page, line) for line in lines if line and not line.startswith("#")]


@dataclass(frozen=True)
class Page:
    """One document."""

    name: str

    @cached_property
    def text(self) -> str:
        return (ROOT / self.name).read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        found = _FENCE.finditer(self.text)
        return [
            Block(self.name, i, m[1], re.sub(rf"^{m[3]}", "", m[2], flags=re.MULTILINE))
            for i, m in enumerate(found)
        ]

    @cached_property
    def prose(self) -> str:
        """The text without its blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def anchors(self) -> list[str]:
        """The anchors of its headings, as GitHub makes them."""
        return [anchor_of(h) for h in _HEADING.findall(self.prose)]

    @cached_property
    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def section(self, heading: str) -> str:
        """Return the text from a heading to the next one of its level or above."""
        begin = self.text.index(f"\n{heading}\n") + 1
        level = len(heading) - len(heading.lstrip("#"))
        end = re.search(rf"^#{{1,{level}}} ", self.text[begin + len(heading) :], re.MULTILINE)
        return self.text[begin : begin + len(heading) + end.start() if end else None]


def anchor_of(heading: str) -> str:
    """Return GitHub's anchor of a heading.

    >>> anchor_of("POST /v1/chat/completions"), anchor_of("`naviyam` up, and down")
    ('post-v1chatcompletions', 'naviyam-up-and-down')
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def is_placeholder(word: str) -> bool:
    """Return whether a reader puts something of their own in its place, or the shell a variable."""
    return _PLACEHOLDER.fullmatch(word) is not None or "$" in word


PAGES = [
    Page(str(path.relative_to(ROOT)))
    for path in (
        ROOT / "README.md",
        ROOT / "README.ko.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "deploy" / "README.md",
    )
]
COMMANDS = [
    command
    for page in PAGES
    for block in page.blocks
    if block.language == "bash"
    for command in block.commands
]
