"""Which adapter the settings serve. Reads its card and nothing else."""

import json

from naviyam.settings import Settings


def adapter_version(settings: Settings) -> str:
    """Return the champion adapter as `name@version`, its name where the card says no version, else `none`."""
    name = settings.llm.adapter
    if not name:
        return "none"
    try:
        card = json.loads((settings.paths.adapters / name / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return name
    return (
        f"{name}@{card['version']}" if isinstance(card, dict) and "version" in card else str(name)
    )
