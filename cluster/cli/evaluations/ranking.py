"""Evaluates stage 6: the published ranker's card, a study on simulated behaviour, and real people's ratings. No Ray.

The studies are programs of `training`, run by name. MovieLens has an environment of its own (requirements/recsys.txt):
its figures are read from where that program wrote them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.cli.evaluations.scale import Scale
from cluster.cli.session import Session
from naviyam.evaluation.section import Plot, Section, Table

MOVIELENS = Path("evaluation/movielens.json")
"""Below the state's folder."""

RESTAURANTS = Path("recsys")
"""Below the folder of shared data."""

QUICK_USERS, FULL_USERS, FULL_SEEDS = 200, 300, 3
FIGURES = (
    "ndcg_at_5", "precision_at_5", "recall_at_10", "auc", "ece", "coverage_at_5", "diversity_at_5",
)  # fmt: skip
_SIMULATED = "Behaviour is simulated: the figures compare rankers and say nothing about children."
_NO_MOVIELENS = (
    "No MovieLens figures: make requirements/recsys.txt's environment and run `python -m training.movielens --data "
    "ml-100k.inter --seeds 3 --out {path}`."
)
_NO_IALS = "iALS is left out of the studies run here: the package implicit is not installed."


def run(session: Session, scale: Scale) -> Section:
    """Return the card's figures, the study's, and those of real ratings where their data are."""
    figures: dict[str, Any] = {"card": ranker_figures(session)}
    sets = {"behaviour": "simulated, seed 101 on"}
    card = tuple(figures["card"].items())
    tables = [Table(title="published ranker (its card)", columns=("what", "value"), rows=card)]
    plots: list[Plot] = []
    notes = [_SIMULATED]
    found = _study(session, scale)
    figures["simulated"] = found
    notes += [_chosen(found["worlds"])]
    notes += [] if "ials" in found["worlds"][0]["systems"] else [_NO_IALS]
    tables += simulated_tables(found)
    plots += simulated_plots(found)
    for name, benchmark, missing in (
        ("movielens", *_movielens(session)),
        ("restaurants", *_restaurants(session, scale)),
    ):
        notes += [missing] if missing else []
        if benchmark is not None:
            figures[name] = benchmark
            sets[name] = str(benchmark["data"])
            tables.append(benchmark_table(name, benchmark))
            plots.append(benchmark_plot(name, benchmark))
    return Section(
        figures=figures, sets=sets, tables=tuple(tables), plots=tuple(plots), notes=tuple(notes)
    )


def ranker_figures(session: Session) -> dict[str, Any]:
    """Return the held-out figures in the current ranker's card."""
    from naviyam.versions import current

    folder = current(session.settings.paths.models / "ranker")
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    flat: dict[str, Any] = {"version": folder.name}
    for name, value in card.get("metrics", {}).items():
        if isinstance(value, dict):
            flat |= {f"{name} {key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _study(session: Session, scale: Scale) -> dict[str, Any]:
    from cluster.cli.program import run_program

    users, seeds = (FULL_USERS, FULL_SEEDS) if scale.full else (QUICK_USERS, 1)
    arguments = ["--users", str(users), "--seeds", str(seeds)]
    return run_program(session, "training.wide_deep.study", arguments)


def _movielens(session: Session) -> tuple[dict[str, Any] | None, str]:
    path = session.settings.paths.state / MOVIELENS
    if not path.exists():
        return None, _NO_MOVIELENS.format(path=path)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found, ""


def _restaurants(session: Session, scale: Scale) -> tuple[dict[str, Any] | None, str]:
    from cluster.cli.program import run_program

    folder = session.settings.paths.shared_data / RESTAURANTS
    if not folder.is_dir():
        return None, f"No figures on restaurant ratings: {folder} is not there."
    seeds = "5" if scale.full else "2"
    arguments = ["--data", str(folder), "--seeds", seeds]
    return run_program(session, "training.restaurants", arguments), ""


def simulated_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return the tables: systems over all worlds, the first world's cold users and districts, position bias."""
    world = found["worlds"][0]
    title = (
        f"{world['lists']} lists of {world['users']} simulated users over {world['shops']} shops"
    )
    systems = tuple(
        (name, *_means(found["worlds"], name), _by_world(found["worlds"], name))
        for name in world["systems"]
    )
    columns = ("system", *FIGURES, "ndcg_at_5 by world")
    tables = [Table(title=title, columns=columns, rows=systems)]
    parts = {**world["by_past"], **world["by_district"]}
    names = tuple(next(iter(parts.values())))
    rows = tuple((part, *(row.get(n) for n in names)) for part, row in parts.items())
    tables.append(Table(title="NDCG@5 by past and district", columns=("users", *names), rows=rows))
    if found["clicks"]:
        tables.append(_position_table(found["clicks"]))
    return tables


def _means(worlds: Sequence[Mapping[str, Any]], system: str) -> list[float | None]:
    """Return each of `FIGURES` as its mean over worlds, None where a system has no such figure."""
    rows = [world["systems"][system] for world in worlds]
    known = {name: [row[name] for row in rows if row.get(name) is not None] for name in FIGURES}
    return [sum(values) / len(values) if values else None for values in known.values()]


def _by_world(worlds: Sequence[Mapping[str, Any]], system: str) -> str:
    return " ".join(f"{world['systems'][system]['ndcg_at_5']:.4f}" for world in worlds)


def _chosen(worlds: Sequence[Mapping[str, Any]]) -> str:
    """Return which settings the peers chose in each world."""
    chosen = "; ".join(
        f"world {world['seed']}: {name} {json.dumps(setting)}"
        for world in worlds
        for name, setting in world["peer_settings"].items()
    )
    return f"ItemKNN and iALS chose among eight settings each on the latest lists before the cut. {chosen}"


def _position_table(worlds: Sequence[Mapping[str, Any]]) -> Table:
    """Return the mean over worlds of every way to learn from clicks, and NDCG@5 of each world."""
    rows = []
    for name in worlds[0]["methods"]:
        each = [world["methods"][name] for world in worlds]
        gains = [row["ndcg_at_5"] for row in each]
        aucs = [row["auc"] for row in each]
        by_world = " ".join(f"{gain:.4f}" for gain in gains)
        rows.append((name, sum(gains) / len(gains), sum(aucs) / len(aucs), by_world))
    impressions = sum(world["impressions"] for world in worlds)
    return Table(
        title=f"position bias: {impressions} simulated impressions, judged by true taste",
        columns=("trained", "ndcg_at_5", "auc", "ndcg_at_5 by world"),
        rows=tuple(rows),
    )


def simulated_plots(found: Mapping[str, Any]) -> list[Plot]:
    """Return NDCG by system, and how often what was predicted came true."""
    world = found["worlds"][0]
    systems = world["systems"]
    curve = world["calibration"]
    return [
        Plot(
            title="Simulated behaviour",
            kind="bar",
            x_label="system",
            y_label="NDCG@5",
            x=tuple(systems),
            series={"NDCG@5": tuple(row["ndcg_at_5"] for row in systems.values())},
        ),
        Plot(
            title="Calibration of the ranker",
            kind="line",
            x_label="predicted",
            y_label="observed",
            x=tuple(predicted for predicted, _, _ in curve),
            series={
                "observed": tuple(observed for _, observed, _ in curve),
                "perfect": tuple(predicted for predicted, _, _ in curve),
            },
        ),
    ]


def benchmark_table(name: str, found: Mapping[str, Any]) -> Table:
    """Return the systems of a public benchmark, the best first."""
    columns = ("ndcg", "precision", "recall", "map", "coverage")
    systems = sorted(found["systems"].items(), key=lambda item: -item[1]["ndcg"])
    rows = tuple(
        (system, *(row[c] for c in columns), " ".join(f"{v:.4f}" for v in row["ndcg_by_seed"]))
        for system, row in systems
    )
    title = f"{name}: {found['protocol']}, mean of {len(found['seeds'])} seeds"
    return Table(title=title, columns=("system", *columns, "ndcg by seed"), rows=rows)


def benchmark_plot(name: str, found: Mapping[str, Any]) -> Plot:
    """Return NDCG by system."""
    systems = sorted(found["systems"].items(), key=lambda item: item[1]["ndcg"])
    return Plot(
        title=name,
        kind="bar",
        x_label="system",
        y_label="NDCG",
        x=tuple(system for system, _ in systems),
        series={"NDCG": tuple(row["ndcg"] for _, row in systems)},
    )
