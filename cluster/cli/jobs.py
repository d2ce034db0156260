"""`naviyam jobs`: the queue. Every verb is a read or write of the database, so that it works while the controller is down."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table, who_am_i

if TYPE_CHECKING:
    from cluster.jobs.commands import JobCommands
    from cluster.jobs.runs import Runs
    from cluster.jobs.store import Store

app = typer.Typer(no_args_is_help=True, help="Submit, list, show and cancel jobs.")

JobId = Annotated[str, typer.Argument(help="Id of `jobs list`.", metavar="JOB")]
_COLUMNS = ("job", "state", "attempt", "priority", "who", "submitted", "why")


@app.command()
def submit(
    ctx: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            help="learn, datasets, lora, ranker, nlu, tune or housekeeping.", metavar="KIND"
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="Of the program, after `--`.", metavar="[-- ARGUMENT...]"),
    ] = None,
    priority: Annotated[int, typer.Option(help="Greater is sooner.")] = 0,
    after: Annotated[
        list[str] | None,
        typer.Option(help="Job that must have succeeded; may be repeated.", metavar="JOB"),
    ] = None,
    deadline_s: Annotated[
        float | None, typer.Option(help="Seconds after its start (default: jobs.deadline_s).")
    ] = None,
    retry: Annotated[bool, typer.Option(help="Try again what something else ended.")] = True,
    key: Annotated[
        str, typer.Option(help="The same key gives the same job until it has ended.")
    ] = "",
) -> None:
    """Put a job into the queue; answers at once with its id. Relative paths are meant where `naviyam up` was called."""
    session: Session = ctx.obj
    job = open_commands(session).submit(
        kind,
        arguments or (),
        who=who_am_i(),
        priority=priority,
        after=after or (),
        deadline_s=deadline_s,
        retries=retry,
        dedup_key=key,
    )
    session.answer(job.to_dict(), f"{job.id} {job.state.value}")


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="More than the last 30.")] = False,
) -> None:
    """List jobs, the newest first, and those that others gave to Ray themselves (foreign)."""
    from cluster.jobs.commands import foreign, foreign_row

    session: Session = ctx.obj
    limit = 10_000 if every else 30
    jobs = [job.to_dict() for job in open_commands(session).store.jobs(limit=limit)]
    others, unknown = foreign(open_runs(session))
    rows = [*jobs, *map(foreign_row, others)]
    if unknown:
        session.say(f"jobs given to Ray directly are not shown: {unknown}")
    session.answer(
        {"jobs": rows, "foreign_unknown": unknown},
        table("jobs", _COLUMNS, (_row(each) for each in rows)),
    )


@app.command()
def show(ctx: typer.Context, job: JobId) -> None:
    """Show a job: what it runs, what happened to it and why, and its result."""
    session: Session = ctx.obj
    found = open_commands(session).describe(job)
    history = [
        (h["at"][:19], h["event"], h["state"], h["attempt"], h["reason"]) for h in found["history"]
    ]
    facts = [
        (k, v) for k, v in found.items() if k not in ("history", "result") and v not in ("", None)
    ]
    session.answer(
        found,
        table(job, ("", ""), facts),
        table("history", ("at", "event", "state", "attempt", "why"), history),
        *([table("result", ("", ""), found["result"].items())] if found["result"] else []),
    )


@app.command()
def logs(
    ctx: typer.Context,
    job: JobId,
    attempt: Annotated[int | None, typer.Option(min=1, help="Default: the last.")] = None,
) -> None:
    """Show what a job said, a foreign one's too; kept for jobs.keep_logs_days."""
    session: Session = ctx.obj
    text = open_commands(session).logs(job, attempt, open_runs(session))
    session.answer({"job": job, "log": text}, text.rstrip() or "it has said nothing")


@app.command()
def cancel(
    ctx: typer.Context,
    job: JobId,
    why: Annotated[str, typer.Option(help="For the history.")] = "",
) -> None:
    """Ask for the end of a job; the controller brings it about."""
    session: Session = ctx.obj
    found = open_commands(session).cancel(job, who=who_am_i(), why=why)
    said = f"had ended: {found.state.value}" if found.ended else "will be cancelled"
    session.answer(found.to_dict(), f"{job} {said}")


def open_commands(session: Session) -> "JobCommands":
    """Return the verbs over the installation's database."""
    from cluster.jobs.commands import JobCommands
    from naviyam.clock import SystemClock

    return JobCommands(settings=session.settings, store=open_store(session), clock=SystemClock())


def open_store(session: Session) -> "Store":
    """Return the installation's database."""
    from cluster.jobs.sql_store import SqlStore

    return SqlStore.of(session.settings)


def open_runs(session: Session) -> "Runs | None":
    """Return Ray's jobs, None where no head runs from this state folder and none is joined."""
    from cluster.ray_io.head import find_head
    from cluster.ray_io.runs import RayRuns

    there = session.settings.cluster.address or find_head(session.settings)
    return RayRuns(address=session.dashboard_url) if there else None


def _row(job: dict[str, Any]) -> tuple[object, ...]:
    why = job["waits_for"] or job["reason"] or (job["module"] if job["kind"] == "foreign" else "")
    state = (
        f"{job['state']} (cancelling)"
        if job.get("cancel") and not job["ended_at"]
        else job["state"]
    )
    shown = f"{job['id']} (foreign)" if job["kind"] == "foreign" else job["id"]
    at = (job.get("submitted_at") or job.get("started_at") or "")[:19]
    return shown, state, job["attempt"], job["priority"], job["who"], at, why[:100]
