"""Writing a trained model: weights first, the card that vouches for them last, each whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from naviyam.durable import replace_file


def write_model(
    folder: Path, weights: tuple[str, bytes], card: tuple[str, Mapping[str, Any]]
) -> None:
    """Write both files, given as name and content; what was there before is replaced.

    Killed between the two, the old card stands beside new weights: their digests differ, and loading refuses the pair.
    """
    content = (json.dumps(card[1], ensure_ascii=False, indent=1) + "\n").encode()
    for name, raw in (weights, (card[0], content)):
        replace_file(folder / name, raw)
