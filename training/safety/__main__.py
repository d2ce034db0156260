"""`python -m training.safety --data ../shared/data --out models/safety`: trains the classifier of the input screen."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from naviyam.errors import NaviyamError
from naviyam.retrieval.encoder import load_encoder
from naviyam.settings import Settings
from training.code_version import code_version
from training.safety.loop import Options
from training.safety.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Train, save, print the card's figures; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.safety", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="public data")
    parser.add_argument("--out", type=Path, default=Path("models/safety"))
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default 1)")
    arguments = parser.parse_args(argv)
    if arguments.threads < 1:
        parser.error(f"--threads is {arguments.threads}; it must be at least 1")
    torch.set_num_threads(arguments.threads)
    try:
        settings = Settings.load(arguments.config)
        card = run(
            arguments.data,
            arguments.out,
            load_encoder(settings.retrieval),
            seed=settings.seed,
            options=Options(),
            code_version=code_version("training/safety", "naviyam/safety", "naviyam/text"),
        )
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    shown = {k: card[k] for k in ("version", "samples", "metrics")}
    sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
