"""`naviyam data`: a sample workbook, imports, and what the catalogue holds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.session import Session, table

app = typer.Typer(no_args_is_help=True, help="Make, import and describe data.")


@app.command()
def generate(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="The workbook to write.", metavar="XLSX")] = Path(
        "sample_data.xlsx"
    ),
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Write the seeded sample workbook: invented shops, menus, users, orders, favourites and reviews."""
    from cluster.cli.sources import write_sample
    from naviyam.errors import ConflictError

    session: Session = ctx.obj
    if out.exists() and not force:
        raise ConflictError(f"{out} is there already; name another file or give --force")
    sheets = write_sample(session.settings, out)
    session.answer(
        {"file": str(out), "sheets": sheets},
        table(f"{out}: {len(sheets)} sheets", ("sheet", "rows"), sheets.items()),
    )


@app.command("import")
def import_(
    ctx: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Public lists (CSV) and workbooks (XLSX).", exists=True, dir_okay=False
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report only.")] = False,
) -> None:
    """Import files into a new version of the catalogue; rows that cannot be used are counted with their reason."""
    from cluster.cli.sources import import_files, read_files
    from naviyam.catalog.store import Catalog

    session: Session = ctx.obj
    version = None
    if dry_run:
        report = read_files(paths).to_dict()
    else:
        folder = import_files(paths, session.settings)
        version, report = folder.name, Catalog.load(folder).card["import"]
    rows = [
        (t, n, report["kept"].get(t, 0), n - report["kept"].get(t, 0))
        for t, n in report["read"].items()
    ]
    reasons = [(t, r, n) for t, found in report["set_aside"].items() for r, n in found.items()]
    unknown = [
        *(("sheet", name) for name in report["unknown_tables"]),
        *((f"column of {t}", c) for t, names in report["unknown_columns"].items() for c in names),
    ]
    session.answer(
        {"version": version, **report},
        table("read", ("table", "read", "kept", "set aside"), rows),
        *([table("set aside", ("table", "reason", "rows"), reasons)] if reasons else []),
        *([table("unknown, not read", ("what", "name"), unknown)] if unknown else []),
        f"catalogue {version}; `naviyam bootstrap` brings index and ranker after it"
        if version
        else "nothing was written",
    )


@app.command()
def report(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option(help="Also write it as a Markdown file.", metavar="MD")
    ] = None,
) -> None:
    """Describe the current catalogue: coverage of what matters for learning, distributions, what is missing."""
    from cluster.cli.coverage import as_markdown, describe
    from naviyam.catalog.store import Catalog
    from naviyam.versions import current

    session: Session = ctx.obj
    catalog = Catalog.load(current(session.settings.paths.catalog))
    found = describe(catalog)
    if out:
        out.write_text(as_markdown(found), encoding="utf-8")
    coverage: list[dict[str, Any]] = found["coverage"]
    session.answer(
        found,
        table(
            f"catalogue {found['version']}: {found['shops']:,} shops, {found['menus']:,} menus",
            ("order", "what", "known", "share"),
            [(c["order"], c["what"], c["known"], c["share"]) for c in coverage],
        ),
        table("categories", ("category", "shops"), found["categories"].items()),
        table("cheapest menu (won)", ("quantile", "won"), found["min_price_won"].items()),
        table("districts", ("district", "shops"), list(found["districts"].items())[:15]),
    )
