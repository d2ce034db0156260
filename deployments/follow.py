"""The adapter's hot swap: an engine follows the pointer `paths.models/nlg/CURRENT` while requests run.

A poll reads one small file. An adapter that the engine refuses is left alone until the pointer changes again, the old
one serving on; where the engine only lacks room (an old adapter is finishing its requests) the next poll tries again.
No Ray and no vLLM here.
"""

import asyncio
import logging
from typing import Protocol

from cluster.registry.champion import published_champion
from deployments.adapter_table import AdapterSpec
from deployments.versioned import POLL_S
from naviyam.errors import ConflictError, NaviyamError
from naviyam.settings import Settings

_logger = logging.getLogger(__name__)


class SwapsAdapters(Protocol):
    """What the follower needs of an engine."""

    @property
    def default_adapter(self) -> str: ...

    async def make_default(self, spec: AdapterSpec) -> None: ...


class AdapterFollower:
    """Keeps one engine on the promoted adapter."""

    def __init__(self, settings: Settings, engine: SwapsAdapters) -> None:
        self._settings = settings
        self._engine = engine
        self._refused: str | None = None
        self._waiting: str | None = None

    async def poll(self) -> bool:
        """Swap where the pointer changed; return whether it did. Never raises for a bad adapter."""
        try:
            wanted = await asyncio.to_thread(published_champion, self._settings)
        except OSError as e:
            _logger.warning("the promoted adapter cannot be read: %s", e)
            return False
        if wanted is None or wanted.key in (self._engine.default_adapter, self._refused):
            return False
        serving = self._engine.default_adapter
        try:
            await self._engine.make_default(
                AdapterSpec(name=wanted.name, version=wanted.version, path=str(wanted.folder))
            )
        except ConflictError as e:
            if self._waiting != wanted.key:
                _logger.error("adapter %s has to wait, %s serves on: %s", wanted.key, serving, e)
            self._waiting = wanted.key
            return False
        except (NaviyamError, OSError) as e:
            _logger.error("adapter %s was refused, %s serves on: %s", wanted.key, serving, e)
            self._refused = wanted.key
            return False
        self._refused = self._waiting = None
        _logger.info("now writing with adapter %s, after %s", wanted.key, serving)
        return True

    async def watch(self, every_s: float = POLL_S) -> None:
        """Poll until cancelled."""
        while True:
            await self.poll()
            await asyncio.sleep(every_s)
