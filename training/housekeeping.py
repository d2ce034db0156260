"""`python -m training.housekeeping`: what is done every day whether anything is learned or not.

Closed segments become Parquet, raw texts and sets of them go when their time is over (spec 6), and so do logs of jobs.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cluster.jobs.folders import expire
from cluster.jobs.sql_store import SqlStore
from cluster.jobs.states import ENDED
from cluster.key_tables import key_tables
from naviyam.clock import Clock, SystemClock
from naviyam.errors import NaviyamError
from naviyam.feedback.compaction import compact
from naviyam.feedback.store import EventStore
from naviyam.settings import Settings
from training.datasets.old import forget_old_sets


def keep_house(settings: Settings, clock: Clock) -> dict[str, Any]:
    """Do all of it; return what was done, by name. Idempotent."""
    with key_tables(settings) as open_keys:
        events = compact(
            EventStore.of(settings),
            clock,
            raw_text_days=settings.safety.raw_text_days,
            merge_up_to_bytes=settings.events.merge_up_to_mib * 2**20,
            open_keys=open_keys,
        )
    sets = forget_old_sets(settings, clock.now())
    jobs = SqlStore.of(settings).jobs(states=ENDED, limit=100_000)
    return {
        "events": asdict(events),
        "sets_removed": [str(folder) for folder in sets],
        "job_folders_removed": expire(settings, jobs, clock.now()),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Keep house, print one line of JSON; 0 done, 1 failed and said why, 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m training.housekeeping", description=__doc__)
    parser.add_argument("--config", type=Path, default=None, help="YAML file; defaults without")
    arguments = parser.parse_args(argv)
    try:
        done = keep_house(Settings.load(arguments.config), SystemClock())
    except NaviyamError as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    sys.stdout.write(json.dumps(done, ensure_ascii=False, default=str) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
