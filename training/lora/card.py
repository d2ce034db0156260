"""The card of an adapter: `model.json` for programs, `README.md` for people; what made it and what it scored."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from training.lora.loop import LoraTraining

SCHEMA_VERSION = 1


def write_card(
    out: Path,
    *,
    base: str,
    config: LoraTraining,
    metrics: Mapping[str, float],
    data: Mapping[str, Any],
    code: str,
    parent: Mapping[str, Any] | None = None,
    role: str = "nlg",
) -> None:
    """Write both cards beside the adapter's weights; `parent` is the card of the adapter it continues."""
    weights = sha256((out / "adapter_model.safetensors").read_bytes()).hexdigest()
    card = {
        "schema_version": SCHEMA_VERSION,
        "kind": "lora",
        "role": role,
        "version": weights[:12],
        "parent": parent and {k: parent[k] for k in ("version", "data", "training", "metrics")},
        "base": base,
        "sha256": weights,
        "data": dict(data),
        "training": asdict(config),
        "metrics": dict(metrics),
        "code": code,
    }
    text = json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True)
    (out / "model.json").write_text(text + "\n", encoding="utf-8")
    (out / "README.md").write_text(_readme(card), encoding="utf-8")


def _ancestry(parent: Mapping[str, Any] | None) -> str:
    if parent is None:
        return ""
    d, t, m = parent["data"], parent["training"], parent["metrics"]
    return (
        f"- Continues adapter {parent['version']}, made by `{_command(parent)} --out PARENT` ({m['steps']:.0f} steps of"
        f" {t['batch_size']}) on dialogues with SHA-256 `{d['sha256'][:16]}`.\n"
    )


def _command(card: Mapping[str, Any]) -> str:
    t, data = card["training"], card["data"]
    steps = f" --max-steps {t['max_steps']}" if t["max_steps"] else ""
    parent = " --parent PARENT" if card.get("parent") else ""
    source = f"--data {data['folder']}" if "folder" in data else f"--samples {data['samples']}"
    more = f" --accumulation {t['accumulation']}" if t.get("accumulation", 1) > 1 else ""
    return (
        f"python -m training.lora {source} --epochs {t['epochs']} --learning-rate"
        f" {t['learning_rate']}{more}{steps} --seed {t['seed']} --threads {t['threads']}{parent}"
    )


def _readme(card: Mapping[str, Any]) -> str:
    m, d, t = card["metrics"], card["data"], card["training"]
    samples = t["batch_size"] * t.get("accumulation", 1)
    simulated = ", **simulated**" if d["simulated"] else ""
    judged = (
        ""
        if "folder" in d
        else "\n  The targets come from the same templates as the fallback writer's, so this measures how well the style was"
        "\n  learned and no more."
    )
    return f"""# nlg adapter {card["version"]}

A LoRA adapter (rank {t["rank"]}, alpha {t["alpha"]}, {", ".join(t["target_modules"])}) on `{card["base"]}` (Apache-2.0). It writes Naviyam's
answers: short, polite Korean around slots, which the service fills with facts from the catalogue and checks.

- Data: {d["samples"]} dialogues{simulated} ({d["source"]}), catalogue {d["catalog"]}; SHA-256 `{d["sha256"][:16]}`.
{_ancestry(card["parent"])}- Held out: perplexity {m["perplexity"]:.3f} on {m["held_out"]:.0f} dialogues; the plain base has {m["base_perplexity"]:.1f} on the same.{judged}
- Made by `{_command(card)}` ({m["steps"]:.0f} steps of {samples} dialogues), code `{card["code"]}`.
- Limits: it knows only the compact prompt of `naviyam.nlg.prompt`; what it writes is checked before it leaves.
"""
