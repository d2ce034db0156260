"""Where a result goes: a file beside the candidate's folder, whole or not at all.

Not inside it: a model's content is hashed when it is registered, and a measurement is not part of the model.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from naviyam.durable import replace_file

SUFFIX: Final = ".evaluation.json"


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
    """Write the result as `<candidate>.evaluation.json`; an earlier one is replaced at once."""
    folder = candidate.resolve()
    path = folder.with_name(folder.name + SUFFIX)
    replace_file(path, json.dumps(result, ensure_ascii=False, indent=1).encode())
    return path
