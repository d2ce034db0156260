"""`naviyam schedule`: when the cluster learns by itself. Reads and writes of the database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table, who_am_i

if TYPE_CHECKING:
    from cluster.schedule.part import ScheduleCommands

app = typer.Typer(no_args_is_help=True, help="What runs by the clock: pause, resume, run now.")

KindOption = Annotated[str, typer.Option(help="learn or housekeeping.", metavar="KIND")]
_SHOWN = 10


@app.command()
def start(ctx: typer.Context, kind: KindOption = "learn") -> None:
    """Let it run by the clock again."""
    session: Session = ctx.obj
    open_schedule(session).resume(kind)
    _answer(session)


@app.command()
def stop(
    ctx: typer.Context,
    kind: KindOption = "learn",
    why: Annotated[str, typer.Option(help="Shown with every run that does not start.")] = "",
) -> None:
    """Let nothing start by the clock; what runs goes on."""
    session: Session = ctx.obj
    who = who_am_i()
    open_schedule(session).pause(kind, who=f"{who}: {why}" if why else who)
    _answer(session)


@app.command()
def show(ctx: typer.Context) -> None:
    """Show what runs next, and what was decided of the runs that were due and why."""
    _answer(ctx.obj)


@app.command("run-now")
def run_now(ctx: typer.Context, kind: KindOption = "learn") -> None:
    """Run at the controller's next look, whatever the hour, the samples or a pause; the day's limit holds."""
    session: Session = ctx.obj
    open_schedule(session).run_now(kind, who=who_am_i())
    _answer(session)


def open_schedule(session: Session) -> "ScheduleCommands":
    """Return the verbs over the installation's database."""
    from cluster.cli.jobs import open_store
    from cluster.schedule.part import ScheduleCommands
    from naviyam.clock import SystemClock

    return ScheduleCommands(
        settings=session.settings, store=open_store(session), clock=SystemClock()
    )


def schedule_rows(found: dict[str, Any]) -> list[tuple[object, ...]]:
    """Return one row for each schedule."""
    rows: list[tuple[object, ...]] = []
    for kind, each in found.items():
        last = next(iter(each["decisions"]), None)
        state = f"paused by {each['paused']}" if each["paused"] else "on"
        if not each["enabled"]:
            state = "off (schedule.enabled)"
        elif each["asked_by"]:
            state = f"asked for by {each['asked_by']}"
        rows.append(
            (
                kind,
                state,
                f"{each['cron']} {each['timezone']}",
                each["next_real_at"][:19],
                f"{each['ran_today']} of {each['max_a_day']}",
                last and f"{'ran' if last['ran'] else 'did not run'}: {last['reason']}",
            )
        )
    return rows


SCHEDULE_COLUMNS = ("what", "state", "when", "next", "today", "last")


def _answer(session: Session) -> None:
    found = open_schedule(session).show()
    decisions = [
        (kind, d["due_at"][:19], "yes" if d["ran"] else "no", d["job"], d["missed"], d["reason"])
        for kind, each in found.items()
        for d in each["decisions"][:_SHOWN]
    ]
    session.answer(
        found,
        table("schedule", SCHEDULE_COLUMNS, schedule_rows(found)),
        table("decisions", ("what", "due", "ran", "job", "missed", "why"), decisions),
    )
