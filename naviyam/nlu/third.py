"""Stage 4's third layer at work: the language model is asked where rules and classifier are unsure, and may be late.

Whatever goes wrong with it (off, overloaded, late, an answer that is refused), the other layers' understanding stands. Only messages
that the screen let through come here, and what the others read as a call for help is not put to it.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Protocol

from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.ids import new_id
from naviyam.nlu.layers import Considered, LayeredUnderstander, plausible
from naviyam.nlu.llm import Proposal, added, build_prompt, parse
from naviyam.nlu.rules import WITHOUT_FILTERS
from naviyam.request import Intent, Understanding
from naviyam.settings import Nlu

_log = logging.getLogger(__name__)


class Reader(Protocol):
    """The language model with its `nlu` adapter: a prompt to one JSON answer of `llm.schema`. Being cancelled cancels the work."""

    async def read(self, prompt: str, *, request_id: str) -> str: ...


class ScriptedReader:
    """Answers what it is told to, raises it, or (None) never answers; ships for tests and replays."""

    def __init__(self, answer: str | Exception | None) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.cancelled = 0

    async def read(self, prompt: str, *, request_id: str) -> str:
        """Note the prompt and do so."""
        self.asked.append(prompt)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return str(self.answer)


class ThirdLayer:
    """All three layers. Without a reader it is the first two."""

    def __init__(
        self, layers: LayeredUnderstander, reader: Reader | None, settings: Nlu, clock: Clock
    ) -> None:
        self._layers = layers
        self._reader = reader
        self._settings = settings
        self._clock = clock
        self._quiet_until_s = 0.0

    async def understand(self, text: str, turns: Turns) -> Understanding:
        """Return the understanding; `decided_by` is "llm" where the model's intent or filters made it."""
        considered = self._layers.consider(text, turns)
        if self._reader is None or not asks(considered, self._settings.ask_llm_below):
            return considered.understanding
        if self._clock.monotonic_s() < self._quiet_until_s:
            return considered.understanding
        proposal = await self._ask(self._reader, build_prompt(text, turns))
        return merge(self._layers, considered, turns, proposal, self._settings)

    async def _ask(self, reader: Reader, prompt: str) -> Proposal | None:
        """Return the proposal, or None and leave the model alone for a while: what is late now is late for the next child too."""
        try:
            answer = await asyncio.wait_for(
                reader.read(prompt, request_id=new_id("nlu", self._clock.now())),
                self._settings.llm_timeout_s,
            )
        except Exception as e:  # whatever it is, the child is answered without it
            _log.info("the language model did not read a message: %r", type(e).__name__)
            self._quiet_until_s = self._clock.monotonic_s() + self._settings.llm_pause_s
            return None
        return parse(answer)


def asks(considered: Considered, below: float) -> bool:
    """Tell whether the model is to be asked: the others are unsure, and nothing calls for help."""
    found = considered.understanding
    return found.intent is not Intent.HELP_NEEDED and considered.confidence < below


def merge(
    layers: LayeredUnderstander,
    considered: Considered,
    turns: Turns,
    proposal: Proposal | None,
    settings: Nlu,
) -> Understanding:
    """Return what holds after the model spoke; it was asked only below its own confidence, so its intent wins where it is plausible."""
    first, reading = considered.understanding, considered.reading
    if proposal is None or not plausible(proposal.intent, first):
        return first
    found = first
    if proposal.intent is not first.intent:
        decided = Understanding(
            intent=proposal.intent, confidence=settings.ask_llm_below, decided_by="llm"
        )
        found = layers.rules.express(reading, turns, decided)
    if settings.llm_filters and found.intent not in WITHOUT_FILTERS:
        filters = added(proposal.filters, found.filters, reading.findings.text)
        if filters != found.filters:
            return replace(found, filters=filters, decided_by="llm")
    return found
