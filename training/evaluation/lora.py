"""An adapter beside the champion: perplexity on held-out answers, and what both write to the same seeded questions."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cluster.registry.adapters import check_adapter
from naviyam import versions
from naviyam.catalog.store import Catalog
from naviyam.errors import ArtifactError
from naviyam.evaluation.drafts import MEASURES, judge_draft, offline_score
from naviyam.intervals import Resample, paired
from naviyam.nlg.brief import WriteRequest
from naviyam.nlg.prompt import build_prompt
from naviyam.settings import Evaluation, Settings
from training.evaluation.adapters import AT_ONCE, Adapters, Draft, Loss
from training.lora.base import prepare_base
from training.lora.data import make_request

F64 = npt.NDArray[np.float64]
PAIR: Final = ("candidate", "champion")

_PROMPT_SEED: Final = 90_001
"""Apart from the seeds that training data are drawn with; the same for every comparison over a catalogue."""


class Writes(Protocol):
    """What is asked of a pair of adapters; `Adapters` is the real one."""

    def losses(self, name: str, samples: Sequence[tuple[str, str]]) -> list[Loss]: ...

    def write(self, name: str, prompts: Sequence[str], *, max_tokens: int) -> list[Draft]: ...


def evaluate(settings: Settings, *, candidate: Path, champion: Path, data: Path) -> dict[str, Any]:
    """Return the figures of both adapters.

    Raises:
        ArtifactError: an adapter is damaged or of another base, or the data set has no held-out answers.
    """
    held_out, simulated = read_held_out(data, settings)
    catalog = Catalog.load(versions.current(settings.paths.catalog))
    base = prepare_base(settings)
    folders = dict(zip(PAIR, (candidate, champion), strict=True))
    for folder in folders.values():
        check_adapter(folder, base)
    adapters = Adapters(base, folders, threads=settings.evaluation.threads)
    requests = make_requests(catalog, settings.evaluation.prompts)
    return compare(adapters, held_out, requests, settings) | {"simulated": simulated}


def read_held_out(data: Path, settings: Settings) -> tuple[list[tuple[str, str]], bool]:
    """Return (prompt, answer) pairs of the later part, evenly over time, and whether any is simulated.

    Raises:
        ArtifactError: the part is missing, empty, or has other columns.
    """
    path = data / "test.parquet"
    try:
        table = pq.read_table(path, partitioning=None)
        rows = list(zip(table["prompt"].to_pylist(), table["completion"].to_pylist(), strict=True))
    except (OSError, KeyError, pa.ArrowException) as e:
        raise ArtifactError(f"{path} is no held-out part of a text data set ({e})") from e
    if not rows:
        raise ArtifactError(f"{path} is empty; wait for more conversations")
    kept = min(len(rows), settings.evaluation.held_out_answers)
    picked = np.linspace(0, len(rows) - 1, kept).astype(int)
    simulated = "simulated" not in table.column_names or any(table["simulated"].to_pylist())
    return [rows[i] for i in picked], simulated


def make_requests(catalog: Catalog, count: int) -> list[WriteRequest]:
    """Return the questions of the comparison: simulated, over shops of the catalogue."""
    rng = random.Random(_PROMPT_SEED)
    return [make_request(catalog, rng) for _ in range(count)]


def compare(
    adapters: Writes,
    held_out: Sequence[tuple[str, str]],
    requests: Sequence[WriteRequest],
    settings: Settings,
) -> dict[str, Any]:
    """Measure both and compare them answer by answer."""
    drafts = write_all(adapters, requests, max_tokens=settings.writing.max_tokens)
    loss = {name: adapters.losses(name, held_out) for name in PAIR}
    options = settings.evaluation
    texts = Resample.of(np.arange(len(held_out)), draws=options.draws, seed=settings.seed)
    answers = Resample.of(np.arange(len(requests)), draws=options.draws, seed=settings.seed)
    found = {
        name: {"perplexity": perplexity(loss[name], texts)}
        | {
            measure: answers.means(values)
            for measure, values in measures(requests, drafts[name], options).items()
        }
        for name in PAIR
    }
    one, other = (found[name] for name in PAIR)
    return {
        "kind": "lora",
        **{
            name: {m: round(float(v[0]), 5) for m, v in found[name].items()}
            | {"tokens": round(float(np.mean([d.tokens for d in drafts[name]])), 1)}
            for name in PAIR
        },
        "difference": {m: paired(one[m], other[m]).to_dict() for m in one},
        "held_out": {"answers": len(held_out), "prompts": len(requests)},
        "notes": [
            "Answers are written greedily by plain transformers, eight at once: latency_s compares the two and is not "
            "the service's. The questions are simulated.",
        ],
    }


def write_all(
    adapters: Writes, requests: Sequence[WriteRequest], *, max_tokens: int
) -> dict[str, list[Draft]]:
    """Let both write to every question, batch by batch in turn: what else the machine does meets both alike."""
    prompts = [build_prompt(r) for r in requests]
    found: dict[str, list[Draft]] = {name: [] for name in PAIR}
    for number, begin in enumerate(range(0, len(prompts), AT_ONCE)):
        for name in PAIR if number % 2 == 0 else PAIR[::-1]:
            some = prompts[begin : begin + AT_ONCE]
            found[name] += adapters.write(name, some, max_tokens=max_tokens)
    return found


def measures(
    requests: Sequence[WriteRequest], drafts: Sequence[Draft], options: Evaluation
) -> Mapping[str, F64]:
    """Return every measure per answer [n]; `score` is the offline score."""
    judged = [judge_draft(r, d.text) for r, d in zip(requests, drafts, strict=True)]
    return {
        **{m: np.array([j[m] for j in judged]) for m in MEASURES},
        "score": np.array([offline_score(j, options) for j in judged]),
        "latency_s": np.array([d.seconds for d in drafts]),
    }


def perplexity(losses: Sequence[Loss], drawn: Resample) -> F64:
    """Return exp(mean loss per answer token) on every drawn sample of the answers."""
    nats = drawn.totals(np.array([x.nats for x in losses]))
    tokens = drawn.totals(np.array([float(x.tokens) for x in losses]))
    value: F64 = np.exp(nats / tokens)
    return value
