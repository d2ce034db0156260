"""`naviyam experiment`: canaries, by hand and as the controller sees them. Every verb is one write, carried to the replicas at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table, who_am_i

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import RenderableType

    from cluster.rollout.experiment import Experiment
    from cluster.rollout.part import RolloutPart
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
def show(
    ctx: typer.Context,
    experiment: Id,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read the whole event log now, not the last look.")
    ] = False,
) -> None:
    """Show what an experiment's answers said at the controller's last look, what would follow, and its history."""
    from naviyam.clock import SystemClock

    session: Session = ctx.obj
    part = _part(session)
    held = part.rollouts.experiments.get(experiment)
    history = part.rollouts.experiments.history(experiment)
    seen = part.looked(held, SystemClock().now(), fresh=fresh)
    document = {
        **held.to_dict(),
        "analysis": dict(seen.analysis),
        "verdict": dict(seen.verdict),
        "looked_at": seen.at.isoformat(),
        "history": [entry.to_dict() for entry in history],
    }
    session.answer(
        document,
        table(
            f"experiment {held.id}",
            ("what", "value"),
            [*_facts(held), ("looked at", seen.at.isoformat(timespec="seconds"))],
        ),
        *analysis_tables(seen.analysis, seen.verdict),
        table(
            "history",
            ("at", "what", "state", "share", "who", "why"),
            [
                (
                    line["at"],
                    line["what"],
                    line["state"],
                    f"{entry.weight:.0%}",
                    line["who"],
                    line["why"],
                )
                for line, entry in zip(document["history"], history, strict=True)
            ],
        ),
    )


@app.command()
def analyse(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Answers as JSON lines.", metavar="FILE")],
    weight: Annotated[
        float | None, typer.Option(help="The candidate's share (default: as it is found).")
    ] = None,
    layer: Annotated[str, typer.Option(help="What was changed.")] = "ranker",
    offline_gain: Annotated[float | None, typer.Option(help="Relative.")] = None,
) -> None:
    """Analyse a recorded stream of answers, by the same rules as a running experiment."""
    from cluster.rollout.experiment import check_layer
    from cluster.rollout.replay import analyse_file
    from cluster.rollout.verdict import Course, judge

    session: Session = ctx.obj
    rollout = session.settings.rollout
    analysis = analyse_file(file, weights=weight, settings=rollout)
    course = Course(
        layer=check_layer(layer),
        offline_gain=offline_gain,
        step=0,
        in_step_s=rollout.steps[0].least_s,
        age_s=rollout.steps[0].least_s,
    )
    verdict = judge(analysis, course, rollout=rollout, release=session.settings.release)
    session.answer(
        {"analysis": analysis.to_dict(), "verdict": verdict.to_dict()},
        *analysis_tables(analysis.to_dict(), verdict.to_dict()),
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
    import time

    session: Session = ctx.obj
    part = _part(session)
    began_s = time.perf_counter()
    identity = do(part.rollouts).id
    carried = part.carry()
    seconds = round(time.perf_counter() - began_s, 2)
    session.say(
        f"every replica has it after {seconds} s"
        if carried
        else "no service runs here; what was decided applies when it starts"
    )
    part.settle()
    experiment = part.rollouts.experiments.get(identity)
    session.answer(
        {
            **experiment.to_dict(),
            "weight": experiment.weight,
            "carried": carried,
            "seconds": seconds,
        },
        table(f"experiment {identity}", ("what", "value"), _facts(experiment)),
    )


def _part(session: Session) -> "RolloutPart":
    from cluster.ray_io.fleet import open_rollout_part

    return open_rollout_part(session.settings)


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


def analysis_tables(
    analysis: "Mapping[str, Any]", verdict: "Mapping[str, Any]"
) -> "tuple[RenderableType, ...]":
    """Return the figures of both arms, the differences, and the verdict with its reasons, all of them as plain JSON."""
    arms = analysis["arms"]
    figures = table(
        "arms",
        ("figure", "stable", "candidate"),
        [(f, arms["stable"][f], arms["candidate"][f]) for f in arms["stable"] if f != "exposed"],
    )
    differences = table(
        "candidate minus stable (confidence sequences: they hold at every look)",
        ("metric", "users", "difference", "low", "high", "relative"),
        [
            (d["metric"], d["users"], *(d["absolute"][k] for k in ("estimate", "low", "high")),
             d["relative"] and d["relative"]["estimate"])
            for d in analysis["differences"].values()
        ],
    )  # fmt: skip
    reasons = [(verdict["action"], verdict["note"]), *(("", r) for r in verdict["reasons"])]
    return figures, differences, table("verdict", ("", "why"), reasons)
