"""Every key of the settings, and what was probably meant by one that does not exist. Pure; reads no file."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from naviyam.settings.section import Section

_MOST = 3
"""Places offered for a key that exists in several sections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingKey:
    """One key: a value, or a section where `section` is its type. `owner` is the class that declares it."""

    path: tuple[str, ...]
    owner: type[Section]
    field: FieldInfo
    section: type[Section] | None = None

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


def all_keys(model: type[Section], above: tuple[str, ...] = ()) -> Iterator[SettingKey]:
    """Yield every key below a section, in the order of the declarations, sections before what they hold."""
    for name, info in model.model_fields.items():
        inner = _section(info.annotation)
        path = (*above, name)
        yield SettingKey(path=path, owner=model, field=info, section=inner)
        if inner is not None:
            yield from all_keys(inner, path)


def suggestion(model: type[Section], unknown: Sequence[object]) -> str | None:
    """Return the dotted key, or keys, that an unknown one probably meant; None where nothing is near.

    A key of that name elsewhere comes first (it was only put into the wrong section), then a near spelling.
    """
    path = tuple(map(str, unknown))
    known = list(all_keys(model))
    same = [key.dotted for key in known if key.path[-1] == path[-1]]
    if same:
        return " or ".join(same[:_MOST])
    siblings = {key.path[-1]: key.dotted for key in known if key.path[:-1] == path[:-1]}
    everywhere = {key.path[-1]: key.dotted for key in reversed(known)}
    for names in (siblings, everywhere):
        if near := difflib.get_close_matches(path[-1], list(names), n=1):
            return names[near[0]]
    return None


def _section(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return None
