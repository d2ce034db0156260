"""`python -m training.wide_deep --config configs/local.yaml`: trains the ranker on the current catalogue's behaviour."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.code_version import code_version
from training.wide_deep.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Train, publish, print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.wide_deep", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default 1)")
    arguments = parser.parse_args(argv)
    if arguments.threads < 1:
        parser.error(f"--threads is {arguments.threads}; it must be at least 1")
    try:
        result = run(
            Settings.load(arguments.config),
            clock=SystemClock(),
            threads=arguments.threads,
            code_version=code_version(
                "training",
                "training/wide_deep",
                "naviyam/features",
                "naviyam/ranker",
                "naviyam/funnel",
            ),
        )
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result.to_dict(), ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
