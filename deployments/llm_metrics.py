"""What a generation means in the instruments of `catalogue.LANGUAGE_MODEL`. No Ray, no vLLM."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Protocol, TypeVar

from cluster.telemetry.catalogue import (
    LLM_ACTIVE,
    LLM_FIRST,
    LLM_PLACES,
    LLM_REQUESTS,
    LLM_SECONDS,
    LLM_TOKENS,
    LLM_WAITING,
)
from cluster.telemetry.instruments import Counts, Meter
from naviyam.clock import Clock
from naviyam.errors import OverloadedError

_T = TypeVar("_T")


class Engine(Protocol):
    """What is asked of an engine."""

    @property
    def active(self) -> int:
        """Requests running or waiting."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens written since the start."""
        ...


class LanguageModelMetrics:
    """Counts the generations of one replica."""

    def __init__(self, meter: Meter, clock: Clock, *, places: int) -> None:
        self._counts = Counts(meter)
        self._clock = clock
        self._places = places
        self._tokens = 0

    async def counted(
        self, pieces: AsyncGenerator[_T, None], engine: Engine, adapter: str | None
    ) -> AsyncGenerator[_T, None]:
        """Pass pieces on and count the generation that they are, whether it ends, fails or its reader leaves."""
        began, first, name = self._clock.monotonic_s(), True, adapter or "champion"
        with self._outcome(name, engine):
            async with aclosing(pieces):
                async for piece in pieces:
                    if first:
                        self._counts.take(
                            LLM_FIRST, self._clock.monotonic_s() - began, adapter=name
                        )
                        self._load(engine)
                        first = False
                    yield piece
            self._counts.take(LLM_SECONDS, self._clock.monotonic_s() - began, adapter=name)

    @contextmanager
    def _outcome(self, adapter: str, engine: Engine) -> Iterator[None]:
        outcome = "gone"
        try:
            yield
            outcome = "ok"
        except OverloadedError:
            outcome = "overloaded"
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._counts.take(LLM_REQUESTS, adapter=adapter, outcome=outcome)
            self._load(engine)

    def _load(self, engine: Engine) -> None:
        active, tokens = engine.active, engine.tokens
        self._counts.take(LLM_ACTIVE, float(active))
        self._counts.take(LLM_WAITING, float(max(0, active - self._places)))
        self._counts.take(LLM_PLACES, float(self._places))
        if tokens > self._tokens:
            self._counts.take(LLM_TOKENS, float(tokens - self._tokens))
            self._tokens = tokens
