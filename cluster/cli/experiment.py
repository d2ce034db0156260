"""`naviyam experiment`: canaries, by hand and as the controller sees them. Every verb is one write, carried to the replicas at once."""

from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.session import Session, table, who_am_i

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.rollout.experiment import Experiment
    from cluster.rollout.rollouts import Rollouts

app = typer.Typer(
    no_args_is_help=True, help="Start, watch, weigh, promote and end experiments (canaries)."
)

Id = Annotated[str, typer.Argument(help="As `experiment list` shows it.", metavar="EXPERIMENT")]
Who = Annotated[str | None, typer.Option(help="Who does it (default: the login name).")]
Why = Annotated[str, typer.Option(help="The reason, for the history.")]


@app.command()
def start(
    ctx: typer.Context,
    layer: Annotated[
        str, typer.Argument(help="adapter, ranker, retriever or prompt.", metavar="LAYER")
    ],
    candidate: Annotated[
        str,
        typer.Argument(help="A version, `challenger`, or a variant's name.", metavar="CANDIDATE"),
    ] = "challenger",
    weight: Annotated[
        float | None, typer.Option(help="First share of the users (default: the plan's).")
    ] = None,
    offline_gain: Annotated[
        float | None, typer.Option(help="Relative gain offline (default: as registered).")
    ] = None,
    why: Why = "by hand",
    who: Who = None,
) -> None:
    """Give a candidate to a share of the users."""
    from cluster.rollout.experiment import check_layer

    _act(
        ctx,
        lambda rollouts: rollouts.start(
            check_layer(layer),
            candidate,
            who=who or who_am_i(),
            why=why,
            weight=weight,
            offline_gain=offline_gain,
        ),
    )


@app.command("list")
def list_experiments(
    ctx: typer.Context,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those that hold a layer.")
    ] = False,
) -> None:
    """List experiments, the newest first."""
    from cluster.rollout.experiment import OPEN

    session: Session = ctx.obj
    held = _rollouts(session).experiments.all()
    found = [e for e in reversed(held) if not only_open or e.state in OPEN]
    if not found:
        session.say("no experiment; `naviyam experiment start LAYER` begins one")
    rows = [
        (e.id, e.layer, e.state.value, f"{e.weight:.0%}", e.stable, e.candidate, e.why)
        for e in found
    ]
    columns = ("experiment", "layer", "state", "share", "stable", "candidate", "why")
    session.answer(
        {"experiments": [e.to_dict() for e in found]}, table("experiments", columns, rows)
    )


@app.command()
def weight(
    ctx: typer.Context,
    experiment: Id,
    share: Annotated[float, typer.Argument(help="0.1 is a tenth of the users.", metavar="SHARE")],
    why: Why = "by hand",
    who: Who = None,
) -> None:
    """Change the candidate's share."""
    _act(ctx, lambda r: r.weigh(experiment, share, who=who or who_am_i(), why=why))


@app.command()
def promote(ctx: typer.Context, experiment: Id, why: Why = "by hand", who: Who = None) -> None:
    """Let the candidate serve everybody from now on."""
    _act(ctx, lambda r: r.promote(experiment, who=who or who_am_i(), why=why))


@app.command()
def rollback(ctx: typer.Context, experiment: Id, why: Why = "by hand", who: Who = None) -> None:
    """Take the candidate away, promoted or not, and refuse it from now on."""
    _act(ctx, lambda r: r.roll_back(experiment, who=who or who_am_i(), why=why))


@app.command()
def abort(ctx: typer.Context, experiment: Id, why: Why = "by hand", who: Who = None) -> None:
    """End without a verdict; the candidate may be tried again."""
    _act(ctx, lambda r: r.abort(experiment, who=who or who_am_i(), why=why))


@app.command()
def pause(ctx: typer.Context, experiment: Id, why: Why = "by hand", who: Who = None) -> None:
    """Give everybody what serves, until somebody resumes."""
    _act(ctx, lambda r: r.pause(experiment, who=who or who_am_i(), why=why))


@app.command()
def resume(ctx: typer.Context, experiment: Id, why: Why = "by hand", who: Who = None) -> None:
    """Go on with the share before the pause."""
    _act(ctx, lambda r: r.resume(experiment, who=who or who_am_i(), why=why))


def _act(ctx: typer.Context, do: "Callable[[Rollouts], Experiment]") -> None:
    """Do one thing, carry it to the replicas where a service runs, and show what became of it."""
    from cluster.ray_io.fleet import carry_now

    session: Session = ctx.obj
    rollouts = _rollouts(session)
    experiment = do(rollouts)
    carried = carry_now(session.settings, session.config_path, rollouts)
    if carried is None:
        session.say("no service runs here; what was decided applies when it starts")
    experiment = rollouts.experiments.get(experiment.id)
    session.answer(
        {**experiment.to_dict(), "weight": experiment.weight, "carried_s": carried},
        table(f"experiment {experiment.id}", ("what", "value"), _facts(experiment)),
    )


def _rollouts(session: Session) -> "Rollouts":
    from cluster.rollout.opened import open_rollouts

    return open_rollouts(session.settings)


def _facts(experiment: "Experiment") -> list[tuple[str, object]]:
    return [
        ("layer", experiment.layer),
        ("state", experiment.state.value),
        ("share of the candidate", f"{experiment.weight:.0%}"),
        ("stable", experiment.stable),
        ("candidate", experiment.candidate),
        ("offline gain", experiment.offline_gain),
        ("step", f"{experiment.step + 1} of {len(experiment.steps)}"),
        ("since", experiment.step_since.isoformat(timespec="seconds")),
        ("why", experiment.why),
    ]
