"""`python -m training.datasets --config configs/local.yaml`: what was logged becomes what is trained on, set by set."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.code_version import DATASETS, code_version
from training.datasets.run import SETS, make_sets, open_sources


def main(argv: Sequence[str] | None = None) -> int:
    """Make the sets, print one line of JSON; 0 done (or skipped and said why), 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.datasets", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument(
        "--now",
        type=datetime.fromisoformat,
        default=None,
        help="ISO time with a zone that ends the window and names the version (default: the clock's)",
    )
    parser.add_argument("--only", default=",".join(SETS), help=f"some of {','.join(SETS)}")
    arguments = parser.parse_args(argv)
    names = [name.strip() for name in arguments.only.split(",") if name.strip()]
    unknown = [name for name in names if name not in SETS]
    if unknown or not names:
        parser.error(f"--only is {arguments.only!r}; it must name some of {', '.join(SETS)}")
    try:
        settings = Settings.load(arguments.config)
        sources = open_sources(settings, arguments.now or SystemClock().now())
        made = make_sets(sources, names, code_version=code_version(*DATASETS))
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    answer = {name: each.to_dict() for name, each in made.items()}
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
