"""Which adapter the settings serve. Reads its card and nothing else."""

import json

from naviyam.settings import Settings


def adapter_version(settings: Settings, name: str | None = None) -> str:
    """Return an adapter (the champion without a name) as `name@version`, its name where no card says a version, else `none`."""
    name = settings.llm.adapter if name is None else name
    if not name:
        return "none"
    try:
        card = json.loads((settings.paths.adapters / name / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return name
    return (
        f"{name}@{card['version']}" if isinstance(card, dict) and "version" in card else str(name)
    )
