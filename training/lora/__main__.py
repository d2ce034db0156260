"""`python -m training.lora`: make the dialogues, train an adapter on the plain base, write it with its card."""

import argparse
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from naviyam.catalog.store import Catalog
from naviyam.errors import ConfigError, NaviyamError
from naviyam.settings import Settings
from naviyam.versions import current
from training.lora.base import prepare_base
from training.lora.card import write_card
from training.lora.data import make_samples, write_samples
from training.lora.loop import LoraTraining, Progress, train
from training.lora.nlu_run import train_nlu


def main() -> int:
    """Parse the command line and train; progress goes to standard error, the metrics to standard output."""
    arguments = _parse()
    try:
        settings = Settings.load(arguments.config)
        if arguments.task == "nlu":
            found = train_nlu(
                settings,
                arguments,
                _config(settings, arguments),
                code=_code_version("naviyam/nlu", "training/nlu"),
                parent=_parent(arguments.parent, arguments.out or settings.paths.adapters / "nlu"),
                report=_report,
            )
            sys.stdout.write(json.dumps(found) + "\n")
            return 0
        catalog = Catalog.load(current(settings.paths.catalog))
        samples = make_samples(catalog, count=arguments.samples, seed=arguments.seed)
        out: Path = arguments.out or settings.paths.adapters / "nlg"
        out.mkdir(parents=True, exist_ok=True)
        data_path = settings.paths.state / "datasets" / "nlg-initial.jsonl"
        data_path.parent.mkdir(parents=True, exist_ok=True)
        data_hash = write_samples(data_path, samples)
        config = _config(settings, arguments)
        parent = _parent(arguments.parent, out)
        metrics = train(
            prepare_base(settings), samples, out, config, report=_report, parent=arguments.parent
        )
        write_card(
            out,
            base=settings.llm.base,
            config=config,
            metrics=metrics,
            data={
                "sha256": data_hash,
                "samples": len(samples),
                "source": "template dialogues, simulated questions",
                "catalog": catalog.version,
                "simulated": True,
            },
            code=_code_version("naviyam/nlg"),
            parent=parent,
        )
    except NaviyamError as e:
        sys.stderr.write(f"error: {e}\n")
        return 1
    sys.stdout.write(json.dumps({"adapter": str(out), **metrics}) + "\n")
    return 0


def _config(settings: Settings, arguments: argparse.Namespace) -> LoraTraining:
    return LoraTraining(
        target_modules=settings.llm.target_modules,
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        max_steps=arguments.max_steps,
        threads=arguments.threads,
        seed=arguments.seed,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.lora", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/local.yaml"))
    parser.add_argument("--task", choices=("nlg", "nlu"), default="nlg", help="what it learns")
    parser.add_argument(
        "--out", type=Path, help="adapter folder (default: <paths.adapters>/<task>)"
    )
    parser.add_argument("--parent", type=Path, help="adapter folder to continue from")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--samples", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--max-steps", type=int, default=None)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


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
    sys.stderr.write(
        f"step {progress.step}/{progress.steps} loss {progress.loss:.3f} tokens {progress.tokens}\n"
    )
    sys.stderr.flush()


def _code_version(*packages: str) -> str:
    """Return a hash of this package's sources and of `packages`: the same in a checkout, a container and an archive."""
    digest = sha256()
    root = Path(__file__).parents[2]
    for folder in ("training/lora", *packages):
        for path in sorted((root / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
