"""A data set folder of conversations: `train.parquet`, `test.parquet` (prompt, completion) and `card.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from naviyam.errors import ArtifactError
from naviyam.nlg.prompt import END
from training.lora.data import Sample
from training.lora.loop import Corpus

COLUMNS = ("prompt", "completion")


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
            "source": "good conversations of the event log",
            "catalog": str(card.get("catalog", "as logged")),
            "simulated": bool(card["simulated"]),
        },
    )
