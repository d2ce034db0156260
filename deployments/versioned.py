"""Hot swap: a value made from published versions, exchanged for a newer one while requests run.

A poll reads two small pointer files. What a request has taken it keeps to its end; the value before is kept too, so
that a part that is a moment behind can still be answered. A version that cannot be loaded is left alone until the
pointers change again: the old one serves on.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from naviyam import versions
from naviyam.errors import NaviyamError, NotFoundError, StaleVersionError
from naviyam.settings import Settings

POLL_S = 0.5
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersions:
    """Which published versions serve; `ranker` is None where none was trained yet, `nlu` where the repository's serves."""

    catalog: str
    ranker: str | None
    nlu: str | None = None


class HasCatalogVersion(Protocol):
    """Anything that belongs to one version of the catalogue."""

    @property
    def catalog_version(self) -> str: ...


T = TypeVar("T", bound=HasCatalogVersion)


def published(settings: Settings) -> DataVersions:
    """Return the current versions.

    Raises:
        NotFoundError: no catalogue was published yet.
    """
    catalog = versions.current(settings.paths.catalog).name
    models = settings.paths.models
    return DataVersions(
        catalog=catalog,
        ranker=versions.current_version(models / "ranker"),
        nlu=versions.current_version(models / "nlu"),
    )


class Versioned(Generic[T]):
    """The value of the current versions and the one before it."""

    def __init__(self, read: Callable[[], DataVersions], load: Callable[[DataVersions], T]) -> None:
        self._read = read
        self._load = load
        self._key = read()
        self._tried = self._key
        self._values = [load(self._key)]
        self._swap = asyncio.Lock()

    @property
    def current(self) -> T:
        """The value that new requests take."""
        return self._values[-1]

    @property
    def all(self) -> tuple[T, ...]:
        """The value before, if any, and the current one."""
        return tuple(self._values)

    def of(self, catalog_version: str) -> T:
        """Return the newest value that belongs to a catalogue version.

        Raises:
            StaleVersionError: neither the current nor the previous value does.
        """
        for value in reversed(self._values):
            if value.catalog_version == catalog_version:
                return value
        raise StaleVersionError(
            f"catalogue {catalog_version} is not held here; held: {[v.catalog_version for v in self._values]}"
        )

    async def poll(self) -> bool:
        """Take over newly published versions; return whether the value changed. Never raises for a bad version."""
        async with self._swap:
            try:
                key = self._read()
            except (NotFoundError, OSError) as e:
                _logger.warning("the current version cannot be read: %s", e)
                return False
            if key in (self._key, self._tried):
                return False
            try:
                value = await asyncio.to_thread(self._load, key)
            except (
                NotFoundError
            ) as e:  # its index is still being built: look again at the next poll
                _logger.info("version %s is not whole yet: %s", key, e)
                return False
            except (NaviyamError, OSError) as e:
                _logger.error("version %s was refused, %s serves on: %s", key, self._key, e)
                self._tried = key
                return False
            self._key = self._tried = key
            self._values = [self._values[-1], value]
            _logger.info("now serving %s", key)
            return True

    async def watch(self, every_s: float = POLL_S) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.poll()
