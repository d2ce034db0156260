"""What a search learns from, read once: the initial data, or a data set and a parent. No Ray."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from naviyam.catalog.behavior import Behavior
from naviyam.catalog.store import Catalog
from naviyam.errors import ConfigError
from naviyam.retrieval.encoder import load_encoder
from naviyam.settings import Settings
from naviyam.versions import current
from training.code_version import ADAPTER, RANKER, code_version
from training.lora.base import prepare_base
from training.lora.dataset import read_conversations, template_dialogues
from training.lora.loop import LoraTraining
from training.lora.shape import in_shape_of
from training.tune.spaces import LORA, LORA_AGAIN
from training.tune.studies import LoraStudy, RankerStudy
from training.wide_deep import dataset, incremental, loop
from training.wide_deep.fit import Fitted, Task
from training.wide_deep.output import write_model


def ranker_study(
    settings: Settings, *, data: Path | None, parent: Path | None
) -> tuple[RankerStudy, str]:
    """Return the ranker's study, and a digest of what it learns from."""
    if data is not None:
        plan = incremental.plan(settings, data, parent or current(settings.paths.models / "ranker"))

        def go_on(task: Task, fitted: Fitted, out: Path) -> dict[str, Any]:
            return incremental.finish(
                replace(plan, task=task), fitted, out, code_version=code_version(*RANKER)
            )

        study = RankerStudy(task=plan.task, rows=plan.rows, complete=go_on)
        return study, plan.rows.digest() + plan.task.start_digest()
    folder = current(settings.paths.catalog)
    catalog = Catalog.load(folder)
    encoder = load_encoder(settings.retrieval)
    prepared = dataset.prepare(catalog, Behavior.load(folder, catalog), encoder, settings)
    task, rows = loop.task_of(prepared, settings.ranker_training)

    def complete(task: Task, fitted: Fitted, out: Path) -> dict[str, Any]:
        trained = loop.finished(fitted, task, prepared)
        contents = loop.contents(
            trained, prepared, encoder.name, task.rates.seed, code_version(*RANKER)
        )
        version = write_model(out, **contents)
        return {"folder": str(out), "version": version, "metrics": dict(trained.metrics)}

    return RankerStudy(task=task, rows=rows, complete=complete), rows.digest()


def lora_study(
    settings: Settings, *, data: Path | None, parent: Path | None, seed: int, trial_rows: int
) -> tuple[LoraStudy, str]:
    """Return the adapter's study, and a digest of what it learns from.

    Raises:
        ConfigError: a parent is named that is no adapter.
    """
    parent = parent and parent.absolute()  # trials run in folders of their own
    options = settings.lora_training
    stage = options.incremental if parent else options.initial
    training = LoraTraining(
        target_modules=settings.llm.target_modules,
        batch_size=stage.batch_size,
        accumulation=stage.accumulation,
        warmup_steps=stage.warmup_steps,
        seed=seed,
    )
    training = in_shape_of(training, parent)
    conversations = read_conversations(data) if data else template_dialogues(settings, training)
    card = _card(parent) if parent else None
    study = LoraStudy(
        base=prepare_base(settings),
        base_name=settings.llm.base,
        conversations=conversations,
        training=training,
        trial_samples=trial_rows,
        code_version=code_version(*ADAPTER),
        parent=parent,
        parent_card=card,
        space=LORA_AGAIN if parent else LORA,
    )
    return study, f"{conversations.card['sha256']}{card and card['version']}"


def _card(parent: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((parent / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ConfigError(f"--parent {parent} has no readable model.json ({e})") from e
    return card
