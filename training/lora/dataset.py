"""What an `nlg` adapter learns from: a data set folder (`train.parquet`, `test.parquet`, `card.json`), or template dialogues."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError
from naviyam.nlg.prompt import END
from naviyam.settings import Settings
from naviyam.versions import current
from training.lora.data import Sample, make_samples, write_samples
from training.lora.loop import Corpus, LoraTraining

COLUMNS = ("prompt", "completion")
INITIAL_SAMPLES = 1_600
"""Template dialogues of the first adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """What a folder holds, and its card's words for a model card."""

    corpus: Corpus
    card: dict[str, Any]


def read_conversations(folder: Path) -> Conversations:
    """Read a data set of conversations, oldest first.

    Raises:
        ArtifactError: a file is missing or damaged, lacks a column, or there is nothing to learn from.
    """
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        parts = {
            name: pq.read_table(folder / f"{name}.parquet", columns=list(COLUMNS))
            for name in ("train", "test")
        }
    except (OSError, ValueError, KeyError, pa.ArrowException) as e:
        raise ArtifactError(
            f"{folder} is no data set of conversations ({e}); make one with `python -m training.datasets`"
        ) from e
    training, held_out = (
        tuple(
            Sample(prompt, completion if completion.endswith(END) else completion + END)
            for prompt, completion in zip(*(table[c].to_pylist() for c in COLUMNS), strict=True)
        )
        for table in (parts["train"], parts["test"])
    )
    if not training or not held_out:
        raise ArtifactError(
            f"{folder} holds {len(training)} conversations to learn from and {len(held_out)} to be judged on; "
            "both are needed, wait for more"
        )
    rows = len(training) + len(held_out)
    return Conversations(
        corpus=Corpus(training=training, held_out=held_out),
        card={
            "sha256": str(card["hash"]),
            "hash": str(card["hash"]),
            "folder": str(folder),
            "samples": rows,
            "source": "; ".join(card.get("sources", ["not said"])),
            "catalog": str(card.get("catalog", "as logged")),
            "simulated": bool(card["simulated"]),
        },
    )


def template_dialogues(
    settings: Settings, config: LoraTraining, *, count: int = INITIAL_SAMPLES
) -> Conversations:
    """Make `count` dialogues over the current catalogue, seeded by the run, and keep them beside the data sets.

    Raises:
        NotFoundError: there is no catalogue yet.
    """
    catalog = Catalog.load(current(settings.paths.catalog))
    samples = make_samples(catalog, count=count, seed=config.seed)
    path = settings.paths.state / "datasets" / "nlg-initial.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return Conversations(
        corpus=Corpus.split(samples, config),
        card={
            "sha256": write_samples(path, samples),
            "samples": len(samples),
            "source": "template dialogues, simulated questions",
            "catalog": catalog.version,
            "simulated": True,
        },
    )
