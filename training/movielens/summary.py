"""The seeds of the benchmark side by side: means, every seed, and the margin over the best baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.movielens.protocol import SeedResult

FIGURES = ("ndcg", "precision", "recall", "map", "coverage")
OURS = ("funnels_mean", "wide_only", "deep_only", "wide_deep")


def summary(results: Sequence[SeedResult], data: str, protocol: str) -> dict[str, Any]:
    """Return what is printed: means over seeds, NDCG of every seed, settings, protocol."""
    plain = [r.to_dict() for r in results]
    systems: dict[str, dict[str, Any]] = {}
    for name in results[0].systems:
        rows = [r["systems"][name] for r in plain]
        systems[name] = {f: round(float(np.mean([row[f] for row in rows])), 4) for f in FIGURES}
        systems[name]["ndcg_by_seed"] = [row["ndcg"] for row in rows]
    baselines = {name: s["ndcg"] for name, s in systems.items() if name not in OURS}
    best = max(baselines, key=lambda name: baselines[name])
    margins = [
        round(r["systems"]["wide_deep"]["ndcg"] - r["systems"][best]["ndcg"], 4) for r in plain
    ]
    return {
        "data": data,
        "protocol": protocol,
        "seeds": [r.seed for r in results],
        "systems": systems,
        "best_baseline": best,
        "margin_by_seed": margins,
        "candidate_recall": [r["candidate_recall"] for r in plain],
        "chosen": {str(r.seed): r.to_dict()["chosen"] for r in results},
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the systems as lines of text, the weakest first."""
    lines = [" ".join([f"{'':14}", *(f"{f:>10}" for f in FIGURES), "  NDCG by seed"])]
    for name, row in sorted(found["systems"].items(), key=lambda item: item[1]["ndcg"]):
        cells = " ".join(f"{row[f]:>10.4f}" for f in FIGURES)
        lines.append(f"{name:14} {cells}   {row['ndcg_by_seed']}")
    lines.append(f"margin over {found['best_baseline']}: {found['margin_by_seed']}")
    return "\n".join(lines)
