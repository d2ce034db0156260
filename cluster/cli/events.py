"""`naviyam events`: questions to the event log in SQL, and its compaction."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from cluster.cli.session import Session, table

app = typer.Typer(no_args_is_help=True, help="Ask and compact the event log.")


@app.command()
def query(
    ctx: typer.Context,
    sql: Annotated[
        str,
        typer.Argument(
            help="One SELECT over the views `interactions` and `feedback`.", metavar="SQL"
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="Rows at most.")] = 1_000,
) -> None:
    """Ask in SQL (DuckDB): Parquet and open segments as one, every record once, nobody who was forgotten. Read only."""
    from naviyam.feedback.query import query as ask
    from naviyam.feedback.store import EventStore

    session: Session = ctx.obj
    with _storage_errors(session):
        answer = ask(EventStore.of(session.settings), sql, limit=limit)
    if answer.cut:
        session.say(f"only the first {limit} rows; --limit asks for more")
    session.answer(
        {
            "columns": answer.columns,
            "rows": [dict(zip(answer.columns, row, strict=True)) for row in answer.rows],
            "cut": answer.cut,
        },
        table("", answer.columns, answer.rows),
    )


@app.command()
def compact(ctx: typer.Context) -> None:
    """Bring closed segments to Parquet by day and hour; remove forgotten users and raw texts whose time is over."""
    from naviyam.clock import SystemClock
    from naviyam.feedback.compaction import compact as run
    from naviyam.feedback.store import EventStore

    session: Session = ctx.obj
    settings = session.settings
    with _storage_errors(session):
        store = EventStore.of(settings)
        done = run(
            store,
            SystemClock(),
            raw_text_days=settings.safety.raw_text_days,
            merge_up_to_bytes=settings.events.merge_up_to_mib * 2**20,
        )
    document = {"events": store.storage.root, **asdict(done)}
    session.answer(document, table("events compact", ("what", "value"), document.items()))


@contextlib.contextmanager
def _storage_errors(session: Session) -> Iterator[None]:
    from naviyam.errors import ConflictError

    try:
        yield
    except OSError as e:
        where = session.settings.events.uri or session.settings.paths.events
        raise ConflictError(f"the events in {where} cannot be read or written: {e}") from e
