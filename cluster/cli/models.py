"""`naviyam models`: what is registered, what serves, and who let it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table, who_am_i

if TYPE_CHECKING:
    from cluster.registry.models import ModelVersion, Served
    from cluster.registry.registry import Registry

app = typer.Typer(no_args_is_help=True, help="List, promote, roll back and clean up models.")

Name = Annotated[str, typer.Argument(help="ranker, nlg (adapters), nlu or index.", metavar="MODEL")]
Who = Annotated[str | None, typer.Option(help="Who does it (default: the login name).")]
_HASH_CHARS = 8


@app.command("list")
def list_models(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One model only.", metavar="MODEL")] = None,
) -> None:
    """List the registered versions with their aliases and state."""
    session: Session = ctx.obj
    registry = _open(session)
    found = [v for n in ([name] if name else registry.names()) for v in registry.versions(n)]
    states = {(v.name, v.version): _state(registry, v) for v in found}
    if not found:
        session.say("nothing is registered yet; `naviyam learn` and `naviyam models promote` do")
    rows = [
        (
            v.name,
            v.version,
            states[v.name, v.version],
            v.digest[:_HASH_CHARS],
            v.refused,
        )
        for v in found
    ]
    columns = ("model", "version", "state", "content", "refused because")
    documents = [{**_document(v), "state": states[v.name, v.version]} for v in found]
    session.answer({"models": documents}, table("models", columns, rows))


@app.command()
def show(
    ctx: typer.Context,
    name: Name,
    version: Annotated[
        str | None,
        typer.Argument(
            help="A version, `champion` or `challenger` (default: champion).", metavar="VERSION"
        ),
    ] = None,
) -> None:
    """Show a version's lineage and metrics, and the model's history of what served."""
    session: Session = ctx.obj
    registry = _open(session)
    held = registry.get(name, version or "champion")
    history = registry.history(name)
    document = {
        **_document(held),
        "state": _state(registry, held),
        "history": [e.to_dict() for e in history],
    }
    facts = [
        ("folder", held.folder),
        ("state", _state(registry, held)),
        ("content", held.digest),
        ("registered", held.created_at.isoformat(timespec="seconds")),
        *((key, value) for key, value in document["lineage"].items() if value not in (None, "")),
        *sorted(held.metrics.items()),
    ]
    session.answer(
        document,
        table(f"{name} {held.version}", ("what", "value"), facts),
        table(
            "what served", ("at", "act", "version", "instead of", "who", "why"), map(_row, history)
        ),
    )


@app.command()
def offer(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="ranker or nlg.", metavar="MODEL")],
    folder: Annotated[Path, typer.Argument(help="Of a trained candidate.", exists=True)],
    data: Annotated[Path, typer.Option(help="Data set to measure both on.", exists=True)],
) -> None:
    """Measure a trained or tuned model beside what serves and register it; what is better becomes the challenger."""
    from cluster.cli.learn import outcome_table
    from cluster.cli.program import run_program

    session: Session = ctx.obj
    arguments = [name, str(folder.resolve()), "--data", str(data.resolve())]
    found = run_program(session, "training.offer", arguments)
    session.answer(found, outcome_table({name: found}))


@app.command()
def promote(
    ctx: typer.Context,
    name: Name,
    version: Annotated[str, typer.Argument(help="A version, or `challenger`.", metavar="VERSION")],
    why: Annotated[str, typer.Option(help="The reason, for the history.")] = "by hand",
    who: Who = None,
) -> None:
    """Let a version serve, once its files are checked; running replicas follow within seconds."""
    session: Session = ctx.obj
    _tell(session, _open(session).promote(name, version, who=who or who_am_i(), why=why))


@app.command()
def rollback(
    ctx: typer.Context,
    name: Name,
    to: Annotated[
        str | None, typer.Option(help="A version (default: the last good one).", metavar="VERSION")
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for the history.")] = "by hand",
    who: Who = None,
) -> None:
    """Let an earlier version serve again."""
    session: Session = ctx.obj
    _tell(session, _open(session).rollback(name, to, who=who or who_am_i(), why=why))


@app.command()
def cleanup(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="One model only (default: all).", metavar="MODEL")
    ] = None,
    keep: Annotated[int, typer.Option(min=0, help="Newest versions that stay in any case.")] = 5,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> None:
    """Remove the files of old versions: never champion, challenger, last good, or what a running service uses."""
    session: Session = ctx.obj
    registry = _open(session)
    names = [name] if name else [n for n in registry.names() if n != "index"]
    serving = _serving(session)
    removed = {
        n: list(registry.cleanup(n, keep=keep, serving=serving, dry_run=dry_run)) for n in names
    }
    rows = [(n, version) for n, versions in removed.items() for version in versions]
    title = "would be removed" if dry_run else "removed"
    session.answer(
        {"removed": removed, "dry_run": dry_run, "keep": keep},
        table(title, ("model", "version"), rows),
    )


def _open(session: Session) -> "Registry":
    from cluster.registry.mlflow_registry import open_registry

    return open_registry(session.settings)


def _serving(session: Session) -> frozenset[str]:
    """Return the versions that a running service names, none where nothing answers."""
    import httpx

    try:
        versions = httpx.get(f"{session.base_url}/version", timeout=2).json()
    except (httpx.HTTPError, ValueError):
        return frozenset()
    return frozenset(v.split("@")[-1] for v in versions.values() if isinstance(v, str))


def _tell(session: Session, entry: "Served") -> None:
    session.answer(
        entry.to_dict(),
        table(
            f"{entry.name} serves {entry.version}",
            ("at", "act", "version", "instead of", "who", "why"),
            [_row(entry)],
        ),
    )


def _state(registry: "Registry", held: "ModelVersion") -> str:
    for alias in ("champion", "challenger"):
        named = registry.alias(held.name, alias)
        if named is not None and named.version == held.version:
            return alias
    if held.removed_at is not None:
        return "removed"
    return "refused" if held.refused is not None else "registered"


def _row(entry: "Served") -> tuple[object, ...]:
    at = entry.at.isoformat(timespec="seconds")
    return at, entry.act, entry.version, entry.previous, entry.who, entry.why


def _document(held: "ModelVersion") -> dict[str, Any]:
    return {**held.to_dict(), "folder": str(held.folder)}
