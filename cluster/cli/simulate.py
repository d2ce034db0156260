"""`naviyam simulate`: seeded children use the running service; all that they cause is marked simulated."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import RenderableType

    from cluster.cli.drive import Log
    from naviyam.simulation.days import Plan
    from naviyam.simulation.figures import GroupFigures
    from naviyam.simulation.users import World
    from naviyam.simulation.visit import Seen


def simulate(
    ctx: typer.Context,
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many children.")] = 300,
    first_user: Annotated[int, typer.Option(min=1, help="Number of the first one.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Decides who they are and what they do.")] = 7,
    days: Annotated[int, typer.Option(min=1, max=366, help="Virtual days.")] = 2,
    start: Annotated[
        str | None,
        typer.Option(
            help="First virtual day; none: so that the last is yesterday.", metavar="DATE"
        ),
    ] = None,
    visits: Annotated[
        float, typer.Option(min=0, max=20, help="Mean visits a child and day.")
    ] = 1.0,
    speed: Annotated[
        float, typer.Option(min=0, help="Virtual seconds a second; 0: as fast as it answers.")
    ] = 0.0,
    drift: Annotated[
        float, typer.Option(min=0, help="What a day adds to the liking of two kinds of food.")
    ] = 0.0,
    chat_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of visits that talk (POST /chat).")
    ] = 0.05,
    bias: Annotated[
        float,
        typer.Option(min=0, max=5, help="A shop at place k is looked at with chance k^-bias."),
    ] = 1.0,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Calls at a time.")] = 8,
    skip: Annotated[
        int, typer.Option(min=0, help="Visits not to play again, as a broken run said.")
    ] = 0,
    truth: Annotated[
        Path | None,
        typer.Option(help="Append what the simulator knows, as JSON lines.", metavar="FILE"),
    ] = None,
) -> None:
    """Drive the running service with simulated children and print what came of it.

    The same options send the same idempotency keys: no feedback counts twice. Exits 1 where a call failed for good.
    """
    from naviyam.clock import SEOUL, SystemClock
    from naviyam.simulation.days import Plan

    session: Session = ctx.obj
    today = SystemClock().now().astimezone(SEOUL).date()
    plan = Plan(
        seed=seed,
        start=_date(start) if start else today - timedelta(days=days),
        users=users,
        first_user=first_user,
        days=days,
        visits_per_day=visits,
        chat_share=chat_share,
        bias=bias,
        drift=drift,
    )
    document, groups = play(session, plan, clients=clients, speed=speed, skip=skip, truth=truth)
    session.answer(document, _calls_table(document), *_figures_tables(groups))
    if document["problems"]:
        raise typer.Exit(1)


def play(
    session: Session,
    plan: "Plan",
    *,
    clients: int,
    speed: float = 0.0,
    skip: int = 0,
    truth: Path | None = None,
) -> tuple[dict[str, Any], tuple["GroupFigures", ...]]:
    """Drive the plan; return the document and its figures.

    Raises:
        ServiceError: the service is not there or serves another catalogue, or went away; how far it came is said.
    """
    import asyncio

    from cluster.cli.client import ServiceError
    from cluster.cli.drive import Driver, client
    from naviyam.catalog.store import Catalog
    from naviyam.simulation.days import schedule
    from naviyam.simulation.figures import figures_of
    from naviyam.simulation.users import World
    from naviyam.versions import current

    folder = current(session.settings.paths.catalog)
    _check_service(session, folder.name)
    world = World.of(Catalog.load(folder), seed=session.settings.seed)

    async def drive() -> float:
        async with client(
            session.base_url, clients=clients, credentials=session.credentials
        ) as http:
            began = time.perf_counter()
            await driver.run(http, schedule(world, plan), skip=skip)
            return time.perf_counter() - began

    with ExitStack() as stack:
        out = stack.enter_context(truth.open("a", encoding="utf-8")) if truth else None
        driver = Driver(
            world=world,
            seed=plan.seed,
            clients=clients,
            speed=speed,
            note=_writer(out),
            report=session.say,
        )
        try:
            wall_s = asyncio.run(drive())
        except (ServiceError, KeyboardInterrupt) as e:
            if isinstance(e, KeyboardInterrupt):
                session.say(_go_on(plan, driver.log))
                raise
            raise ServiceError(f"{e}. {_go_on(plan, driver.log)}") from e
    groups = figures_of(driver.log.seen)
    return _document(plan, world, driver.log, groups, wall_s), groups


def _writer(out: "TextIO | None") -> "Callable[[Seen], None]":
    def write(seen: "Seen") -> None:
        if out is None:
            return
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in seen.truth())
        out.flush()

    return write


def _document(
    plan: "Plan", world: "World", log: "Log", groups: tuple["GroupFigures", ...], wall_s: float
) -> dict[str, Any]:
    from naviyam.request import CATEGORIES

    calls = log.calls()
    total = sum(int(c["count"]) for c in calls.values())
    return {
        "simulated": True,
        "plan": asdict(plan),
        "visits": log.done,
        "seconds": round(wall_s, 1),
        "calls": calls,
        "calls_per_s": round(total / wall_s, 1),
        "retried": log.retried,
        "problems": dict(log.problems),
        "feedback": dict(log.feedback),
        "duplicates": log.duplicates,
        "not_collected": log.not_collected,
        "trending": [c for c, on in zip(CATEGORIES, world.trend.tolist(), strict=True) if on],
        "groups": [asdict(g) for g in groups],
    }


def _check_service(session: Session, catalog: str) -> None:
    """See that the service is up and serves this catalogue.

    Raises:
        ServiceError: it does not answer.
        ConflictError: it serves another one.
    """
    from cluster.cli.client import ServiceClient
    from naviyam.errors import ConflictError

    with ServiceClient(session.base_url, credentials=session.credentials) as service:
        serves = service.call("GET", "/version")["catalogue"]
    if serves != catalog:
        raise ConflictError(
            f"the service at {session.base_url} serves catalogue {serves}, this configuration holds {catalog}; "
            "simulate with the configuration that it runs with (--config)"
        )


def _go_on(plan: "Plan", log: "Log") -> str:
    return (
        f"{log.done:,} visits are done; go on with the same options and "
        f"--start {plan.start} --skip {log.done}"
    )


def _date(text: str) -> date:
    from naviyam.errors import ConfigError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--start is {text!r}; write a date such as 2026-11-16") from None


def _calls_table(document: Mapping[str, Any]) -> "RenderableType":
    rows = [
        (route, int(c["count"]), c["p50"] * 1_000, c["p95"] * 1_000)
        for route, c in document["calls"].items()
    ]
    title = (
        f"Simulated children: {document['visits']:,} visits in {document['seconds']} s, "
        f"{document['calls_per_s']} calls a second, {document['retried']} asked again, "
        f"{sum(document['problems'].values())} failed, {document['duplicates']} feedbacks counted before"
    )
    return table(title, ("call", "answered", "p50 ms", "p95 ms"), rows)


def _figures_tables(groups: tuple["GroupFigures", ...]) -> list["RenderableType"]:
    return [
        table(
            f"{g.route} variant {g.group['variant']}, ranker {g.group['ranker']}, "
            f"adapter {g.group['adapter']}: {g.answers:,} answers to {g.users:,} children",
            ("figure", "mean", "95 % low", "high"),
            [(name, e.mean, e.low, e.high) for name, e in g.figures.items()],
        )
        for g in groups
    ]
