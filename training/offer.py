"""`python -m training.offer ranker|nlg FOLDER --data SET`: a trained model beside what serves, registered if it is better.

For what was trained or tuned by hand. Accepted, it becomes the challenger, which a canary tries; refused, the registry keeps why.
Prints one line of JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.registry.mlflow_registry import open_registry
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.pipelines.offer import KINDS, offer
from training.pipelines.runner import LocalRunner


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 done (refused too), 1 failed and said why, 2 usage."""
    arguments = _parse(argv)
    try:
        settings = Settings.load(arguments.config)
        found = offer(
            open_registry(settings),
            LocalRunner(),
            arguments.name,
            arguments.folder,
            data=arguments.data,
            config=arguments.config,
            limits=settings.release,
        )
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.offer", description=__doc__)
    parser.add_argument("name", choices=[k.name for k in KINDS])
    parser.add_argument("folder", type=Path, help="of the candidate")
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--data", type=Path, required=True, help="data set with a held-out part")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
