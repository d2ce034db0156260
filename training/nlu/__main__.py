"""`python -m training.nlu --config configs/local.yaml`: trains the intent classifier and puts it in place."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from naviyam.errors import NaviyamError
from naviyam.settings import Settings
from training.nlu.run import run
from training.nlu.train import NluTraining


def main(argv: Sequence[str] | None = None) -> int:
    """Train, write, print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.nlu", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--out", type=Path, help="folder (default: paths.classifier)")
    parser.add_argument("--epochs", type=int, default=NluTraining().epochs)
    parser.add_argument("--seed", type=int, default=NluTraining().seed)
    arguments = parser.parse_args(argv)
    try:
        settings = Settings.load(arguments.config)
        config = NluTraining(epochs=arguments.epochs, seed=arguments.seed)
        result = run(settings, config, out=arguments.out or settings.paths.classifier)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
