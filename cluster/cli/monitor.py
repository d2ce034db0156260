"""`naviyam monitor`: today's and daily figures, weekly degradation, drift, alerts. Reads; only `alerts --acknowledge` writes."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from cluster.monitoring.alerts import Reading
    from cluster.monitoring.drift import Drift

app = typer.Typer(
    no_args_is_help=True, help="Watch the service: figures, degradation, drift, alerts."
)
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Of simulated users; the two are never mixed.")
]

_FIGURES = {
    "service": (
        "requests", "error_rate", "active_users", "response_mean_s", "response_p50_s", "response_p95_s",
        "response_p99_s", "degraded_rate", "unsafe_rate", "template_share", "help_calls",
    ),
    "use": (
        "with_shops", "success_rate", "click_through", "conversion", "satisfaction", "ratings", "mean_score",
        "shops_shown", "effective_shops", "coverage", "diversity",
    ),
    "understanding": ("mean_confidence", "out_of_scope_share", "refined_next", "complained_next"),
}  # fmt: skip


@app.command()
def today(ctx: typer.Context, simulated: Simulated = False) -> None:
    """Show the figures of today so far, in Seoul."""
    _daily(ctx.obj, 1, simulated)


@app.command()
def daily(
    ctx: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days, today the last.")] = 7,
    simulated: Simulated = False,
) -> None:
    """Show the figures of the last days, in Seoul; today is not over yet."""
    _daily(ctx.obj, days, simulated)


@app.command()
def degradation(ctx: typer.Context, simulated: Simulated = False) -> None:
    """Compare click-through and satisfaction of the last week with the week before."""
    from cluster.monitoring import degradation as decide
    from cluster.monitoring.looks import change_of, later_week
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    settings, now = session.settings, SystemClock().now()
    population = _population(simulated)
    found = _read(
        session,
        lambda views: {
            rule: change_of(rule, views, population, settings, now)
            for rule in ("click_through", "satisfaction")
        },
        since=later_week(settings, now).before.start,
    )
    readings = {
        rule: decide.judge(rule, change, drop=settings.monitoring.weekly_drop)
        for rule, change in found.items()
    }
    session.answer(
        {
            "population": population,
            "week": later_week(settings, now).to_dict(),
            "drop": settings.monitoring.weekly_drop,
            "rules": {
                rule: _judged(readings[rule]) | change.to_dict() for rule, change in found.items()
            },
        },
        table(
            f"{later_week(settings, now).label}, against the week before ({population})",
            ("mean", "judged", "statement"),
            [(rule, _level(r), r.statement) for rule, r in readings.items()],
        ),
    )


@app.command()
def drift(
    ctx: typer.Context,
    simulated: Simulated = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Every column, not the 12 greatest.")
    ] = False,
) -> None:
    """Compare inputs and features as served of the last week with the week before: PSI and Kolmogorov-Smirnov."""
    from cluster.monitoring import drift as decide
    from cluster.monitoring.looks import drifts_of, later_week
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    settings, now = session.settings, SystemClock().now()
    own, population = settings.monitoring, _population(simulated)
    found = _read(
        session,
        lambda views: drifts_of(views, population, settings, now),
        since=later_week(settings, now).before.start,
    )
    limits = {"warn": own.psi_warn, "alarm": own.psi_alarm}
    readings = {
        rule: decide.judge(rule, columns, found.answers, least=own.least_answers, **limits)
        for rule, columns in found.columns.items()
    }
    session.answer(
        {
            "population": population,
            "week": later_week(settings, now).to_dict(),
            "answers": found.answers,
            **limits,
            "rules": {
                rule: _judged(readings[rule])
                | {
                    "columns": [
                        {**d.to_dict(), "level": d.level(**limits).name.lower()} for d in columns
                    ]
                }
                for rule, columns in found.columns.items()
            },
        },
        *(
            _drift_table(
                f"{rule}: {_level(readings[rule])}, {readings[rule].statement}",
                columns,
                limits,
                show_all,
            )
            for rule, columns in found.columns.items()
        ),
    )


@app.command()
def alerts(
    ctx: typer.Context,
    history: Annotated[bool, typer.Option("--history", help="Cleared ones too.")] = False,
    acknowledge: Annotated[
        str | None, typer.Option(help="Mark an alert as seen.", metavar="ALERT")
    ] = None,
    by: Annotated[str, typer.Option(help="Who has seen it.")] = "operator",
    rules: Annotated[bool, typer.Option("--rules", help="What is watched, instead.")] = False,
) -> None:
    """Show the alerts that are open, newest first."""
    from cluster.database import open_engine
    from cluster.monitoring.alerts import RULES
    from cluster.monitoring.sql_store import SqlAlertStore
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    if rules:
        rows = [rule.to_dict() for rule in RULES]
        names = ("name", "measure", "threshold", "meaning")
        session.answer(
            {"rules": rows}, table("rules", names, [[row[n] for n in names] for row in rows])
        )
        return
    store = SqlAlertStore(open_engine(session.settings))
    if acknowledge is not None:
        store.acknowledge(acknowledge, by=by, at=SystemClock().now())
    found = [alert.to_dict() for alert in store.alerts(open_only=not history)]
    columns = (
        "alert_id",
        "rule",
        "population",
        "level",
        "raised_at",
        "cleared_at",
        "acknowledged_by",
        "statement",
    )
    session.answer(
        {"alerts": found},
        table("alerts", columns, [[alert[name] for name in columns] for alert in found])
        if found
        else "no alert is open",
        *(
            f"{a['rule']}: {a['korean']}\n  {a['meaning']} First look: {a['first_look']}"
            for a in found
            if a["cleared_at"] is None
        ),
    )


def _daily(session: Session, count: int, simulated: bool) -> None:
    from cluster.monitoring.daily import figures_of
    from cluster.monitoring.windows import days
    from naviyam.clock import SystemClock
    from naviyam.feedback.reader import read_segments
    from naviyam.feedback.schema import OPERATOR
    from naviyam.feedback.store import EventStore

    settings = session.settings
    windows = days(SystemClock().now(), count)
    calls = list(read_segments(EventStore.of(settings), OPERATOR, set()))
    categories = _categories(session)
    found = _read(
        session,
        lambda views: [
            figures_of(
                views,
                window,
                _population(simulated),
                outcome_s=settings.rollout.outcome_window_s,
                help_calls=calls,
                categories=categories,
            ).to_dict()
            for window in windows
        ],
        since=windows[0].start,
    )
    session.answer({"population": _population(simulated), "days": found}, *_day_tables(found))


def _day_tables(found: list[dict[str, Any]]) -> Iterable[Any]:
    title = f"{found[0]['population']} users; days of Asia/Seoul"
    for part, names in _FIGURES.items():
        rows = [[name, *(day[part][name] for day in found)] for name in names]
        if part == "understanding":
            layers = sorted({layer for day in found for layer in day[part]["decided_by"]})
            rows += [
                [f"decided by {layer}", *(day[part]["decided_by"].get(layer) for day in found)]
                for layer in layers
            ]
        yield table(title, (part, *(day["window"] for day in found)), rows)
        title = ""


def _drift_table(
    title: str, columns: "Iterable[Drift]", limits: Mapping[str, float], every: bool
) -> Any:
    shown = list(columns)
    rows = [
        (
            d.name,
            d.psi,
            d.noise,
            d.ks,
            d.ks_p,
            d.level(**limits).name.lower(),
            d.reference,
            d.current,
        )
        for d in (shown if every else shown[:12])
    ]
    names = ("column", "PSI", "chance to", "KS", "KS p", "judged", "week before", "this week")
    return table(title, names, rows)


def _judged(found: "Reading") -> dict[str, Any]:
    return {"level": _level(found), "value": found.value, "statement": found.statement}


def _level(found: "Reading") -> str:
    return "not judged" if found.level is None else found.level.name.lower()


def _population(simulated: bool) -> Any:
    return "simulated" if simulated else "real"


def _read(session: Session, work: Any, *, since: Any) -> Any:
    from naviyam.errors import ConflictError
    from naviyam.feedback.query import reading
    from naviyam.feedback.store import EventStore

    try:
        return reading(EventStore.of(session.settings), work, since=since)
    except OSError as e:
        where = session.settings.events.uri or session.settings.paths.events
        raise ConflictError(f"the events in {where} cannot be read: {e}") from e


def _categories(session: Session) -> dict[str, str] | None:
    """Return the main category by shop of the current catalogue, None where there is none."""
    from naviyam.catalog.store import Catalog
    from naviyam.errors import NaviyamError
    from naviyam.versions import current

    try:
        catalog = Catalog.load(current(session.settings.paths.catalog))
    except (NaviyamError, OSError) as e:
        session.say(f"without coverage and diversity: {e}")
        return None
    return {shop: str(catalog.category[row]) for shop, row in catalog.row_of.items()}
