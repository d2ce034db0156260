"""`python -m training.movielens --data ml-100k.inter --seeds 3`: our two layers and their peers on MovieLens-100K."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from naviyam.clock import SystemClock
from naviyam.errors import NaviyamError
from training.movielens.peers import FUNNELS
from training.movielens.protocol import Task, run_seed
from training.movielens.ratings import read_ratings
from training.movielens.summary import summary, table

DATA = "MovieLens-100K (package recbole)"
PROTOCOL = "75/25 by user, seen removed, all items ranked, top 10, binary relevance"
FIRST_SEED = 42
"""The recommenders team's own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table and one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.movielens", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="ml-100k.inter of recbole")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 42 on (default 3)")
    parser.add_argument("--out", type=Path, default=None, help="also write the JSON here")
    arguments = parser.parse_args(argv)
    if arguments.seeds < 1:
        parser.error(f"--seeds is {arguments.seeds}; it must be at least 1")
    torch.set_num_threads(1)
    clock = SystemClock()
    began = clock.monotonic_s()
    try:
        ratings = read_ratings(arguments.data)
        results = [
            run_seed(ratings, FUNNELS, seed=FIRST_SEED + i, task=Task(), say=_say)
            for i in range(arguments.seeds)
        ]
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    found = summary(results, DATA, PROTOCOL) | {"seconds": round(clock.monotonic_s() - began, 1)}
    text = json.dumps(found, ensure_ascii=False)
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n", encoding="utf-8")
    sys.stderr.write(table(found) + "\n")
    sys.stdout.write(text + "\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
