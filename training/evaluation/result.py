"""Where a result goes: `evaluation.json` beside the candidate, whole or not at all, and one line of JSON for who called."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from naviyam.durable import replace_file

FILE: Final = "evaluation.json"


def finite(value: Any) -> Any:
    """Return a value with None for every number that is none: JSON knows no nan.

    >>> finite({"a": float("nan"), "b": [1.0, float("inf")]})
    {'a': None, 'b': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_result(candidate: Path, result: Mapping[str, Any]) -> Path:
    """Write the result into the candidate's folder; an earlier one is replaced at once."""
    path = candidate / FILE
    replace_file(path, json.dumps(result, ensure_ascii=False, indent=1).encode())
    return path
