"""Stage 7: turns recommendations into checked sentences, streamed as they come.

The language model writes over slots; each sentence is filled, checked against the facts and polished before it
leaves. When the model is late, full, dead or wrong, the template writer finishes the answer, and `Written` says why.
What must be said whatever the model writes (unknown card, unknown hours, over the limit, allergies, loosened wishes)
is said by fixed notices.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from naviyam.arms import Layer
from naviyam.clock import Clock
from naviyam.errors import DeadlineError, NaviyamError, NotFoundError, OverloadedError
from naviyam.nlg import style
from naviyam.nlg.brief import (
    MAX_SHOWN,
    SLOT,
    Situation,
    WriteRequest,
    realise,
    slot_values,
    spoken_values,
)
from naviyam.nlg.draft import Draft, Sentence
from naviyam.nlg.fluency import impolite, unknown_pairs
from naviyam.nlg.generator import Generator, Piece, closing
from naviyam.nlg.grounding import facts_of, named_shops, violations
from naviyam.nlg.notices import (
    after_shop,
    after_text,
    answers_card_first,
    asks_place,
    before_text,
    card_answer,
)
from naviyam.nlg.prompt import build_prompt
from naviyam.nlg.sentences import has_ended, split_sentences
from naviyam.nlg.template import compose_from, ending, opening
from naviyam.nlg.wording import off_theme
from naviyam.settings import Writing

_logger = logging.getLogger(__name__)
_MAY_BE_LEFT_OUT = {
    "repeated", "fluency", "off_theme", "open", "meal_card", "good_influence", "cheap", "near", "saved", "price_known", "impolite",
}  # fmt: skip
"""Faults of form and claims: such a sentence is left out, if it names no shop. Any other ends the model's part."""

_LISTING = {Situation.RECOMMEND, Situation.CHEAPER, Situation.OTHERS}

WrittenBy = Literal["llm", "template", "mixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The end of an answer: the whole text and how it came about."""

    text: str
    written_by: WrittenBy
    degraded_reason: str | None = None
    rejected: tuple[str, ...] = ()
    """Why sentences of the model were held back, one entry per reason."""

    opening: str = ""
    adapter: str = ""
    """What wrote, where the generator told it."""
    variant: str | None = None
    """Of `writing.variants`, where it was written by one."""
    arm_errors: tuple[Layer, ...] = ()
    """Layers whose candidate failed, so that what serves wrote."""
    told: tuple[str, ...] = ()
    """The answer as a model is to write it: sentences over slots, without notices."""


class Writer:
    """Writes answers. Without a generator every answer comes from the template."""

    def __init__(self, settings: Writing, generator: Generator | None, clock: Clock) -> None:
        self._settings = settings
        self._generator = generator
        self._clock = clock

    async def write(self, request: WriteRequest) -> AsyncGenerator[Sentence | Written]:
        """Yield sentences as they are ready and a `Written` at the end. Closing it cancels the model's work."""
        draft = Draft(
            request=request,
            facts=facts_of(request),
            values=spoken_values(request),
            parts=[],
            named=set(),
            settings=self._settings,
        )
        self._choose_arms(draft)
        for text in before_text(request):
            yield draft.add(text, "notice")
        if answers_card_first(request):
            yield draft.add(card_answer(request), "notice")
            draft.current = 1
        rejected: list[str] = []
        reason: str | None = "llm_disabled" if self._generator is None else None
        if self._generator is not None:
            try:
                async with aclosing(self._model_sentences(draft)) as sentences:
                    async for written in sentences:
                        slotted = draft.said(written)
                        faults = self._faults(written, slotted, draft)
                        if faults:
                            rejected.extend(faults)
                            if set(faults) <= _MAY_BE_LEFT_OUT and not self._named(slotted, draft):
                                continue
                            reason = f"rejected:{faults[0]}"
                            break
                        for piece in self._say(written, slotted, draft):
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
        if request.situation not in _LISTING:
            for text in after_shop(request, 1):
                yield draft.add(text, "notice")
        for text in after_text(request, draft.text()):
            if text not in draft.text():
                yield draft.add(text, "notice")
        if (question := self._ending(draft)) is not None:
            yield draft.add(question, "notice")
        yield self._written(draft, reason, rejected)

    def _choose_arms(self, draft: Draft) -> None:
        """Settle how this answer is written; an arm that cannot be had is noted and what serves writes."""
        request = draft.request
        try:
            draft.settings = self._settings.varied(request.variant)
            draft.variant = request.variant
        except NotFoundError as e:
            _logger.warning("prompt %s failed: %s", request.variant, e)
            draft.arm_errors.append("prompt")
        if request.adapter is not None and self._generator is None:
            draft.arm_errors.append("adapter")
        draft.emoji_left = draft.settings.max_emoji

    def _say(self, written: str, slotted: str, draft: Draft) -> list[Sentence]:
        """Add a checked sentence of the model, and the notices its shop calls for."""
        named = self._named(slotted, draft)
        new = [i for i in named if i not in draft.named]
        pieces = []
        if named and not draft.opening and draft.request.situation in _LISTING:
            rng = random.Random(draft.request.seed)
            first = opening(draft.request, slot_values(draft.request), rng)
            draft.told.append(first)
            pieces.append(draft.open(first))
        draft.told.append(written)
        pieces.append(draft.add(slotted, "llm"))
        for i in named:
            draft.named.add(i)
            draft.current = i
        for i in new if draft.request.situation in _LISTING else ():
            pieces += [draft.add(t, "notice") for t in after_shop(draft.request, i)]
        return pieces

    def _named(self, slotted: str, draft: Draft) -> tuple[int, ...]:
        return named_shops(slotted, len(draft.request.recommendations[:MAX_SHOWN]))

    def _faults(self, written: str, slotted: str, draft: Draft) -> tuple[str, ...]:
        values = draft.values
        unknown = [m[0] for m in SLOT.finditer(slotted) if m[0] not in values]
        if unknown:
            return ("unknown_slot",)
        text = realise(slotted, values)
        if any(p.text.strip() == text.strip() for p in draft.parts):
            return ("repeated",)
        faults = violations(text, slotted, draft.facts, current=draft.current)
        if not faults and impolite(text):
            faults = ("impolite",)
        if faults or draft.settings.layout != "compact":
            return faults
        if unknown_pairs(written):
            return ("fluency",)
        return ("off_theme",) if off_theme(written, draft.request) else ()

    def _finish(self, draft: Draft) -> list[Sentence]:
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
        pieces: list[Sentence] = []
        for text in sentences:
            named = self._named(text, draft)
            if named != (draft.current,):
                pieces += self._after_current(draft, missing)
            draft.told.append(text)
            pieces.append(draft.add(draft.said(text), "template"))
            draft.current = next(iter(named), draft.current)
        return pieces + self._after_current(draft, missing)

    def _after_current(self, draft: Draft, missing: list[int]) -> list[Sentence]:
        """Add the notices of the shop last named, if the template named it just now."""
        if draft.current not in missing or draft.request.situation not in _LISTING:
            return []
        missing.remove(draft.current)
        return [draft.add(t, "notice") for t in after_shop(draft.request, draft.current)]

    def _ending(self, draft: Draft) -> str | None:
        """Return the closing question, None where the model asked one already."""
        if asks_place(draft.request):
            return style.NOTICE_PLACE
        told = [p.text for p in draft.parts if p.by != "notice"]
        asked = len(told) > 1 and told[-1].endswith("?")
        return None if asked else ending(draft.request, random.Random(draft.request.seed))

    def _written(self, draft: Draft, reason: str | None, rejected: list[str]) -> Written:
        by = {p.by for p in draft.parts} - {"notice"}
        written_by: WrittenBy = "mixed" if len(by) == 2 else "llm" if by == {"llm"} else "template"
        if written_by != "llm" and reason is None:
            reason = "incomplete"
        return Written(
            text=draft.text(),
            written_by=written_by,
            degraded_reason=reason,
            rejected=tuple(rejected),
            opening=draft.opening,
            adapter=draft.adapter,
            variant=draft.variant,
            arm_errors=tuple(draft.arm_errors),
            told=tuple(draft.told),
        )

    async def _model_sentences(self, draft: Draft) -> AsyncGenerator[str]:
        """Yield the model's sentences, still with slots, as soon as each is complete; note who writes them.

        Raises:
            DeadlineError: the first or the last token came too late.
        """
        started = self._clock.monotonic_s()
        limit_s = self._settings.first_token_timeout_s
        buffer = ""
        stream = self._stream(draft)
        iterator = aiter(stream)
        async with closing(stream):
            while True:
                left_s = limit_s - (self._clock.monotonic_s() - started)
                if left_s <= 0:
                    raise DeadlineError(f"the language model took more than {limit_s} s")
                try:
                    delta = await asyncio.wait_for(anext(iterator), left_s)
                except StopAsyncIteration:
                    break
                if not isinstance(delta, str):
                    draft.note(delta)
                    continue
                limit_s = self._settings.total_timeout_s
                buffer += delta
                *complete, buffer = split_sentences(buffer)
                for sentence in complete:
                    yield sentence
        if has_ended(buffer):
            yield buffer.strip()

    def _stream(self, draft: Draft) -> AsyncIterator[Piece]:
        assert self._generator is not None
        request, more = draft.request, {}
        if draft.variant is not None:
            sampling = self._settings.variants[draft.variant].sampling()
            more = {"overrides": sampling} if sampling else {}
        return self._generator.stream(
            build_prompt(request, draft.settings.layout),
            adapter=request.adapter,
            request_id=request.request_id,
            **more,
        )
