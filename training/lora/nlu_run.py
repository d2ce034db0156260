"""One training of the `nlu` adapter: data, the loop, what it reads right of messages it never saw, and its card."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from naviyam.settings import Settings
from training.lora.base import prepare_base
from training.lora.card import write_card
from training.lora.data import write_samples
from training.lora.loop import LoraTraining, Progress, train
from training.lora.nlu_data import make_nlu_samples
from training.lora.nlu_score import read_held_out


def train_nlu(
    settings: Settings,
    arguments: argparse.Namespace,
    config: LoraTraining,
    *,
    code: str,
    parent: Mapping[str, Any] | None,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train into `arguments.out` (default: `<paths.adapters>/nlu`) and return the folder with the metrics.

    `parent` is the card of `arguments.parent`, which then is continued; keep its seed, or what was kept apart is learned.
    """
    out: Path = arguments.out or settings.paths.adapters / "nlu"
    out.mkdir(parents=True, exist_ok=True)
    made = make_nlu_samples(settings.paths.shared_data, count=arguments.samples, seed=config.seed)
    path = settings.paths.state / "datasets" / "nlu-initial.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = write_samples(path, made.samples)
    base = prepare_base(settings)
    metrics = train(base, made.samples, out, config, report=report, parent=arguments.parent)
    metrics |= read_held_out(base, out, made.held_out, threads=config.threads)
    data = {
        "sha256": digest,
        "samples": len(made.samples),
        "source": "training/nlu: hand-written messages, filled patterns, small talk",
        "catalog": "none",
        "simulated": False,
    }
    write_card(
        out,
        base=settings.llm.base,
        config=config,
        metrics=metrics,
        data=data,
        code=code,
        parent=parent,
        role="nlu",
    )
    card = json.loads((out / "model.json").read_text(encoding="utf-8"))
    (out / "README.md").write_text(_readme(card), encoding="utf-8")
    return {"adapter": str(out), **metrics}


def _readme(card: Mapping[str, Any]) -> str:
    m, d, t = card["metrics"], card["data"], card["training"]
    steps = f" --max-steps {t['max_steps']}" if t["max_steps"] else ""
    continued = f"- Continues adapter {card['parent']['version']}.\n" if card["parent"] else ""
    steps += " --parent PARENT" if card["parent"] else ""
    command = (
        f"python -m training.lora --task nlu --samples {d['samples']} --epochs {t['epochs']} --learning-rate"
        f" {t['learning_rate']}{steps} --seed {t['seed']} --threads {t['threads']}"
    )
    return f"""# nlu adapter {card["version"]}

A LoRA adapter (rank {t["rank"]}, alpha {t["alpha"]}, {", ".join(t["target_modules"])}) on `{card["base"]}` (Apache-2.0). It answers a child's message with
JSON: the intent, the filters that were said and, where they do not hold it, the semantic query. `naviyam.nlu.llm` has prompt and schema.

- Data: {d["samples"]} samples ({d["source"]}); SHA-256 `{d["sha256"][:16]}`. Filters of filled patterns are the rules', those of hand-written
  messages are gold. Small talk: korean_smalltalk_qa MIT, 3i4k CC BY-SA 4.0; read in place, not copied.
{continued}- Kept apart: {m["messages"]:.0f} hand-written messages. Decoded greedily, without the schema: intents {m["intent_accuracy"]:.3f}, filters F1 {m["filter_f1"]:.3f}, intent and filters
  exact {m["exact"]:.3f}. Perplexity {m["perplexity"]:.3f} on {m["held_out"]:.0f} samples of the same patterns; the plain base has {m["base_perplexity"]:.1f}.
- Made by `{command}` ({m["steps"]:.0f} steps of {t["batch_size"]}), code `{card["code"]}`.
- Limits: `naviyam evaluate understanding` says what it adds to rules and classifier. It proposes; it never overrules safety.
"""
