"""Stage 7: turns recommendations into checked sentences, streamed as they come.

The language model writes over slots; each sentence is filled, checked against the facts and polished before it
leaves. When the model is late, full, dead or wrong, the template writer finishes the answer, and `Written` says why.
What must be said whatever the model writes (unknown card, unknown hours, over the limit, allergies, loosened wishes)
is said by fixed notices.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from naviyam.clock import Clock
from naviyam.errors import DeadlineError, NaviyamError, OverloadedError
from naviyam.nlg.brief import MAX_SHOWN, SLOT, WriteRequest, realise, slot_values
from naviyam.nlg.fluency import made_up_words
from naviyam.nlg.generator import Generator
from naviyam.nlg.grounding import Facts, facts_of, named_shops, violations
from naviyam.nlg.notices import after_shop, after_text, before_text
from naviyam.nlg.prompt import Layout, build_prompt
from naviyam.nlg.template import compose_from, ending
from naviyam.settings import Writing
from naviyam.text.easy import friendly

_MAY_BE_LEFT_OUT = {"repeated", "fluency"}
"""Faults of form: such a sentence is left out, if it names no shop. Any other ends the model's part."""

WrittenBy = Literal["llm", "template", "mixed"]
_PICTURE = "\U0001f300-\U0001faff\u2600-\u27bf\ufe0f\u200d"
_COMPLETE = re.compile(
    rf"\s*(.*?[.!?~\n]+(?!\d)(?:\s*[{_PICTURE}])*)(?=\s*[^\s{_PICTURE}.!?~])", re.DOTALL
)
_ENDED = re.compile(rf"[.!?~][\s{_PICTURE}]*$")
_LIST_LINE = re.compile(r"@([1-9]):")
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A finished piece of the answer; unless it is the first, `text` starts with a space or a line break."""

    text: str
    by: Literal["llm", "template", "notice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The end of an answer: the whole text and how it came about."""

    text: str
    written_by: WrittenBy
    degraded_reason: str | None = None
    rejected: tuple[str, ...] = ()
    """Why sentences of the model were held back, one entry per reason."""

    opening: str = ""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """What has been said so far; local to one `write`."""

    request: WriteRequest
    facts: Facts
    values: Mapping[str, str]
    parts: list[Sentence]
    named: set[int]
    current: int | None = None
    emoji_left: int = 2
    listing: bool = False

    def add(self, slotted: str, by: Literal["llm", "template", "notice"]) -> Sentence:
        """Polish, then fill: names and menus stay as their owners write them."""
        polished = (
            friendly(slotted, max_emoji=self.emoji_left).strip() if by != "notice" else slotted
        )
        self.emoji_left = max(0, self.emoji_left - len(_EMOJI.findall(polished)))
        text = realise(polished, self.values)
        piece = Sentence(self._place(slotted, text, by), by)
        self.parts.append(piece)
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


class Writer:
    """Writes answers. Without a generator every answer comes from the template."""

    def __init__(
        self,
        settings: Writing,
        generator: Generator | None,
        clock: Clock,
        *,
        layout: Layout = "compact",
    ) -> None:
        self._settings = settings
        self._generator = generator
        self._clock = clock
        self._layout: Layout = layout

    async def write(self, request: WriteRequest) -> AsyncGenerator[Sentence | Written]:
        """Yield sentences as they are ready and a `Written` at the end. Closing it cancels the model's work."""
        draft = _Draft(
            request=request,
            facts=facts_of(request),
            values=slot_values(request),
            parts=[],
            named=set(),
            emoji_left=self._settings.max_emoji,
        )
        for text in before_text(request):
            yield draft.add(text, "notice")
        rejected: list[str] = []
        reason: str | None = "llm_disabled" if self._generator is None else None
        if self._generator is not None:
            try:
                async with aclosing(self._model_sentences(request)) as sentences:
                    async for slotted in sentences:
                        faults = self._faults(slotted, draft)
                        if faults:
                            rejected.extend(faults)
                            if set(faults) <= _MAY_BE_LEFT_OUT and not self._named(slotted, draft):
                                continue
                            reason = f"rejected:{faults[0]}"
                            break
                        for piece in self._say(slotted, draft):
                            yield piece
            except OverloadedError:
                reason = "llm_overloaded"
            except (DeadlineError, TimeoutError):
                reason = "llm_late"
            except NaviyamError:
                reason = "llm_unavailable"
        for piece in self._finish(draft):
            yield piece
        draft.listing = False
        for text in after_text(request):
            yield draft.add(text, "notice")
        if (question := self._ending(draft)) is not None:
            yield draft.add(question, "notice")
        yield self._written(draft, reason, rejected)

    def _say(self, slotted: str, draft: _Draft) -> list[Sentence]:
        """Add a checked sentence of the model, and the notices its shop calls for."""
        named = self._named(slotted, draft)
        new = [i for i in named if i not in draft.named]
        pieces = [draft.add(slotted, "llm")]
        for i in named:
            draft.named.add(i)
            draft.current = i
        for i in new:
            pieces += [draft.add(t, "notice") for t in after_shop(draft.request, i)]
        return pieces

    def _named(self, slotted: str, draft: _Draft) -> tuple[int, ...]:
        return named_shops(slotted, len(draft.request.recommendations[:MAX_SHOWN]))

    def _faults(self, slotted: str, draft: _Draft) -> tuple[str, ...]:
        values = draft.values
        unknown = [m[0] for m in SLOT.finditer(slotted) if m[0] not in values]
        if unknown:
            return ("unknown_slot",)
        text = realise(slotted, values)
        if any(p.text.strip() == text.strip() for p in draft.parts):
            return ("repeated",)
        faults = violations(text, slotted, draft.facts, current=draft.current)
        if (
            not faults
            and self._layout == "compact"
            and made_up_words(slotted, draft.request.question)
        ):
            return ("fluency",)
        return faults

    def _finish(self, draft: _Draft) -> list[Sentence]:
        """Let the template say what the model did not: the shops not named yet."""
        request = draft.request
        count = len(request.recommendations[:MAX_SHOWN])
        missing = [i for i in range(1, count + 1) if i not in draft.named]
        if not missing:
            return []
        spoken = any(p.by == "llm" for p in draft.parts)
        sentences = compose_from(
            request, random.Random(request.seed), first_shop=missing[0] if spoken else 1
        )
        pieces = [draft.add(text, "template") for text in sentences]
        for i in missing:
            pieces += [draft.add(t, "notice") for t in after_shop(request, i)]
        return pieces

    def _ending(self, draft: _Draft) -> str | None:
        """Return the closing question, None where the model asked one already."""
        said = [p.text for p in draft.parts if p.by != "notice"]
        asked = len(said) > 1 and said[-1].endswith("?")
        return None if asked else ending(draft.request, random.Random(draft.request.seed))

    def _written(self, draft: _Draft, reason: str | None, rejected: list[str]) -> Written:
        by = {p.by for p in draft.parts} - {"notice"}
        written_by: WrittenBy = "mixed" if len(by) == 2 else "llm" if by == {"llm"} else "template"
        if written_by == "mixed" and reason is None:
            reason = "incomplete"
        opening = next((p.text.strip() for p in draft.parts if p.by != "notice"), "")
        return Written(
            text=draft.text(),
            written_by=written_by,
            degraded_reason=reason,
            rejected=tuple(rejected),
            opening=opening,
        )

    async def _model_sentences(self, request: WriteRequest) -> AsyncGenerator[str]:
        """Yield the model's sentences, still with slots, as soon as each is complete.

        Raises:
            DeadlineError: the first or the last token came too late.
        """
        assert self._generator is not None
        prompt = build_prompt(request, self._layout)
        started = self._clock.monotonic_s()
        limit_s = self._settings.first_token_timeout_s
        buffer = ""
        stream = self._generator.stream(
            prompt, adapter=request.adapter, request_id=request.request_id
        )
        iterator = aiter(stream)
        try:
            while True:
                left_s = limit_s - (self._clock.monotonic_s() - started)
                if left_s <= 0:
                    raise DeadlineError(f"the language model took more than {limit_s} s")
                try:
                    delta = await asyncio.wait_for(anext(iterator), left_s)
                except StopAsyncIteration:
                    break
                limit_s = self._settings.total_timeout_s
                buffer += delta
                *complete, buffer = split_sentences(buffer)
                for sentence in complete:
                    yield sentence
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        if _ENDED.search(buffer):
            yield buffer.strip()


def split_sentences(text: str) -> list[str]:
    """Split at sentence ends, an emoji staying with the sentence before it; the last item is the open rest.

    >>> split_sentences("치킨 좋죠! 🍗 @1은 $1이에요. 어디")
    ['치킨 좋죠! 🍗', '@1은 $1이에요.', ' 어디']
    >>> split_sentences("좋아요!")
    ['좋아요!']
    """
    done: list[str] = []
    at = 0
    while match := _COMPLETE.match(text, at):
        done.append(match[1].strip())
        at = match.end()
    return [*[d for d in done if d], text[at:]]
