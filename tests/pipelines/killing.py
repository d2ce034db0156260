"""`naviyam learn` as it runs, ended by kill -9 at random points until it comes to its end; `python -m tests.pipelines.killing`.

Everything is real but small: a catalogue of twenty shops, a ranker, sets of 200 rows, MLflow's registry, the programs.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from cluster.registry.mlflow_registry import open_registry
from naviyam import versions
from naviyam.catalog.events import Events
from naviyam.catalog.tables import write_tables
from naviyam.catalog.types import Shop
from naviyam.features.tables import CrossRates, FeatureTables
from naviyam.settings import Settings
from tests.training.small import VOCABULARY, logged_set
from training.pipelines.journal import Journal
from training.wide_deep.network import WideDeep
from training.wide_deep.output import write_model

RATES = {"epochs": 5, "learning_rate": 1e-2, "wide_learning_rate": 1e-1}
SHOPS = tuple(
    Shop(shop_id=f"{kind}{i}", name=f"가게{kind}{i}", category="분식", sigungu="춘천시")
    for kind in "sn"
    for i in range(10)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """An installation in a folder, with a configuration file beside its state."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def settings(self) -> Settings:
        return Settings.load(self.config)

    def begin(self, data: Path) -> subprocess.Popen[str]:
        """Begin `python -m training.pipelines` on a planted set."""
        return subprocess.Popen(
            [
                sys.executable, "-m", "training.pipelines", "--config", str(self.config),
                "--only", "ranker", "--plant", f"ranker={data}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *filter(None, sys.path)])},
        )  # fmt: skip

    def learn(self, data: Path) -> dict[str, Any]:
        """Learn to the end."""
        running = self.begin(data)
        said, _ = running.communicate()
        assert running.returncode == 0
        outcome: dict[str, Any] = json.loads(said.splitlines()[-1])["ranker"]
        return outcome

    def learn_under_kills(self, data: Path, rng: random.Random, longest_s: float) -> int:
        """Learn, ended by -9 after at most so many seconds and begun again until it is done; return how often.

        A run that was killed between its last word in the journal and its exit is done: a planted set that is given
        again is learned from again.
        """
        kills = 0
        while not self.done():
            running = self.begin(data)
            try:
                running.communicate(timeout=rng.uniform(0.0, longest_s))
            except subprocess.TimeoutExpired:
                running.kill()
                running.communicate()
                kills, longest_s = kills + 1, longest_s * 1.2  # a machine may be slower by now
                continue
            assert running.returncode == 0
            break
        return kills

    def done(self) -> bool:
        """Return whether a run came to its end."""
        root = self.settings.paths.state / "learn"
        return any(run.outcome is not None for run in Journal.runs(root))

    def result(self) -> dict[str, Any]:
        """Return what the registry and the pointer say: all that may not depend on how often it was killed."""
        registry = open_registry(self.settings)
        held = {v.version: v for v in registry.versions("ranker")}
        champion = registry.alias("ranker", "champion")
        current = versions.current_version(self.settings.paths.models / "ranker")
        return {
            "digests": sorted((v.digest, bool(v.refused)) for v in held.values()),
            "champion": champion and champion.digest,
            "current": held[current].digest if current in held else current,
            "history": [(e.act, held[e.version].digest) for e in registry.history("ranker")],
        }


def make(root: Path) -> Small:
    """Make an installation whose untrained ranker `v1` serves, and whose registry was opened once."""
    state = root / "state"
    config = {
        "paths": {"state": str(state)},
        "ranker_training": {"incremental": {**RATES, "replay_share": 0.0}},
        "release": {"require_interval": False},
        "learning": {"min_samples": 10},
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.yaml").write_text(yaml.safe_dump(config))

    def write(folder: Path) -> None:
        made = {"made": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}
        write_tables(folder, SHOPS, (), (), Events.from_rows([], simulated=True), made)

    versions.publish(state / "catalog", "v1", write)
    torch.manual_seed(3)
    network = WideDeep(VOCABULARY, query_dimension=512, dropout=0.3)
    ranker = state / "models" / "ranker"
    write_model(
        ranker / "v1",
        tensors={k: v.detach().numpy() for k, v in network.state_dict().items()},
        tables=FeatureTables(vocabulary=VOCABULARY, rates=CrossRates.empty(("춘천시",))),
        metrics={},
        dataset_hash="none",
        simulated=True,
        encoder="use-multilingual-v3",
        encoder_dimension=512,
        seed=7,
        code_version="test",
    )
    versions.set_current(ranker, "v1")
    small = Small(root=root)
    open_registry(small.settings).adopt("ranker")
    return small


def data_set(root: Path, name: str, *, seed: int = 2, labels: str = "true") -> Path:
    """Write a set below the installation's; `labels` are true, inverted or shuffled, in both parts."""
    folder = logged_set(root / name, new="n", seed=seed, dataset_hash=name)
    for part in ("train", "test"):
        path = folder / f"{part}.parquet"
        table = pq.read_table(path)
        label = table["label"].to_numpy()
        if labels == "inverted":
            label = 1 - label
        elif labels == "shuffled":
            label = np.random.default_rng(seed).permutation(label)
        at = table.column_names.index("label")
        pq.write_table(table.set_column(at, table.schema.field("label"), pa.array(label)), path)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    data = data_set(folder, "good")
    whole = make(folder / "whole")
    began = time.perf_counter()
    print(whole.learn(data))  # noqa: T201
    longest_s = time.perf_counter() - began
    expected, rng, kills, runs, wrong = whole.result(), random.Random(given.seed), 0, 0, []
    while kills < given.kills:
        small = make(folder / f"killed-{runs}")
        died = small.learn_under_kills(data, rng, longest_s)
        kills, runs = kills + died, runs + 1
        same = small.result() == expected
        wrong += [] if same else [small.result()]
        print(f"run {runs}: killed {died} times, the same result: {same}", flush=True)  # noqa: T201
    told = f"{kills} kills in {runs} runs, one whole run took {longest_s:.0f} s"
    print(f"{told}; wrong: {wrong or 'none'}")  # noqa: T201
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
