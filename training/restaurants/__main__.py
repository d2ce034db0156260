"""`python -m training.restaurants --data ../shared/data/recsys`: our layers and their peers on real restaurant ratings.

138 users and 130 restaurants: five seeds, with an interval over them. A rating of 2 (of 0 to 2) is a liking; of each
user's ratings a quarter is held out; every restaurant the user has not rated is ranked, those of other towns too.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from naviyam.errors import NaviyamError
from training.movielens.funnels import OWN, POPULARITY, Funnel
from training.movielens.protocol import Task, run_seed
from training.movielens.summary import summary, table
from training.restaurants.visits import Restaurants, read_restaurants

F32 = npt.NDArray[np.float32]
TASK = Task(k=5, least_stars=2.0, rates=(3e-3, 1e-2), batch_lists=8)
FIRST_SEED = 42
STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
"""97.5 % quantiles by number of seeds."""


def funnels_of(data: Restaurants) -> tuple[Funnel, ...]:
    """Return the funnels: ours, with content and context from the attributes, and `implicit`'s where it is installed."""
    collaborative = tuple(f for f in OWN if f.name in ("user_knn", "pure_svd", "ease", "rp3beta"))
    peers = import_module("training.movielens.peers").FUNNELS if find_spec("implicit") else ()
    return (
        POPULARITY,
        Funnel(name="content", score=_fixed(data.fitting), settings=({},)),
        Funnel(name="contextual", score=_fixed(data.near), settings=({},)),
        *collaborative,
        *(f for f in peers if f.name in ("item_knn", "ials")),
    )


def _fixed(scores: F32) -> Callable[..., F32]:
    def score(seen: F32, seed: int) -> F32:
        return scores

    return score


def evaluate(data: Restaurants, *, seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the summary over the seeds, each system with half the width of its 95 % interval."""
    funnels = funnels_of(data)
    results = [
        run_seed(data.ratings, funnels, seed=FIRST_SEED + i, task=TASK, say=say)
        for i in range(seeds)
    ]
    protocol = (
        "75/25 by user, rated removed, all restaurants ranked, top 5, a rating of 2 is relevant"
    )
    found = summary(results, "UCI restaurant ratings", protocol)
    for row in found["systems"].values():
        spread = np.std(row["ndcg_by_seed"], ddof=1) if seeds > 1 else 0.0
        row["ndcg_half_interval"] = round(
            float(STUDENT_T.get(seeds, 2.3) * spread / np.sqrt(seeds)), 4
        )
    return found | {"ratings": len(data.ratings.user), "implicit": bool(find_spec("implicit"))}


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table and one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="training.restaurants", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="not read; every program has it")
    parser.add_argument("--data", type=Path, required=True, help="folder of the three UCI files")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 42 on (default 5)")
    arguments = parser.parse_args(argv)
    if arguments.seeds < 1:
        parser.error(f"--seeds is {arguments.seeds}; it must be at least 1")
    torch.set_num_threads(1)
    try:
        data = read_restaurants(arguments.data)
        found = evaluate(data, seeds=arguments.seeds, say=lambda text: None)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stderr.write(table(found) + "\n")
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
