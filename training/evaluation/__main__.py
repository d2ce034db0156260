"""`python -m training.evaluation ranker|lora|nlu`: a candidate beside the champion, on the same held-out data.

Prints one line of JSON and writes it beside the candidate's folder as `<folder>.evaluation.json`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.evaluation.result import finite, write_result


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 done, 1 failed and said why, 2 usage."""
    arguments = _parse(argv)
    try:
        settings = Settings.load(arguments.config)
        result = finite(_evaluate(settings, arguments) | {"of": _names(arguments)})
        if not arguments.dry_run:
            write_result(arguments.candidate, result)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluation", description=__doc__)
    parser.add_argument("kind", choices=("ranker", "lora", "nlu"))
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--candidate", type=Path, required=True, help="model folder")
    parser.add_argument("--champion", type=Path, required=True, help="model folder to compare with")
    parser.add_argument("--data", type=Path, default=None, help="data set folder (nlu: not read)")
    parser.add_argument("--dry-run", action="store_true", help="print only, write no file")
    arguments = parser.parse_args(argv)
    if arguments.data is None and arguments.kind != "nlu":
        parser.error(f"--data is needed for {arguments.kind}")
    return arguments


def _evaluate(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Import what this kind needs and no more: only adapters need torch."""
    measure = import_module(f"training.evaluation.{arguments.kind}").evaluate
    given = {"candidate": arguments.candidate, "champion": arguments.champion}
    if arguments.kind != "nlu":
        given["data"] = arguments.data
    found: dict[str, Any] = measure(settings, **given)
    return found


def _names(arguments: argparse.Namespace) -> dict[str, str | None]:
    return {
        "candidate": str(arguments.candidate),
        "champion": str(arguments.champion),
        "data": None if arguments.data is None else str(arguments.data),
    }


if __name__ == "__main__":
    sys.exit(main())
