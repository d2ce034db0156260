"""The service behind the routes: gates, pseudonyms, deadlines, a second try on newer data. No HTTP, no Ray.

User ids become pseudonyms here; nothing behind this module sees what a caller sent as `user_id`. `space` is whose ids they are
(`cluster.access.keys.ApiKey.users`): the same id in two spaces is two users.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from cluster.rollout.traffic import Traffic
from cluster.telemetry.instruments import NoMeter
from cluster.telemetry.request import hide
from cluster.telemetry.tracer import NO_TRACER, Tracer
from cluster.traffic_file import published_traffic
from deployments.access.desk import Desk
from deployments.deadline import Deadline
from deployments.failures import Failures, code_of
from deployments.limits import Gate
from deployments.metrics import ServiceMetrics
from deployments.observed import Observer, attributes_of
from deployments.protocol import (
    ChatRequest,
    FeedbackRequest,
    ProfileIn,
    RecommendRequest,
    UnderstandRequest,
    parse_filters,
    profile_out,
    shop_out,
)
from deployments.runtime import Runtime
from deployments.state import State
from deployments.traffic import Prepare, TrafficTable
from deployments.versioned import Versioned
from naviyam.arms import Layer
from naviyam.clock import Clock
from naviyam.dialogue.turn import Ask, Done, Event, Failed, Recommendations, Turn, Understood
from naviyam.errors import (
    DeadlineError,
    InputError,
    NotFoundError,
    StaleVersionError,
)
from naviyam.feedback.events import FeedbackEvent
from naviyam.ids import check_id, new_id, pseudonym
from naviyam.request import Understanding
from naviyam.settings import Settings
from naviyam.text.personal import mask

Probe = Callable[[], Awaitable[str]]
"""Says how a part is: `ok`, `disabled` or why not."""

_ATTEMPTS = 2
_LATE = "답을 만드는 데 시간이 너무 걸려요. 조금 뒤에 다시 말해 줄래요?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A feedback that is on disk, or was not to be kept (`collected` False: no consent)."""

    feedback_id: str
    duplicate: bool
    collected: bool


class ChatService:
    """One process's service over hot-swapped runtimes.

    Args:
        runtimes: the current runtime and the one before.
        state: memory, profiles and the event log.
        probes: readiness by part (`index`, `ranker`, `llm`).
        adapter: says what the language model writes with; None where it is what the settings name.
        adapter_ready: waits for a candidate of the adapter to be loaded.
        replica: the name of this process, where there are several.
        metrics: counts for Prometheus; None counts nothing.
        tracer: draws traces.
    """

    def __init__(
        self,
        runtimes: Versioned[Runtime],
        state: State,
        *,
        settings: Settings,
        clock: Clock,
        probes: Mapping[str, Probe],
        adapter: Probe | None = None,
        adapter_ready: Prepare | None = None,
        replica: str = "local",
        metrics: ServiceMetrics | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        serving = settings.serving
        self.settings = settings
        self.clock = clock
        self.runtimes = runtimes
        self._tracer = tracer
        self._state = state
        self._probes = probes
        self._adapter = adapter
        prepare: dict[Layer, Prepare] = {"ranker": self._ranker_ready}
        if adapter_ready is not None:
            prepare["adapter"] = adapter_ready
        self._metrics = ServiceMetrics(NoMeter()) if metrics is None else metrics
        self.traffic = TrafficTable(prepare, told=self._metrics.traffic)
        self._metrics.traffic(self.traffic.held.revision)
        self.replica = replica
        self._failures = Failures(state, clock)
        self._deadline = Deadline(clock)
        self._chats = Gate(
            serving.max_concurrent_chats,
            retry_after_s=serving.retry_after_s,
            refused=partial(self._metrics.refused, "chats"),
            inside=partial(self._metrics.inside, "chats"),
        )
        self._others = Gate(
            serving.ingress.max_ongoing_requests,
            retry_after_s=serving.retry_after_s,
            refused=partial(self._metrics.refused, "others"),
            inside=partial(self._metrics.inside, "others"),
        )

    def observer(self, *, echoes: bool) -> Observer:
        """Return what is told of every HTTP request."""
        return Observer(
            tracer=self._tracer, clock=self.clock, http=self._metrics.http, echoes=echoes
        )

    async def events(self, request: ChatRequest, space: str = "") -> AsyncGenerator[Event, None]:
        """Answer a message as events; the last is `Done` or, after the deadline, `Failed`. Closing it cancels.

        Raises:
            OverloadedError, InputError: before the first event.
        """
        received_s = self.clock.monotonic_s()
        hide(request.message, request.session_id or "")
        limit = self.settings.serving.max_message_chars
        if len(request.message) > limit:
            raise InputError(
                f"the message has {len(request.message)} characters, the limit is {limit}; shorten it",
                field="message",
            )
        now = self.clock.now()
        user_id = self.pseudonym(request.user_id, space)
        turn = Turn(
            interaction_id=new_id("i", now),
            user_id=user_id,
            arms=self.traffic.arms(user_id),
            session_id=request.session_id or new_id("s", now),
            message=request.message,
            context=request.context.to_domain(now),
            received_s=received_s,
        )
        with self._chats.enter():
            try:
                async with aclosing(self._timed(turn)) as events:
                    async for event in events:
                        if isinstance(event, Failed):
                            await self._failed(turn, event.code)
                        if isinstance(event, Done):
                            self._answered(turn, event)
                        yield event
            except Exception as e:
                await self._failed(turn, code_of(e))
                raise

    async def chat(self, request: ChatRequest, space: str = "") -> Done:
        """Answer a message in one piece.

        Raises:
            DeadlineError: the time for a request ran out.
        """
        async with aclosing(self.events(request, space)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event
                if isinstance(event, Failed):
                    raise DeadlineError(event.message)
        raise DeadlineError(_LATE)

    async def recommend(self, request: RecommendRequest, space: str = "") -> Recommendations:
        """Answer a call for recommendations.

        Raises:
            DeadlineError: the time for a request ran out.
        """
        received_s, now = self.clock.monotonic_s(), self.clock.now()
        hide(request.query or "")
        user_id = self.pseudonym(request.user_id, space)
        given = request.understanding
        ask = Ask(
            interaction_id=new_id("i", now),
            user_id=user_id,
            arms=self.traffic.arms(user_id),
            context=request.context.to_domain(now),
            received_s=received_s,
            query=request.query or (given.semantic_query if given is not None else ""),
            filters=None if given is None else parse_filters(given.filters),
            profile=None
            if request.user_profile is None
            else request.user_profile.to_domain(user_id),
            top_k=request.top_k,
            exclude_shop_ids=tuple(request.exclude),
        )
        with self._others.enter():
            try:
                found = await self._recommended(ask)
            except Exception as e:
                await self._failed(ask, code_of(e))
                raise
        self._answered(ask, found)
        return found

    async def understand(self, request: UnderstandRequest, space: str = "") -> Understanding:
        """Answer stages 3 and 4 alone."""
        hide(request.text, request.session_id or "")
        limit = self.settings.serving.max_message_chars
        if len(request.text) > limit:
            raise InputError(
                f"the text has {len(request.text)} characters, the limit is {limit}; shorten it",
                field="text",
            )
        with self._others.enter():
            return await self.runtimes.current.pipeline.understand(
                request.text,
                user_id=self.pseudonym(request.user_id or "nobody", space),
                session_id=request.session_id or "none",
            )

    async def feedback(self, request: FeedbackRequest, space: str = "") -> Accepted:
        """Record a feedback; returns when it is on disk.

        Raises:
            NotFoundError: the shop is in no catalogue that serves.
        """
        hide(request.user_id, request.review_text or "")
        if not any(request.shop_id in r.catalog.row_of for r in self.runtimes.all):
            raise NotFoundError(f"no shop {request.shop_id} in the catalogue")
        user_id, now = self.pseudonym(request.user_id, space), self.clock.now()
        event = FeedbackEvent(
            user_id=user_id,
            shop_id=request.shop_id,
            feedback_type=request.feedback_type,
            recorded_at=now,
            happened_at=request.timestamp or now,
            interaction_id=request.interaction_id,
            satisfaction_score=request.satisfaction_score,
            review_text=None if request.review_text is None else mask(request.review_text),
            order_amount_won=request.order_amount_won,
            actual_visit=request.actual_visit,
            idempotency_key=request.idempotency_key,
            simulated=request.simulated,
        )
        record = event.to_record()
        profile = await self._state.profiles.get(user_id)
        if profile is not None and not profile.consent:
            return Accepted(feedback_id=record["feedback_id"], duplicate=False, collected=False)
        with self._others.enter():
            duplicate = await self._state.events.feedback(record)
        self._metrics.feedback(
            request.feedback_type, duplicate=duplicate, simulated=request.simulated
        )
        return Accepted(feedback_id=record["feedback_id"], duplicate=duplicate, collected=True)

    def shop(self, shop_id: str) -> dict[str, Any]:
        """Return a shop and its menus.

        Raises:
            NotFoundError: there is no such shop.
        """
        catalog = self.runtimes.current.catalog
        row = catalog.row_of.get(check_id(shop_id, field="shop_id"))
        if row is None or catalog.alcohol[row]:
            raise NotFoundError(f"no shop {shop_id} in the catalogue")
        return shop_out(catalog, row, self.clock)

    async def user(self, user_id: str, space: str = "") -> dict[str, Any]:
        """Return what is known of a user.

        Raises:
            NotFoundError: nothing is.
        """
        own = self.pseudonym(user_id, space)
        if not await self._state.profiles.exists(own):
            raise NotFoundError(f"no user {user_id}; PUT /users/{user_id} makes a profile")
        return profile_out(user_id, await self._state.profiles.get(own))

    async def put_user(self, user_id: str, profile: ProfileIn, space: str = "") -> dict[str, Any]:
        """Replace a profile; without consent what was remembered goes too."""
        own = self.pseudonym(user_id, space)
        await self._state.profiles.put(profile.to_domain(own))
        if not profile.consent:
            await self._state.memory.forget(own)
        return await self.user(user_id, space)

    async def forget(self, user_id: str, space: str = "") -> None:
        """Remove a user from profile, memory and log. Idempotent; a user nobody knows is removed as well."""
        own = self.pseudonym(user_id, space)
        await self._state.events.forget(own, at=self.clock.now())
        await self._state.profiles.forget(own)
        await self._state.memory.forget(own)

    async def readiness(self) -> dict[str, str]:
        """Return how each part is."""
        names = list(self._probes)
        states = await asyncio.gather(*(self._probes[n]() for n in names))
        return dict(zip(names, states, strict=True))

    async def versions(self) -> dict[str, str]:
        """Return the versions of everything that serves."""
        versions = dict(self.runtimes.current.pipeline.versions)
        if self._adapter is not None:
            versions["adapter"] = await self._adapter()
        return versions

    def take(self, user_config: Mapping[str, Any]) -> bool:
        """Take `{"traffic": {"revision", "splits"}}` as Serve hands it over; return whether it was newer than what is held.

        Raises:
            InputError: the shape is another one.
        """
        return self.traffic.take(Traffic.parse(user_config.get("traffic") or {}))

    async def watch(self) -> None:
        """Follow new versions and new traffic until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.runtimes.watch())
            group.create_task(self.traffic.follow(lambda: published_traffic(self.settings)))

    async def _ranker_ready(self, version: str) -> None:
        await self.runtimes.current.ranker.prepare(version)

    def close(self) -> None:
        """Write what waits to disk, and send what was traced."""
        self._tracer.close()
        self._state.close()

    async def _recommended(self, ask: Ask) -> Recommendations:
        try:
            async with asyncio.timeout(self.settings.serving.request_timeout_s):
                try:
                    return await self.runtimes.current.pipeline.recommend(ask)
                except StaleVersionError:
                    await self.runtimes.poll()
                    return await self.runtimes.current.pipeline.recommend(ask)
        except TimeoutError as e:
            raise DeadlineError("the search took too long; try again") from e

    async def _failed(self, asked: Turn | Ask, code: str | None) -> None:
        """Note a request that was let in and got no answer."""
        if code is not None:
            self._metrics.failed(_route(asked), code, simulated=asked.context.simulated)
        await self._failures.record(asked, code, self.runtimes.current.pipeline.versions)

    def _answered(self, asked: Turn | Ask, given: Done | Recommendations) -> None:
        """Count an answer."""
        self._tracer.note("", attributes_of(given.metadata))
        self._metrics.answered(
            _route(asked),
            given.metadata,
            self.clock.monotonic_s() - asked.received_s,
            simulated=asked.context.simulated,
        )

    def _timed(self, turn: Turn) -> AsyncGenerator[Event, None]:
        serving = self.settings.serving
        late = Failed(code="timeout", message=_LATE, retry_after_s=serving.retry_after_s)
        limit_s = serving.request_timeout_s
        return self._deadline.keep(self._attempts(turn), turn.received_s + limit_s, late)

    async def _attempts(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Run the turn; where a part held other data, once more on the newest, telling the understanding once."""
        told = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with aclosing(self.runtimes.current.pipeline.run(turn)) as events:
                    async for event in events:
                        if isinstance(event, Understood):
                            if told:
                                continue
                            told = True
                        yield event
                return
            except StaleVersionError:
                if attempt == _ATTEMPTS:
                    raise
                await self.runtimes.poll()

    def open_desk(self) -> Desk:
        """Return the keys and limits of this installation, counted in this service's metrics."""
        return Desk.of(
            self.settings, clock=self.clock, secret=self._state.key, counted=self._metrics.refused
        )

    def pseudonym(self, user_id: str, space: str = "") -> str:
        """Return the name under which a user of a space is kept; no log line may show the one it has.

        Raises:
            InputError: it is no id.
        """
        hide(user_id)
        return pseudonym(check_id(user_id, field="user_id"), key=self._state.key, space=space)


def _route(asked: Turn | Ask) -> str:
    return "chat" if isinstance(asked, Turn) else "recommendations"
