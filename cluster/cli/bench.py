"""`naviyam bench`: figures of the service, the event log, training and simulated experiments. Programs with a table as output."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cluster.cli.measures import Figures

app = typer.Typer(
    no_args_is_help=True,
    help="Measure the service, the event log, training, and decisions on experiments.",
)

NEAR = Annotated[str | None, typer.Option(help="Where the questions come from.", metavar="LAT,LNG")]


@app.command()
def serve(
    ctx: typer.Context,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long each load lasts.")] = 30,
    recommenders: Annotated[
        int, typer.Option(min=0, max=200, help="Clients of /recommendations.")
    ] = 50,
    chatters: Annotated[int, typer.Option(min=0, max=200, help="Clients of /chat.")] = 20,
    near: NEAR = None,
    seed: int = 7,
) -> None:
    """Put load on /recommendations, then on /chat, and print one table. Exits 1 on any error but a 503 with Retry-After."""
    import asyncio

    from cluster.cli.client import ServiceClient
    from cluster.cli.load import ask_chat, ask_recommendations, load
    from cluster.cli.measures import figures
    from cluster.cli.near import point_of

    session: Session = ctx.obj
    with ServiceClient(session.base_url, credentials=session.credentials) as client:
        client.call("GET", "/readyz")
    latitude, longitude = point_of(session, near)
    context = {"latitude": latitude, "longitude": longitude}
    found: dict[str, Figures] = {}
    for name, ask, clients in (
        ("/recommendations", ask_recommendations, recommenders),
        ("/chat", ask_chat, chatters),
    ):
        if clients:
            session.say(f"{name}: {clients} clients for {seconds:.0f} s")
            samples, wall_s = asyncio.run(
                load(
                    session.base_url,
                    ask,
                    credentials=session.credentials,
                    clients=clients,
                    seconds=seconds,
                    context=context,
                    seed=seed,
                )
            )
            found[name] = figures(samples, wall_s)
    session.answer(
        {
            "seconds": seconds,
            "near": [latitude, longitude],
            **{k: asdict(v) for k, v in found.items()},
        },
        _figures_table(found),
    )
    if any(f.errors for f in found.values()):
        raise typer.Exit(1)


@app.command()
def questions(
    ctx: typer.Context,
    count: Annotated[int, typer.Option(min=1, max=5_000, help="How many questions.")] = 200,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Conversations at a time.")] = 1,
    near: NEAR = None,
    time: Annotated[
        str | None, typer.Option(help="When the child asks, ISO 8601.", metavar="TIME")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Findings and answers to show.")] = 10,
    seed: int = 7,
) -> None:
    """Ask varied questions and check every answer from outside. Exits 1 where anything was wrong."""
    from cluster.cli.near import point_of
    from cluster.cli.quiz import run_quiz

    session: Session = ctx.obj
    latitude, longitude = point_of(session, near)
    context: dict[str, Any] = {"latitude": latitude, "longitude": longitude}
    if time:
        context["time"] = time
    result = run_quiz(session, context, count=count, at_once=at_once, seed=seed)
    session.answer(
        result.to_dict(),
        table(f"{count} questions", ("what", "value"), result.rows()),
        table("findings", ("kind", "question", "detail"), result.finding_rows(examples)),
        table("answers", ("question", "by", "answer"), result.example_rows(examples)),
    )
    if result.findings or result.errors:
        raise typer.Exit(1)


@app.command()
def events(
    ctx: typer.Context,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="How long each load lasts.")] = 3,
    seed: int = 7,
) -> None:
    """Compare the event log with append+fsync and SQLite (WAL, synchronous=FULL), 1 and 8 writers, on the disk of the state."""
    import tempfile
    from pathlib import Path

    from cluster.cli.event_bench import measure
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    state = session.settings.paths.state
    state.mkdir(parents=True, exist_ok=True)
    rates = []
    with tempfile.TemporaryDirectory(prefix="bench-events-", dir=state) as folder:
        for rate in measure(
            Path(folder),
            SystemClock(),
            seconds=seconds,
            window_s=session.settings.serving.feedback_fsync_window_s,
            seed=seed,
        ):
            session.say(f"{rate.record}, {rate.writers} writers, {rate.way}")
            rates.append(asdict(rate))
    session.answer(
        {"seconds": seconds, "rates": rates},
        table(
            f"bench events: {seconds:g} s each",
            ("way", "record", "bytes", "writers", "events/s", "p50 ms", "p99 ms"),
            [list(rate.values()) for rate in rates],
        ),
    )


@app.command()
def train(
    ctx: typer.Context,
    what: Annotated[str, typer.Option(help="both, ranker or lora.")] = "both",
    workers: Annotated[int, typer.Option(min=1, max=64, help="The most workers.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each way, in turn.")] = 2,
) -> None:
    """Compare the plain training loops with Ray Train, start-up left out: rows a second, and the share of the plain loop's."""
    from cluster.cli.program import run_program

    session: Session = ctx.obj
    arguments = ["--what", what, "--workers", str(workers), "--rounds", str(rounds)]
    result = run_program(session, "training.bench", arguments)
    rows = [
        [kind, f"Ray Train, {way}" if int(way) else "plain loop", *figures.values()]
        for kind in ("ranker", "lora")
        for way, figures in result.get(kind, {}).items()
    ]
    session.answer(
        result,
        table(
            "bench train",
            ("model", "way", "rows/s", "of plain", "rows/CPU s", "of plain", "rounds"),
            rows,
        ),
    )


@app.command()
def rollout(
    ctx: typer.Context,
    runs: Annotated[int, typer.Option(min=1, help="Experiments of each kind.")] = 1_000,
    users_a_day: Annotated[float, typer.Option(min=1, help="New users on a day.")] = 2_000,
    seed: int = 7,
) -> None:
    """Simulate experiments and count false decisions under continuous looking. Exits 1 where they are above rollout.alpha."""
    from cluster.cli.rollout_bench import BASE_CTR, METHODS, SCENARIOS, measure

    session: Session = ctx.obj
    settings = session.settings
    rows = []
    for scenario in SCENARIOS:
        session.say(f"{scenario.name}: {runs} simulated experiments")
        rows += measure(
            scenario,
            runs=runs,
            users_a_day=users_a_day,
            seed=seed,
            rollout=settings.rollout,
            release=settings.release,
        )
    title = (
        f"bench rollout, simulated: {runs} experiments a row, {users_a_day:g} new users a day, "
        f"CTR {BASE_CTR:g}, {settings.rollout.max_days:g} days at most"
    )
    columns = ("experiment: right is", "method", "false", "right", "days", "users")
    shown = [
        [
            f"{row.scenario}: {' or '.join(row.expected)}" if row.method == METHODS[0] else "",
            row.method,
            f"{row.wrong:.1%}",
            f"{row.right:.1%}",
            None if row.median_days is None else f"{row.median_days:.2f}",
            None if row.median_users is None else f"{row.median_users:,.0f}",
        ]
        for row in rows
    ]
    found = {"simulated": True, "runs": runs, "users_a_day": users_a_day, "seed": seed}
    session.answer(
        {**found, "base_ctr": BASE_CTR, "rows": [asdict(row) for row in rows]},
        table(title, columns, shown),
    )
    if any(row.wrong > settings.rollout.alpha for row in rows if row.method == METHODS[0]):
        raise typer.Exit(1)


@app.command()
def chaos(
    ctx: typer.Context,
    kills: Annotated[int, typer.Option(min=1, help="How often something is killed.")] = 50,
    least_s: Annotated[float, typer.Option(min=0, help="Least seconds between two kills.")] = 4.0,
    most_s: Annotated[float, typer.Option(min=0, help="Most seconds between two kills.")] = 12.0,
    round_users: Annotated[int, typer.Option(min=1, help="Simulated children a round.")] = 300,
    seed: Annotated[int, typer.Option(min=0)] = 7,
) -> None:
    """Kill -9 controller, replicas, job workers and the head of an installation in use, and count what was lost.

    With a configuration that has a state of its own (configs/chaos.yaml): jobs and canaries are real, the children
    simulated. Exits 1 where a job was lost or done twice, an arm is stuck, an acknowledged event is gone or a verdict wrong.
    """
    from cluster.cli.chaos_bench import run

    session: Session = ctx.obj
    found, tables = run(
        session, kills=kills, pause_s=(least_s, most_s), round_users=round_users, seed=seed
    )
    _answer_whether_it_holds(session, found, tables)


@app.command()
def autoscale(
    ctx: typer.Context,
    seconds: Annotated[float, typer.Option(min=10, max=600, help="How long the rush lasts.")] = 75,
    clients: Annotated[int, typer.Option(min=1, max=200, help="Clients in the rush.")] = 32,
    calm_clients: Annotated[int, typer.Option(min=1, max=50, help="Clients before and after.")] = 1,
    max_nodes: Annotated[int, typer.Option(min=1, max=6, help="Most nodes with a GPU.")] = 3,
    idle_timeout_s: Annotated[
        float, typer.Option(min=5, help="Idle seconds after which a node goes.")
    ] = 20,
    seed: int = 7,
) -> None:
    """Let load rise and fall over Ray's autoscaler with fake nodes (GPUs are only counted), and count every request.

    With a configuration that has a state of its own (configs/fleet.yaml). Exits 1 where a request failed, no node came, or
    none went.
    """
    from cluster.cli.autoscale_bench import run

    session: Session = ctx.obj
    found, tables = run(
        session,
        seconds=seconds,
        calm_clients=calm_clients,
        clients=clients,
        max_nodes=max_nodes,
        idle_timeout_s=idle_timeout_s,
        seed=seed,
    )
    _answer_whether_it_holds(session, found, tables)


@app.command()
def nodes(
    ctx: typer.Context,
    count: Annotated[int, typer.Option(min=2, max=5, help="Nodes, the head among them.")] = 3,
    clients: Annotated[int, typer.Option(min=1, max=100, help="Clients that keep asking.")] = 6,
    seed: int = 7,
) -> None:
    """Kill -9 a node, add one and roll out a release while clients ask, on several Ray nodes of this machine.

    With a configuration that has a state of its own (configs/nodes.yaml). Exits 1 where a request failed, asked a second time
    at another node where the first was cut off, or where replicas did not come back.
    """
    from cluster.cli.nodes_bench import run

    session: Session = ctx.obj
    found, tables = run(session, nodes=count, clients=clients, seed=seed)
    _answer_whether_it_holds(session, found, tables)


def _figures_table(found: "dict[str, Figures]") -> Any:
    names = ["requests", "rps", "ok", "refused", "errors", "written_by_llm"]
    rows: list[list[object]] = [[n, *(getattr(f, n) for f in found.values())] for n in names]
    labels = {"seconds": "answer s", "first_event_s": "first event s",
              "recommendations_s": "recommendations s", "first_sentence_s": "first sentence s"}  # fmt: skip
    for key, label in labels.items():
        for q in ("p50", "p95", "p99"):
            values = [
                (f.seconds if key == "seconds" else f.parts.get(key, {})).get(q)
                for f in found.values()
            ]
            if any(v is not None for v in values):
                rows.append([f"{label} {q}", *values])
    for name in ("written_by", "degraded", "problems"):
        keys = dict.fromkeys(k for f in found.values() for k in getattr(f, name))
        rows += [
            [f"{name}: {k}", *(getattr(f, name).get(k, 0) for f in found.values())] for k in keys
        ]
    return table("bench serve", ("", *found), rows)


def _answer_whether_it_holds(
    session: Session, found: dict[str, Any], tables: "Iterable[RenderableType]"
) -> None:
    session.answer(found, *tables)
    if not found["holds"]:
        raise typer.Exit(1)
