"""One file checked as a whole: what cannot be read, what is unknown or wrong, what does not fit. Reads files, asks the machine."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cluster.configuration.checks import Finding, check_environment, check_settings, read_folders
from cluster.configuration.figures import figures
from cluster.configuration.machine import Machine, look
from naviyam.errors import ConfigError
from naviyam.settings import Settings, explain
from naviyam.settings.sources import Sources, read_sources

OWN_VARIABLES = frozenset({"NAVIYAM_RAY_SESSION", "NAVIYAM_JOB_FOLDER", "NAVIYAM_ENGINE_MARK"})
"""Set by the program for its own processes."""

Look = Callable[[Settings], Machine]


def check_file(
    path: Path | None, environ: Mapping[str, str], *, look_at: Look | None = None
) -> tuple[Finding, ...]:
    """Return every finding about a settings file and the environment over it, errors first.

    Where keys are wrong, what is left of the file is checked against the machine all the same.
    """
    try:
        sources = read_sources(path, environ)
    except ConfigError as e:
        return (Finding(level="error", key="", message=str(e)),)
    found = [Finding(level="error", key="", message=each) for each in sources.problems]
    settings, wrong = _parse_what_holds(sources, str(path or "defaults"))
    found += [Finding(level="error", key="", message=each) for each in wrong]
    found += check_environment(environ, OWN_VARIABLES)
    if settings is not None:
        machine = (look_at or this_machine)(settings)
        found += check_settings(settings, machine, figures(), adapters_in(settings.paths.adapters))
    return tuple(sorted(found, key=lambda f: f.level != "error"))


def this_machine(settings: Settings) -> Machine:
    """Look at this machine for what the settings need of it."""
    return look(
        ports=(settings.serving.port, settings.serving.dashboard_port),
        written=(settings.paths.state, settings.paths.cache),
        read=read_folders(settings),
    )


def adapters_in(folder: Path) -> dict[str, str]:
    """Return the adapters of a folder and the base that each one's card names, "" where it names none."""
    found = {}
    for card in sorted(folder.glob("*/model.json")):
        try:
            found[card.parent.name] = str(json.loads(card.read_text("utf-8")).get("base", ""))
        except (OSError, ValueError, AttributeError):
            found[card.parent.name] = ""
    return found


def _parse_what_holds(sources: Sources, source: str) -> tuple[Settings | None, list[str]]:
    """Return the settings without the keys that are wrong, and what is wrong with them."""
    values: dict[str, Any] = json.loads(json.dumps(sources.values, default=str))
    wrong: list[str] = []
    for _ in range(3):
        try:
            return Settings.parse(values), wrong
        except ConfigError as e:
            cause = e.__cause__
            if not isinstance(cause, ValidationError):
                return None, [*wrong, str(e)]
            wrong += explain(cause, source=source, sources=sources)
            dropped = [_drop(values, each["loc"]) for each in cause.errors()]
            if not all(dropped):
                return None, wrong
    return None, wrong


def _drop(values: dict[str, Any], location: tuple[int | str, ...]) -> bool:
    """Remove the value at a location, or the nearest one above it; False where there is none."""
    above: list[tuple[dict[str, Any], str]] = []
    target: Any = values
    for part in location:
        if not isinstance(target, dict) or str(part) not in target:
            break
        above.append((target, str(part)))
        target = target[str(part)]
    if not above:
        return False
    holder, key = above[-1]
    holder.pop(key, None)
    return True
