"""Which adapters an engine holds, and how many requests use each. Plain state: no engine, no files."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from naviyam.errors import ConflictError, InputError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class AdapterSpec:
    """An adapter to serve: requests ask for it as `name` or `name@version`."""

    name: str
    version: str
    path: str

    def __post_init__(self) -> None:
        for value in (self.name, self.version):
            if not value or "@" in value or not value.isprintable() or len(value) > 80:
                raise InputError(
                    f"{value!r} is no adapter name or version: 1 to 80 characters without @",
                    field="adapter",
                )

    @property
    def key(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One loaded adapter. `slot` is the engine's id; None means that the served model itself is it."""

    spec: AdapterSpec
    digest: str
    slot: int | None
    path: str
    running: int = 0
    retired: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class AdapterTable:
    """Loaded adapters by key. A name without a version means the version loaded last."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._entries: dict[str, Entry] = {}
        self._next_slot = 1

    def loaded(self) -> tuple[Entry, ...]:
        """Return what may be asked for, in the order of loading."""
        return tuple(e for e in self._entries.values() if not e.retired)

    @property
    def free(self) -> int:
        """How many more adapters the engine has room for; retired ones still take theirs."""
        return self._capacity - sum(e.slot is not None for e in self._entries.values())

    def reserve(self, spec: AdapterSpec, digest: str) -> bool:
        """Return whether loading is needed: False where the same content is loaded under this key.

        Raises:
            ConflictError: the key holds other content.
        """
        held = self._entries.get(spec.key)
        if held is not None and not held.retired and held.digest == digest:
            return False
        if held is not None:
            state = "still finishing requests" if held.retired else "loaded with other content"
            raise ConflictError(f"adapter {spec.key} is {state}; load it under a new version")
        return True

    def new_slot(self) -> int:
        """Return an engine id that was never used: engines cache by id.

        Raises:
            ConflictError: the engine has no room left.
        """
        if self._capacity == 0:
            raise ConflictError("this engine serves no adapters; set llm.max_loras to 1 or more")
        if self.free == 0:
            raise ConflictError(
                f"{self._capacity} adapters are loaded, the limit (llm.max_loras); unload one first:"
                f" {', '.join(self._entries)}"
            )
        self._next_slot += 1
        return self._next_slot - 1

    def add(self, spec: AdapterSpec, *, digest: str, slot: int | None, path: str) -> Entry:
        """Record a loaded adapter."""
        entry = Entry(spec=spec, digest=digest, slot=slot, path=path)
        entry.idle.set()
        self._entries[spec.key] = entry
        return entry

    def find(self, adapter: str) -> Entry:
        """Return the entry for `name` or `name@version`.

        Raises:
            NotFoundError: nothing of that name is loaded.
        """
        for entry in reversed(self.loaded()):
            if adapter in (entry.spec.key, entry.spec.name):
                return entry
        known = ", ".join(e.spec.key for e in self.loaded()) or "none"
        raise NotFoundError(f"adapter {adapter!r} is not loaded; loaded are: {known}")

    def begin(self, entry: Entry) -> None:
        """Count a request in."""
        entry.running += 1
        entry.idle.clear()

    def end(self, entry: Entry) -> None:
        """Count a request out."""
        entry.running -= 1
        if entry.running == 0:
            entry.idle.set()

    def retire(self, adapter: str) -> Entry:
        """Take an adapter out of `find`; what runs on it may finish."""
        entry = self.find(adapter)
        entry.retired = True
        return entry

    def remove(self, entry: Entry) -> None:
        """Forget a retired adapter that is out of the engine."""
        del self._entries[entry.spec.key]


def plan_adapters(
    loaded: Sequence[AdapterSpec], wanted: Sequence[AdapterSpec]
) -> tuple[tuple[AdapterSpec, ...], tuple[AdapterSpec, ...]]:
    """Return what to unload and what to load, in that order, to get from `loaded` to `wanted`.

    >>> a, b = (AdapterSpec(name=n, version="1", path=n) for n in "ab")
    >>> plan_adapters([a], [b]) == ((a,), (b,))
    True
    """
    held = {s.key for s in loaded}
    keep = {s.key for s in wanted}
    unload = tuple(s for s in loaded if s.key not in keep)
    return unload, tuple(s for s in wanted if s.key not in held)


def parse_adapters(user_config: Mapping[str, object]) -> tuple[AdapterSpec, ...]:
    """Read `{"adapters": [{"name", "version", "path"}, ...]}` as Serve hands it over.

    Raises:
        InputError: the shape is another one.
    """
    listed = user_config.get("adapters", [])
    fields = {"name", "version", "path"}
    if not isinstance(listed, list):
        raise InputError("user_config.adapters must be a list", field="adapters")
    for item in listed:
        if not isinstance(item, dict) or set(item) != fields:
            raise InputError(
                f"an adapter has exactly {sorted(fields)}, got {item!r}", field="adapters"
            )
    return tuple(AdapterSpec(**{k: str(v) for k, v in item.items()}) for item in listed)
