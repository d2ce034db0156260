"""Where settings come from: YAML files that may extend others, and the environment. Owns provenance; knows no key.

A file names what it builds on with `extends: other.yaml` (or a list, the later over the earlier), relative to itself.
Mappings are merged key by key; anything else, lists included, is replaced as a whole. An empty variable counts as unset.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from naviyam.errors import ConfigError

ENV_PREFIX = "NAVIYAM__"
EXTENDS = "extends"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value was written: a file and its line, or an environment variable."""

    kind: Literal["file", "environment"]
    name: str
    line: int | None = None

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One value of a source."""

    key: Key
    value: Any
    origin: Origin


@dataclass(slots=True, kw_only=True)
class Sources:
    """All sources laid over each other. `problems` are what cannot be read at its place; the rest still holds."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    """Every file that was read, what is extended first."""

    def origin(self, key: Sequence[object]) -> Origin | None:
        """Return where a key was written: itself, the nearest key above it, or the first below it."""
        wanted = tuple(map(str, key))
        for length in range(len(wanted), 0, -1):
            if found := self.origins.get(wanted[:length]):
                return found
        below = (o for k, o in self.origins.items() if k[: len(wanted)] == wanted)
        return next(below, None) if wanted else None

    def lay(self, leaf: Leaf) -> None:
        """Set one value over what is there, with everything below it."""
        target = self.values
        for index, section in enumerate(leaf.key[:-1]):
            inner = target.get(section)
            if not isinstance(inner, dict):
                self.origins.pop(leaf.key[: index + 1], None)
                inner = target[section] = {}
            target = inner
        if leaf.value == {} and isinstance(target.get(leaf.key[-1]), dict):
            return
        for below in [k for k in self.origins if k[: len(leaf.key)] == leaf.key]:
            del self.origins[below]
        target[leaf.key[-1]] = leaf.value
        self.origins[leaf.key] = leaf.origin


def read_sources(path: Path | None, environ: Mapping[str, str]) -> Sources:
    """Read a file with what it extends, and the environment over both.

    Raises:
        ConfigError: a file is missing, is not YAML or extends itself.
    """
    sources = Sources()
    if path is not None:
        _read_file(path, sources, chain=())
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and text:
            _read_variable(name, text, sources)
    return sources


def _read_file(path: Path, sources: Sources, *, chain: tuple[Path, ...]) -> None:
    if path.resolve() in chain:
        names = " -> ".join(p.name for p in (*chain, path))
        raise ConfigError(f"{path} extends itself: {names}; remove one `{EXTENDS}`")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        by = f" (extended by {chain[-1]})" if chain else "; try configs/local.yaml"
        raise ConfigError(f"no configuration file {path}{by}") from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path} cannot be read: {e}") from e
    try:
        leaves = list(_leaves_of(text, path, sources.problems))
    except yaml.YAMLError as e:
        raise ConfigError(f"{path} is not YAML: {e}") from e
    for leaf in leaves:
        if leaf.key[0] == EXTENDS:
            for parent in _parents(leaf):
                _read_file(path.parent / parent, sources, chain=(*chain, path.resolve()))
    for leaf in leaves:
        if leaf.key[0] != EXTENDS:
            sources.lay(leaf)
    sources.files.append(path)


def _parents(leaf: Leaf) -> list[str]:
    named = [leaf.value] if isinstance(leaf.value, str) else leaf.value
    texts = isinstance(named, list) and all(isinstance(n, str) and n for n in named)
    if len(leaf.key) > 1 or not texts:
        raise ConfigError(f"{leaf.origin}: `{EXTENDS}` names a file or a list of files")
    return named


def _leaves_of(text: str, path: Path, problems: list[str]) -> Iterator[Leaf]:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            kind = type(loader.construct_document(root)).__name__
            raise ConfigError(f"{path} must hold a mapping of sections, not {kind}")
        yield from _walk(loader, root, (), str(path), problems)
    finally:
        loader.dispose()


def _walk(
    loader: yaml.SafeLoader, node: yaml.MappingNode, above: Key, name: str, problems: list[str]
) -> Iterator[Leaf]:
    seen: dict[str, int] = {}
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = str(loader.construct_object(key_node, deep=True))
        if key in seen:
            dotted = ".".join((*above, key))
            problems.append(f"{name}:{line}: {dotted!r} stands in line {seen[key]} already")
            continue
        seen[key] = line
        if isinstance(value_node, yaml.MappingNode) and value_node.value:
            yield from _walk(loader, value_node, (*above, key), name, problems)
            continue
        value = loader.construct_object(value_node, deep=True)
        yield Leaf(key=(*above, key), value=value, origin=Origin(kind="file", name=name, line=line))


def _read_variable(name: str, text: str, sources: Sources) -> None:
    origin = Origin(kind="environment", name=name)
    key = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
    if not all(key):
        sources.problems.append(f"{name}: write {ENV_PREFIX}SECTION__KEY")
        return
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        sources.problems.append(f"{name}: {text!r} is not YAML; put it into quotes")
        return
    for length in range(1, len(key)):
        if key[:length] in sources.origins and not isinstance(_at(sources, key[:length]), dict):
            above = ".".join(key[:length])
            sources.problems.append(f"{name}: {above!r} is a value and has no key {key[-1]!r}")
            return
    for leaf in _flatten(key, value, origin):
        sources.lay(leaf)


def _at(sources: Sources, key: Key) -> Any:
    found: Any = sources.values
    for part in key:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _flatten(key: Key, value: Any, origin: Origin) -> Iterable[Leaf]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flatten((*key, str(name)), inner, origin)
    else:
        yield Leaf(key=key, value=value, origin=origin)
