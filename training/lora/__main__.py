"""`python -m training.lora`: train an adapter and write it with its card.

With `--data` it learns from a data set of conversations, else from template dialogues made here. With `--parent` it goes
on from that adapter by the `incremental` settings, else it begins on the plain base by the `initial` ones.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from naviyam.errors import ConfigError, NaviyamError
from naviyam.settings import LoraStage, Settings
from training.code_version import ADAPTER, UNDERSTANDING_ADAPTER, code_version
from training.lora.base import prepare_base
from training.lora.card import write_card
from training.lora.dataset import (
    INITIAL_SAMPLES,
    Conversations,
    read_conversations,
    template_dialogues,
)
from training.lora.loop import LoraTraining, Progress, train
from training.lora.nlu_run import train_nlu
from training.lora.shape import in_shape_of


def main() -> int:
    """Parse the command line and train; progress goes to standard error, the metrics to standard output."""
    arguments = _parse()
    try:
        settings = Settings.load(arguments.config).with_batches(arguments.batch_scale)
        config = _config(settings, arguments)
        out: Path = arguments.out or settings.paths.adapters / arguments.task
        if arguments.task == "nlu":
            found = train_nlu(
                settings,
                arguments,
                config,
                code=code_version(*UNDERSTANDING_ADAPTER),
                parent=_parent(arguments.parent, out),
                report=_report,
            )
            sys.stdout.write(json.dumps(found) + "\n")
            return 0
        parent = _parent(arguments.parent, out)
        conversations = (
            read_conversations(arguments.data)
            if arguments.data
            else template_dialogues(settings, config, count=arguments.samples)
        )
        metrics = _trained(settings, arguments, config, conversations, out)
        write_card(
            out,
            base=settings.llm.base,
            config=config,
            metrics=metrics,
            data=conversations.card,
            code=code_version(*ADAPTER),
            parent=parent,
        )
    except NaviyamError as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    sys.stdout.write(
        json.dumps(
            {
                "adapter": str(out),
                "folder": str(out),
                "simulated": conversations.card["simulated"],
                "metrics": metrics,
                **metrics,
            }
        )
        + "\n"
    )
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.lora", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/local.yaml"))
    parser.add_argument("--data", type=Path, help="data set folder (default: template dialogues)")
    parser.add_argument("--task", choices=("nlg", "nlu"), default="nlg", help="what it learns")
    parser.add_argument(
        "--out", type=Path, help="adapter folder (default: <paths.adapters>/<task>)"
    )
    parser.add_argument("--parent", type=Path, help="adapter folder to continue from")
    parser.add_argument(
        "--workers", type=int, default=0, help="Ray Train workers; 0 trains in this process"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--samples", type=int, default=INITIAL_SAMPLES, help="template dialogues to make"
    )
    parser.add_argument("--max-steps", type=int, default=None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--batch-scale", type=float, default=1.0, help="0.5 holds half as many samples at once"
    )
    stage = parser.add_argument_group("overrides of lora_training.initial or .incremental")
    stage.add_argument("--epochs", type=int)
    stage.add_argument("--learning-rate", type=float)
    stage.add_argument("--batch-size", type=int)
    stage.add_argument("--accumulation", type=int)
    arguments = parser.parse_args()
    if arguments.task == "nlu" and (arguments.workers or arguments.data):
        parser.error(
            "--task nlu makes its own data and trains in this process; leave --data and --workers out"
        )
    if arguments.workers < 0:
        parser.error(f"--workers is {arguments.workers}; it must be 0 or more")
    return arguments


def _config(settings: Settings, arguments: argparse.Namespace) -> LoraTraining:
    """Return the run: the stage's settings, what the command line overrides, and the parent's shape."""
    options = settings.lora_training
    stage: LoraStage = options.incremental if arguments.parent else options.initial
    named = ("epochs", "learning_rate", "batch_size", "accumulation")
    overrides = {k: v for k in named if (v := getattr(arguments, k)) is not None}
    config = LoraTraining(
        rank=options.rank,
        alpha=options.alpha,
        dropout=options.dropout,
        target_modules=settings.llm.target_modules,
        max_steps=arguments.max_steps,
        threads=arguments.threads,
        seed=arguments.seed,
        checkpoint_every=options.checkpoint_every,
        **{**stage.model_dump(), **overrides},
    )
    return in_shape_of(config, arguments.parent)


def _trained(
    settings: Settings,
    arguments: argparse.Namespace,
    config: LoraTraining,
    conversations: Conversations,
    out: Path,
) -> dict[str, float]:
    parent: Path | None = arguments.parent
    if not arguments.workers:
        base = prepare_base(settings)
        return train(base, conversations.corpus, out, config, report=_report, parent=parent)
    from training.lora.on_ray import LoraJob, train_on_ray
    from training.on_ray import cluster_of, forget, run_name

    prepare_base(settings)  # says here, and not in a worker, what is missing
    digest = conversations.card["sha256"]
    name = run_name(
        "lora",
        asdict(config),
        settings.llm.base,
        digest,
        parent,
        code_version(*ADAPTER),
    )
    job = LoraJob(
        settings=settings,
        corpus=conversations.corpus,
        config=config,
        parent=parent and parent.absolute(),
    )
    with cluster_of(settings, os.environ, workers=arguments.workers):
        metrics = train_on_ray(job, out, name=name, workers=arguments.workers)
        forget(settings, name)
    return metrics


def _parent(folder: Path | None, out: Path) -> dict[str, Any] | None:
    """Return the parent's card.

    Raises:
        ConfigError: it has no card, or it would be overwritten by its child.
    """
    if folder is None:
        return None
    if folder.resolve() == out.resolve():
        raise ConfigError(
            f"--out {out} is the parent itself; write beside it and put it in place after"
        )
    card = folder / "model.json"
    if not card.is_file():
        raise ConfigError(f"--parent {folder} has no model.json; name an adapter's folder")
    content: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
    return content


def _report(progress: Progress) -> None:
    held_out = f" perplexity {progress.perplexity:.3f}" if progress.perplexity else ""
    sys.stderr.write(
        f"step {progress.step}/{progress.steps} loss {progress.loss:.3f} tokens {progress.tokens}{held_out}\n"
    )
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
