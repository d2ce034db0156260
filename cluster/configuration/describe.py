"""Every key with its value, where that comes from, its unit and meaning. Pure; secrets leave masked.

Meanings are the docstrings below the fields in `naviyam.settings`, read from its source.
"""

import ast
import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.configuration.masks import masked
from naviyam.settings import Section, Settings
from naviyam.settings.keys import SettingKey, all_keys
from naviyam.settings.sources import Origin, Sources

UNITS: Mapping[str, str] = {
    "s": "seconds",
    "m": "metres",
    "won": "won",
    "bytes": "bytes",
    "mib": "MiB",
    "gib": "GiB",
    "days": "days",
    "hours": "hours",
    "chars": "characters",
    "cpus": "CPUs",
    "gpus": "GPUs",
}
"""By the end of a key's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One key. `value` is masked where it is secret; `origin` is None where the default stands."""

    key: str
    value: Any
    default: Any
    origin: Origin | None
    unit: str
    meaning: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        where = None
        if self.origin is not None:
            where = {"kind": self.origin.kind, "name": self.origin.name, "line": self.origin.line}
        return {
            "key": self.key,
            "value": self.value,
            "default": self.default,
            "from": where or {"kind": "default", "name": None, "line": None},
            "unit": self.unit,
            "meaning": self.meaning,
        }


def describe(
    settings: Settings, sources: Sources, *, section: str | None = None
) -> tuple[Described, ...]:
    """Return every key that holds a value, or those of a section such as `serving` or `serving.llm`."""
    values, defaults = settings.model_dump(mode="json"), Settings().model_dump(mode="json")
    found = []
    above: dict[tuple[str, ...], str] = {}
    for key in all_keys(Settings):
        if key.section is not None:
            above[key.path] = meaning_of(key)
        if key.section is not None or not _within(key, section):
            continue
        found.append(
            Described(
                key=key.dotted,
                value=masked(key, _at(values, key.path)),
                default=masked(key, _at(defaults, key.path)),
                origin=sources.origin(key.path) if _written(sources, key.path) else None,
                unit=unit_of(key.path[-1]),
                meaning=" ".join(filter(None, (above.get(key.path[:-1]), meaning_of(key)))),
            )
        )
    return tuple(found)


def sections() -> tuple[str, ...]:
    """Return the names that `describe` takes."""
    return tuple(key.dotted for key in all_keys(Settings) if key.section is not None)


def unit_of(name: str) -> str:
    """Return a unit by the name's end, "" where it says none.

    >>> unit_of("request_timeout_s"), unit_of("every_s"), unit_of("threads")
    ('seconds', 'seconds', '')
    """
    return UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""


def meaning_of(key: SettingKey) -> str:
    """Return the docstring of a key, its class's or one's that it extends, "" where it has none."""
    name = key.path[-1]
    owners = [c for c in key.owner.__mro__ if issubclass(c, Section) and c is not Section]
    return next((d[name] for c in owners if name in (d := _docstrings(c))), "")


@functools.cache
def _docstrings(owner: type[Section]) -> Mapping[str, str]:
    """Return what the class says, and what it leaves to the class that it extends."""
    found: dict[str, str] = {}
    for each in reversed(owner.__mro__):
        if issubclass(each, Section):
            found |= _field_docstrings(each)
    return found


def _field_docstrings(owner: type[Section]) -> Iterator[tuple[str, str]]:
    for statement in _class_body(owner):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            if name and isinstance(statement.value.value, str):
                yield name, " ".join(statement.value.value.split())
            name = ""
        else:
            name = ""


def _class_body(owner: type[Section]) -> list[ast.stmt]:
    tree = _module(owner.__module__)
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name == owner.__name__:
            return statement.body[1:]  # without the class's own docstring
    return []


@functools.cache
def _module(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[name]))


def _within(key: SettingKey, section: str | None) -> bool:
    return section is None or key.dotted == section or key.dotted.startswith(f"{section}.")


def _written(sources: Sources, path: tuple[str, ...]) -> bool:
    """Return whether a source holds the key, or a part of it; a section above it that is set as a whole does not say so."""
    return any(k[: len(path)] == path or path[: len(k)] == k for k in sources.origins)


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = values
    for part in path:
        found = found[part]
    return found
