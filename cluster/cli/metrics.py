"""`naviyam metrics`: what is measured, and the files that Prometheus and Grafana are given."""

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.session import Session, table

app = typer.Typer(no_args_is_help=True, help="What is measured; files for Prometheus and Grafana.")


@app.command("list")
def list_metrics(
    ctx: typer.Context,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As docs/metrics.md holds it.")
    ] = False,
) -> None:
    """Show every metric: its name in Prometheus, type, unit, labels and meaning."""
    from cluster.telemetry import reference

    session: Session = ctx.obj
    if markdown:
        typer.echo(reference.markdown(), nl=False)
        return
    found = reference.rows()
    columns = ("name", "type", "unit", "labels", "meaning")
    session.answer(
        {"metrics": found},
        table(
            "",
            columns,
            [
                [", ".join(v) if isinstance(v := row[c], list) else v for c in columns]
                for row in found
            ],
        ),
    )


@app.command("write")
def write(
    ctx: typer.Context,
    folder: Annotated[
        Path,
        typer.Option("--to", help="Where to; the repository's are in deploy.", metavar="FOLDER"),
    ] = Path("deploy"),
    discovery: Annotated[
        str | None,
        typer.Option(
            help="File in which Ray lists its metrics ports; default: of the running head.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Write Prometheus' configuration and rules and Grafana's dashboards, with the limits of these settings."""
    from cluster.telemetry.files import DISCOVERY, files

    session: Session = ctx.obj
    listed = discovery or _running(session) or DISCOVERY
    written = []
    for name, text in files(session.settings, discovery=listed).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(str(path))
    session.answer({"written": written, "discovery": listed}, *written)


def _running(session: Session) -> str | None:
    """Return the discovery file of the head that runs from this state folder, None where none does."""
    from cluster.ray_io.head import find_head

    head = find_head(session.settings)
    return (
        None if head is None else str(Path(head.temp_dir) / "prom_metrics_service_discovery.json")
    )
