"""An answer while it is being said: sentences are polished, filled with facts and set on their lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from naviyam.arms import Layer
from naviyam.nlg.brief import MAX_SHOWN, WriteRequest, realise
from naviyam.nlg.generator import ArmFailed, ServedBy
from naviyam.nlg.grounding import Facts, named_shops
from naviyam.nlg.wording import said
from naviyam.settings import Writing
from naviyam.text.easy import friendly

By = Literal["llm", "template", "notice"]
_LIST_LINE = re.compile(r"@([1-9]):")
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A finished piece of the answer; unless it is the first, `text` starts with a space or a line break."""

    text: str
    by: By


@dataclass(slots=True, kw_only=True)
class Draft:
    """What has been said so far of one answer. `current` is the shop last named, 1-based."""

    request: WriteRequest
    facts: Facts
    values: Mapping[str, str]
    parts: list[Sentence]
    named: set[int]
    settings: Writing
    """As they are for this answer, the prompt's arm included."""

    current: int | None = None
    emoji_left: int = 2
    listing: bool = False
    opening: str = ""
    """The first sentence after what had to be said first."""

    adapter: str = ""
    """Which adapter writes, once that is known."""
    variant: str | None = None
    arm_errors: list[Layer] = field(default_factory=list)
    """Layers whose candidate failed."""

    told: list[str] = field(default_factory=list)
    """The sentences as a model is to write them, slots open, without notices: what a later model may learn from."""

    def note(self, news: ServedBy | ArmFailed) -> None:
        """Keep what a generator tells beside the text."""
        if isinstance(news, ArmFailed):
            self.arm_errors.append(news.layer)
        else:
            self.adapter = news.adapter

    def said(self, sentence: str) -> str:
        """Return a sentence as it is said here and now."""
        shops = named_shops(sentence, len(self.request.recommendations[:MAX_SHOWN]))
        return said(
            sentence,
            self.request,
            named=bool(shops) and shops[0] == self.current,
            minutes=all("분" in self.values.get(f"%{i}", "분") for i in shops),
        )

    def add(self, slotted: str, by: By) -> Sentence:
        """Polish, then fill: names and menus stay as their owners write them."""
        polished = (
            friendly(slotted, max_emoji=self.emoji_left).strip() if by != "notice" else slotted
        )
        self.emoji_left = max(0, self.emoji_left - len(_EMOJI.findall(polished)))
        text = realise(polished, self.values)
        piece = Sentence(self._place(slotted, text, by), by)
        self.parts.append(piece)
        if by != "notice" and not self.opening:
            self.opening = piece.text.strip()
        return piece

    def open(self, slotted: str) -> Sentence:
        """Add an opening that no model wrote."""
        piece = self.add(self.said(slotted), "notice")
        piece = replace(piece, text=piece.text.replace("\n", " ", 1))
        self.parts[-1] = piece
        self.opening = piece.text.strip()
        return piece

    def _place(self, slotted: str, text: str, by: str) -> str:
        """Set a sentence on its line: several shops are a numbered list, and what is not about one stands below."""
        number = _LIST_LINE.match(slotted)
        own_line = by == "notice" and not self.listing
        if number and len(self.request.recommendations) > 1:
            text, self.listing, own_line = f"{number[1]}. {text}", True, True
        elif self.listing and text.endswith(("!", "?")):
            self.listing, own_line = False, True
        if not self.parts:
            return text
        return f"\n{text}" if own_line else f" {text}"

    def text(self) -> str:
        return "".join(p.text for p in self.parts)
