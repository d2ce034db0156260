"""One turn over ports: eight timed stages, typed events out. Knows no runtime and holds no state between turns.

Order: the safety screen, then the understanding, then what the intent calls for: fixed words, one shop's facts, or
search, ranking and writing. The recommendations leave before the first word of the text. A part that fails degrades
the answer and says why; only a stale catalogue version is raised, before anything was shown, for the caller to try
again on newer data.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from hashlib import blake2b

from naviyam.arms import NO_ARMS, SERVING, candidate_of
from naviyam.catalog.store import Catalog
from naviyam.clock import Clock
from naviyam.conversation import Turns
from naviyam.dialogue import replies
from naviyam.dialogue.answers import Answers, World
from naviyam.dialogue.decide import Decision, Spoken
from naviyam.dialogue.finder import Finder
from naviyam.dialogue.masked import masked
from naviyam.dialogue.ports import (
    EventSink,
    FunnelSource,
    Memory,
    Profiles,
    Ranker,
    Retriever,
    Understander,
)
from naviyam.dialogue.records import Heard, ask_event, metadata_of, serving, turn_event
from naviyam.dialogue.remember import remember
from naviyam.dialogue.trace import Trace
from naviyam.dialogue.turn import (
    Ask,
    Delta,
    Done,
    Event,
    Recommendations,
    Recommended,
    Turn,
    Understood,
)
from naviyam.errors import NaviyamError
from naviyam.feedback.events import InteractionEvent
from naviyam.nlg.brief import WriteRequest
from naviyam.nlg.draft import Sentence
from naviyam.nlg.writer import Writer
from naviyam.nlu.rules import screened
from naviyam.request import Understanding, UserProfile
from naviyam.safety.screen import InputVerdict, Screen
from naviyam.settings import Settings
from naviyam.spans import NO_SPANS, Spans

ANONYMOUS = "anonymous"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a turn needs from outside."""

    understander: Understander
    retriever: Retriever
    funnels: FunnelSource
    ranker: Ranker
    memory: Memory
    profiles: Profiles
    events: EventSink
    writer: Writer
    screen: Screen | None = None
    """None screens by the rules alone."""

    spans: Spans = NO_SPANS


class Pipeline:
    """Runs turns over one version of the data; a new version is a new pipeline.

    Args:
        ports: the stages' implementations.
        world: the catalogue and what is derived from it, of the version that the ports hold.
        versions: names of what serves, for metadata and the log (`catalogue`, `index`, `ranker`, `llm`, `adapter`).
    """

    def __init__(
        self,
        ports: Ports,
        world: World,
        *,
        settings: Settings,
        clock: Clock,
        versions: Mapping[str, str],
    ) -> None:
        self.versions = versions
        self._ports = ports
        self._clock = clock
        self._screen = ports.screen or Screen(settings.safety)
        self._plain = Writer(settings.writing, None, clock)
        finder = Finder(
            retriever=ports.retriever,
            funnels=ports.funnels,
            ranker=ports.ranker,
            catalog=world.catalog,
            arm_timeout_s=settings.rollout.arm_timeout_s,
        )
        self._adapter = settings.llm.adapter
        self._answers = Answers(world, finder, settings=settings)

    @property
    def catalog(self) -> Catalog:
        """The catalogue that this pipeline answers from."""
        return self._answers.world.catalog

    async def run(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer one message: `Understood`, `Recommended`, `Delta`s, `Done`. Closing it cancels the writing.

        Raises:
            StaleVersionError: before `Recommended`, when a part holds another catalogue version.
        """
        trace = Trace.start(self._clock, turn.received_s, self._ports.spans)
        with trace.stage("orchestrate"):
            profile, turns = await asyncio.gather(
                self._profile(turn.user_id), self._memory(turn, trace)
            )
            rng = random.Random(seed_of(turn.interaction_id))
            trace.arms = turn.arms if profile.consent else NO_ARMS
        with trace.stage("preprocess"):
            verdict = self._screen.judge(turn.message, turns.need_signs)
        with trace.stage("understand"):
            understanding = await self._understand(turn.message, turns, verdict)
        yield Understood(understanding)
        decision = await self._answers.decide(
            turn, understanding, verdict, turns=turns, profile=profile, trace=trace, rng=rng
        )
        yield Recommended(decision.shown)
        spoken = Spoken()
        with trace.stage("write"):
            async with aclosing(self._speak(decision, spoken, trace)) as pieces:
                async for piece in pieces:
                    yield piece
        with trace.stage("respond"):
            kept = masked(decision.understanding, turn.message)
            await self._remember(turn, decision, turns, spoken, trace, verdict, kept)
            versions = serving(self.versions, spoken, decision.found)
            heard = Heard(understanding=understanding, shown=len(turns.last_shown))
            now = self._clock.now()
            event = turn_event(turn, heard, decision, spoken, trace, versions, now, kept=kept)
            recorded = await self._record(event, profile, decision)
        metadata = metadata_of(decision, spoken, trace, versions, recorded=recorded)
        yield Done(
            interaction_id=turn.interaction_id,
            session_id=turn.session_id,
            response=spoken.text,
            recommendations=decision.shown,
            confidence=confidence(decision),
            response_time_s=trace.elapsed_s(),
            metadata=metadata,
        )

    async def recommend(self, ask: Ask) -> Recommendations:
        """Answer a call for recommendations: the same search and order as a turn, no text written.

        Raises:
            StaleVersionError: a part holds another catalogue version.
        """
        trace = Trace.start(self._clock, ask.received_s, self._ports.spans)
        with trace.stage("orchestrate"):
            profile = await self._asked(ask)
            trace.arms = ask.arms if profile.consent else NO_ARMS
        with trace.stage("preprocess"):
            verdict = self._screen.judge(ask.query)
        with trace.stage("understand"):
            understanding = await self._understand(ask.query, Turns(), verdict)
            if ask.filters is not None:
                understanding = replace(understanding, filters=ask.filters, decided_by="request")
        decision = await self._answers.decide_ask(
            ask, understanding, verdict, profile=profile, trace=trace
        )
        with trace.stage("respond"):
            versions = serving(self.versions, Spoken(), decision.found)
            event = ask_event(ask, decision, trace, versions, self._clock.now())
            recorded = await self._record(event, profile, decision)
        explanations = [" · ".join(r.reasons) for r in decision.shown]
        return Recommendations(
            interaction_id=ask.interaction_id,
            query=ask.query,
            recommendations=decision.shown,
            explanations=tuple(explanations or [decision.text or ""]),
            metadata=metadata_of(decision, Spoken(), trace, versions, recorded=recorded),
        )

    async def understand(self, text: str, *, user_id: str, session_id: str) -> Understanding:
        """Return stages 3 and 4 alone; nothing is kept."""
        turns = await self._ports.memory.load(user_id, session_id)
        verdict = self._screen.judge(text, turns.need_signs)
        return await self._understand(text, turns, verdict)

    async def _understand(self, text: str, turns: Turns, verdict: InputVerdict) -> Understanding:
        """Return what a message wants; of one that the screen stopped, what the screen says."""
        if verdict.kind != "ok":
            return screened(text, verdict)
        return await self._ports.understander.understand(text, turns)

    async def _speak(
        self, decision: Decision, spoken: Spoken, trace: Trace
    ) -> AsyncGenerator[Delta, None]:
        if decision.write is None:
            spoken.text = spoken.opening = decision.text or replies.TROUBLE
            yield Delta(spoken.text)
            return
        version = candidate_of(trace.arms, "adapter")
        write = replace(
            decision.write,
            adapter=None if version is None else f"{self._adapter}@{version}",
            variant=candidate_of(trace.arms, "prompt"),
        )
        try:
            async with aclosing(self._written(self._ports.writer, write, spoken)) as said:
                async for piece in said:
                    yield piece
            trace.arm_errors += spoken.arm_errors
        except Exception as e:
            _logger.exception("writing %s failed", decision.write.request_id)
            trace.spans.error(e)
            trace.problems.append("writer_failed")
            if spoken.text:  # what was said stands; it was checked sentence by sentence
                return
            async with aclosing(self._written(self._plain, decision.write, spoken)) as said:
                async for piece in said:
                    yield piece

    async def _written(
        self, writer: Writer, request: WriteRequest, spoken: Spoken
    ) -> AsyncGenerator[Delta, None]:
        async with aclosing(writer.write(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Sentence):
                    spoken.text += piece.text
                    yield Delta(piece.text)
                else:
                    spoken.text, spoken.written_by = piece.text, piece.written_by
                    spoken.degraded_reason, spoken.opening = piece.degraded_reason, piece.opening
                    spoken.rejected, spoken.told = piece.rejected, piece.told
                    spoken.adapter, spoken.prompt = piece.adapter, piece.variant or SERVING
                    spoken.arm_errors = piece.arm_errors

    async def _profile(self, user_id: str) -> UserProfile:
        """Return what may be used of a user: without consent a nobody, whom no history knows."""
        profile = await self._ports.profiles.get(user_id)
        if profile is None:
            return UserProfile(user_id=user_id)
        return profile if profile.consent else UserProfile(user_id=ANONYMOUS, consent=False)

    async def _asked(self, ask: Ask) -> UserProfile:
        """Return a caller's profile under the store's id; a caller may take consent back, never give it."""
        known = await self._profile(ask.user_id)
        if ask.profile is None:
            return known
        consent = known.consent and ask.profile.consent
        user_id = known.user_id if consent else ANONYMOUS
        return replace(ask.profile, user_id=user_id, consent=consent)

    async def _memory(self, turn: Turn, trace: Trace) -> Turns:
        try:
            return await self._ports.memory.load(turn.user_id, turn.session_id)
        except (NaviyamError, OSError) as e:
            _logger.warning("memory is not there: %s", e)
            trace.problems.append("memory_unavailable")
            return Turns()

    async def _remember(
        self,
        turn: Turn,
        decision: Decision,
        turns: Turns,
        spoken: Spoken,
        trace: Trace,
        verdict: InputVerdict,
        kept: Understanding,
    ) -> None:
        turns = remember(
            turns,
            understanding=kept,
            filters=decision.filters,
            shown=decision.shown,
            opening=spoken.opening,
            place=decision.named_place,
            searched=decision.searched,
            need_signs=verdict.signs,
        )
        try:
            await self._ports.memory.save(turn.user_id, turn.session_id, turns)
        except (NaviyamError, OSError) as e:
            _logger.warning("memory was not kept: %s", e)
            trace.problems.append("memory_unavailable")

    async def _record(
        self, event: InteractionEvent, profile: UserProfile, decision: Decision
    ) -> bool:
        """Write the interaction, unless the user agreed to nothing being kept; a full disk costs no answer."""
        try:
            if decision.help_kind is not None:
                await self._ports.events.operator(
                    {
                        "recorded_at": event.time.isoformat(),
                        "kind": "help_needed",
                        "help_kind": decision.help_kind,
                        "interaction_id": event.interaction_id,
                    }
                )
            if not profile.consent:
                return False
            await self._ports.events.interaction(event.to_record())
        except (NaviyamError, OSError) as e:
            _logger.error("interaction %s was not recorded: %s", event.interaction_id, e)
            return False
        return True


def seed_of(interaction_id: str) -> int:
    """Return the seed that varies the wording of an answer, the same for the same interaction."""
    return int.from_bytes(blake2b(interaction_id.encode(), digest_size=6).digest())


def confidence(decision: Decision) -> float:
    """Return how sure the answer is: the understanding's confidence, with shops its mean with the best one's score."""
    sure = decision.understanding.confidence
    if not decision.searched or not decision.shown:
        return sure
    return (sure + max(r.score for r in decision.shown)) / 2
