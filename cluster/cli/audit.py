"""`naviyam audit`: who changed what over HTTP, and what became of it."""

from typing import Annotated

import typer

from cluster.cli.session import Session, table


def audit(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, the newest first.")] = 30,
) -> None:
    """List what was changed over /admin: when, by which key, for whom, from what to what, why, and how it ended."""
    from cluster.audit.sql_store import SqlAudit
    from cluster.database import open_engine

    session: Session = ctx.obj
    entries = SqlAudit(open_engine(session.settings)).entries(limit=limit)
    rows = [
        (
            e.act.at.isoformat(timespec="seconds"),
            f"{e.act.said_by} ({e.act.who})" if e.act.said_by else e.act.who,
            e.act.what,
            e.act.target,
            _facts(e.act.before),
            _facts(e.after),
            e.act.why,
            f"{e.outcome}: {e.words}" if e.words else e.outcome,
        )
        for e in entries
    ]
    columns = ("at", "who", "what", "target", "from", "to", "why", "outcome")
    session.answer(
        {"entries": [e.to_dict() for e in entries]}, table("changes over HTTP", columns, rows)
    )


def _facts(held: object) -> str:
    found = dict(held) if isinstance(held, dict) else {}
    return ", ".join(f"{k} {v}" for k, v in found.items() if v not in ("", None, []))
