"""`python -m training.bench`: rows a second of the plain loops, of Ray Train with one worker and with more.

The ways run in turn, several rounds, so that what else the machine does falls on all of them; medians are compared.
Start-up is left out: epochs (ranker) and steps (LoRA) after the first are timed, inside the process that learns.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from naviyam.errors import NaviyamError
from naviyam.settings import Settings

if TYPE_CHECKING:
    from training.bench.on_ray import Rate


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print one line of JSON; 0 done, 1 failed and said why."""
    parser = argparse.ArgumentParser(prog="training.bench", description=__doc__)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--what", choices=("both", "ranker", "lora"), default="both")
    parser.add_argument("--workers", type=int, default=2, help="the most workers")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args(argv)
    try:
        result = measure(Settings.load(arguments.config), arguments)
    except NaviyamError as e:
        sys.stderr.write(f"{type(e).__name__}: {e}\n")
        return 1
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def measure(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return for each model and way the median rows a second and its share of the plain loop's."""
    from training.bench.on_ray import lora_meter, ranker_meter
    from training.on_ray import cluster_of

    kinds = {"ranker": ranker_meter, "lora": lora_meter}
    chosen = list(kinds) if arguments.what == "both" else [arguments.what]
    ways = range(arguments.workers + 1)
    found: dict[str, Any] = {"rounds": arguments.rounds, "load": list(os.getloadavg())}
    with cluster_of(settings, os.environ, workers=arguments.workers):
        for kind in chosen:
            meter = kinds[kind](settings)
            rates: dict[int, list[Rate]] = {way: [] for way in ways}
            for number in range(arguments.rounds):
                for way in ways:
                    rates[way].append(meter(way, number))
                    sys.stderr.write(f"{kind}, {way} workers: {rates[way][-1]}\n")
            found[kind] = {str(way): _figures(of, rates[0]) for way, of in rates.items()}
    return found


def _figures(rates: "Sequence[Rate]", plain: "Sequence[Rate]") -> dict[str, Any]:
    """Return medians, and their shares of the plain loop's."""
    per_s, per_cpu_s = (median(r.per_s for r in rates), median(r.per_cpu_s for r in rates))
    return {
        "rows_per_s": round(per_s, 2),
        "of_plain": round(per_s / median(r.per_s for r in plain), 3),
        "rows_per_cpu_s": round(per_cpu_s, 2),
        "of_plain_by_cpu": round(per_cpu_s / median(r.per_cpu_s for r in plain), 3),
        "rounds": [round(r.per_s, 2) for r in rates],
    }


if __name__ == "__main__":
    sys.exit(main())
