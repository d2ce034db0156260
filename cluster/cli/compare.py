"""`naviyam compare`: any number of trained versions in one table, by their cards or measured anew. No Ray."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from naviyam.settings import Settings

KINDS = {"wide_deep": "ranker", "ranker": "ranker", "lora": "lora", "nlg": "lora", "nlu_classifier": "nlu", "nlu": "nlu"}  # fmt: skip
"""What a card calls itself, and what `python -m training.evaluation` calls it."""


def compare(
    ctx: typer.Context,
    versions: Annotated[
        list[str],
        typer.Argument(
            help="Model folders, name@version below the models of this installation, or name for what serves.",
            metavar="VERSION...",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data set to measure all of them on anew, each beside the first.", exists=True
        ),
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Measure anew what needs no data set (nlu).")
    ] = False,
) -> None:
    """Compare trained versions of one kind: what their cards say, or one fresh measurement of all on the same data.

    Figures of different cards may come from different data sets: the table names each one's. With --data every version
    is measured on the same held-out part; a difference to the first is shown with its paired 95 % interval.
    """
    from naviyam.errors import ConflictError

    session: Session = ctx.obj
    folders = [resolve(session.settings, name) for name in versions]
    cards = [read_card(folder) for folder in folders]
    kinds = {KINDS.get(str(card.get("kind")), str(card.get("kind"))) for card in cards}
    if len(kinds) > 1:
        raise ConflictError(
            f"{', '.join(versions)} are of kinds {sorted(kinds)}; compare versions of one kind"
        )
    names = [label(name, card) for name, card in zip(versions, cards, strict=True)]
    (kind,) = kinds
    if data is None and not anew:
        rows = [from_card(name, card) for name, card in zip(names, cards, strict=True)]
        title = f"{kind}: figures of the cards"
    else:
        rows = _measured(session, kind, list(zip(names, folders, strict=True)), data)
        title = f"{kind}: measured on {data or 'the labelled sets'}"
    figures = dict.fromkeys(key for row in rows for key in row if key != "version")
    shown = [[figure, *(_shown(row.get(figure)) for row in rows)] for figure in figures]
    columns = ("", *(str(row["version"]) for row in rows))
    session.answer({"kind": kind, "versions": rows}, table(title, columns, shown))


def resolve(settings: "Settings", name: str) -> Path:
    """Return the folder that `name` means: a folder, `name@version`, or a name whose `CURRENT` version serves.

    Raises:
        NotFoundError: there is none; the message lists the versions.
    """
    from naviyam.errors import NotFoundError
    from naviyam.versions import current_version, list_versions

    folder = Path(name).expanduser()
    if (folder / "model.json").is_file():
        return folder
    model, _, version = name.partition("@")
    root = settings.paths.models / model
    wanted = version or current_version(root)
    if wanted and "/" not in name and (root / wanted / "model.json").is_file():
        return root / wanted
    known = ", ".join(f"{model}@{v}" for v in list_versions(root)) if "/" not in model else ""
    raise NotFoundError(
        f"{name!r} is neither a model's folder nor a version below {settings.paths.models}; "
        f"there are: {known or 'none of that name'}"
    )


def read_card(folder: Path) -> dict[str, Any]:
    """Return a model's card.

    Raises:
        ArtifactError: it is not JSON.
    """
    from naviyam.errors import ArtifactError

    try:
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ArtifactError(f"{folder / 'model.json'} cannot be read ({e}); restore it") from e
    if not isinstance(card, dict):
        raise ArtifactError(f"{folder / 'model.json'} holds no card; restore it")
    return card


def label(name: str, card: dict[str, Any]) -> str:
    """Return what a version is called in the table: as it was asked for, a folder by its card's version.

    >>> label("ranker@v1", {"version": "v1"}), label("/models/ranker/v2", {"version": "v2"})
    ('ranker@v1', 'ranker/v2')
    """
    if "/" not in name:
        return name
    path = Path(name)
    version = str(card.get("version") or path.name)
    return f"{path.parent.name if path.name == version else path.name}/{version}"


def from_card(name: str, card: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table: version, parent, data set, whether simulated, and every plain metric of the card.

    >>> from_card("a", {"metrics": {"auc": 0.7, "held": {"f1": 0.5}}, "dataset_hash": "0123456789abcdef"})
    {'version': 'a', 'parent': None, 'data': '0123456789ab', 'simulated': None, 'auc': 0.7, 'held.f1': 0.5}
    """
    given = card.get("dataset") or card.get("data") or {}
    digest = card.get("dataset_hash") or given.get("hash") or given.get("sha256")
    parent = card.get("parent")
    return {
        "version": name,
        "parent": parent.get("version") if isinstance(parent, dict) else parent,
        "data": None if digest is None else str(digest)[:12],
        "simulated": card.get("simulated", given.get("simulated")),
        **_plain(card.get("metrics") or {}),
    }


def _plain(metrics: dict[str, Any], before: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            found |= _plain(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[before + key] = value
    return found


def _measured(
    session: Session, kind: str, versions: list[tuple[str, Path]], data: Path | None
) -> list[dict[str, Any]]:
    """Measure every version beside the first; the evaluation program loads what it needs in a process of its own."""
    from cluster.cli.program import run_program

    first = versions[0]
    rows: list[dict[str, Any]] = []
    for name, folder in versions[1:] or [first]:
        session.say(f"compare: {name} beside {first[0]}")
        arguments = [kind, "--candidate", str(folder), "--champion", str(first[1]), "--dry-run"]
        found = run_program(
            session,
            "training.evaluation",
            arguments + ([] if data is None else ["--data", str(data)]),
        )
        if not rows:
            rows.append({"version": first[0], **found["champion"]})
        if folder is not first[1]:
            rows.append(
                {
                    "version": name,
                    **found["candidate"],
                    **{f"{m}_difference": d for m, d in found["difference"].items()},
                }
            )
    return rows


def _shown(value: Any) -> object:
    """Return a cell; a difference is written with its interval, a small number with four places."""
    if isinstance(value, dict):
        return " ".join(
            "-" if value[k] is None else f"{value[k]:+.4f}" for k in ("mean", "low", "high")
        )
    return f"{value:.4f}" if isinstance(value, float) and abs(value) < 10 else value
