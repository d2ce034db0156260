"""`naviyam loop`: the learning loop once, on one machine, with simulated children; its story is the answer.

The controller does the work: its schedule starts the training, its rollouts try what was accepted on a share of the
children. This command only uses the service and watches.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.planted import plant_ranker
from cluster.cli.session import Session, table
from cluster.cli.story import Story, versions, wait_for_job, wait_served, watch_canary

if TYPE_CHECKING:
    from cluster.rollout.rollouts import Rollouts
    from naviyam.simulation.figures import GroupFigures

_JOB_TIMEOUT_S = 1_200.0
_CANARY_TIMEOUT_S = 900.0
_SERVED_WITHIN_S = 60.0
_SHOWN = ("ctr", "order_rate", "satisfaction", "expected_clicks")
_WHO = "loop"


def loop(
    ctx: typer.Context,
    users: Annotated[int, typer.Option(min=1, help="Simulated children before learning.")] = 3_000,
    chat_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of their visits that talk.")
    ] = 0.25,
    drift: Annotated[
        float, typer.Option(help="How far the children's tastes have moved since the bootstrap.")
    ] = 0.0,
    poor_start: Annotated[
        bool,
        typer.Option(
            "--poor-start/--no-poor-start",
            help="Begin with a ranker that forgot distance, budget and habits: there is much to learn.",
        ),
    ] = True,
    round_users: Annotated[
        int, typer.Option(min=1, help="Children a round while a canary runs.")
    ] = 400,
    worse: Annotated[
        bool, typer.Option("--worse/--no-worse", help="Then plant a worse ranker as challenger.")
    ] = True,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Calls at a time.")] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    shops: Annotated[
        Path | None, typer.Option(help="Public shop list (CSV) to begin with.", metavar="CSV")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running.")] = False,
) -> None:
    """Start, let children use it, let the schedule train, the canary decide, the winner serve; then try a worse one; stop.

    Exits 1 where something was not decided, or not carried out, in time.
    """
    from cluster.cli.down import stop
    from cluster.cli.schedule import open_schedule
    from cluster.cli.up import start
    from cluster.rollout.opened import open_rollouts

    session: Session = ctx.obj
    story = Story(session=session)
    open_schedule(session).pause("learn", who=_WHO)
    started = start(session, shops=shops, wait=True, keep=False, timeout_s=300)
    story.tell("service up", **versions(session))
    children = Children(
        story=story, seed=seed, drift=drift, clients=clients, round_users=round_users
    )
    ends: list[bool] = []
    try:
        rollouts = open_rollouts(session.settings)
        rollouts.registry.adopt("ranker")
        if poor_start:
            poor = plant_ranker(rollouts.registry, forgetful=True)
            story.tell("planted a poor first ranker", version=poor)
            rollouts.registry.promote("ranker", poor, who=_WHO, why="to have much to learn")
            wait_served(story, {"ranker": poor}, timeout_s=_SERVED_WITHIN_S)
        children.use(users, chat_share=chat_share)
        outcome = _learned(story)
        for layer, version in _challengers(outcome):
            ends.append(_decided(story, rollouts, layer, version, children.round))
        if worse:
            ends.append(_worse(story, rollouts, children.round))
    finally:
        if started["started"] and not keep:
            stop(session)
            story.tell("service stopped")
    session.answer(
        {"simulated": True, "story": story.events, "outcome": outcome, "decided": all(ends)},
        table("the loop (simulated children)", ("second", "what", ""), story.rows()),
        _figures(children.groups),
    )
    if outcome is None or not all(ends):
        raise typer.Exit(1)


class Children:
    """Simulated children who use the running service, a fresh set of them each time."""

    def __init__(
        self, *, story: Story, seed: int, drift: float, clients: int, round_users: int
    ) -> None:
        self.groups: list[GroupFigures] = []
        self._story, self._seed, self._drift = story, seed, drift
        self._clients, self._round_users = clients, round_users
        self._next = 1

    def round(self) -> None:
        """Let a round of children look at lists."""
        self._play(self._round_users, chat_share=0.0)

    def use(self, users: int, *, chat_share: float) -> None:
        """Let children use it, and tell what came of it."""
        document = self._play(users, chat_share=chat_share)
        self._story.tell(
            "simulated",
            children=users,
            visits=document["visits"],
            seconds=document["seconds"],
            calls_per_s=document["calls_per_s"],
            feedback=sum(document["feedback"].values()),
            problems=document["problems"] or 0,
        )

    def _play(self, users: int, *, chat_share: float) -> dict[str, Any]:
        from datetime import timedelta

        from cluster.cli.simulate import play
        from naviyam.clock import SEOUL, SystemClock
        from naviyam.simulation.days import Plan

        today = SystemClock().now().astimezone(SEOUL).date()
        plan = Plan(
            seed=self._seed,
            start=today - timedelta(days=1),
            users=users,
            first_user=self._next,
            days=1,
            chat_share=chat_share,
            moved=self._drift,
        )
        self._next += users
        document, groups = play(self._story.session, plan, clients=self._clients)
        self.groups += groups
        return document


def _learned(story: Story) -> dict[str, Any] | None:
    """Let the schedule go on and wait for its training; return what became of each model."""
    from cluster.cli.learn import decision_of, why_of
    from cluster.cli.schedule import open_schedule
    from cluster.jobs.sql_store import SqlStore

    known = frozenset(job.id for job in SqlStore.of(story.session.settings).jobs())
    schedule = open_schedule(story.session)
    schedule.resume("learn")
    shown = schedule.show()["learn"]
    story.tell("schedule on", next_at=shown["next_at"][:16], clock=f"x{shown['clock_scale']:g}")
    outcome = wait_for_job(story, "learn", known=known, timeout_s=_JOB_TIMEOUT_S)
    schedule.pause("learn", who=_WHO)
    for name, found in (outcome or {}).items():
        if isinstance(found, dict):
            story.tell(f"learned {name}", decision=decision_of(found), why=why_of(found))
    return outcome


def _challengers(outcome: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return layer and version of what learning left as challenger."""
    from cluster.rollout.experiment import MODEL_OF

    layers = {model: layer for layer, model in MODEL_OF.items()}
    return [
        (layers[name], str(found["version"]))
        for name, found in (outcome or {}).items()
        if isinstance(found, dict) and found.get("decision") == "challenger"
    ]


def _decided(
    story: Story, rollouts: "Rollouts", layer: str, version: str, use: Callable[[], None]
) -> bool:
    """Watch a canary to its end; return whether it came, and a winner serves."""
    from cluster.rollout.experiment import State

    ended = watch_canary(
        story, rollouts, layer=layer, candidate=version, use=use, timeout_s=_CANARY_TIMEOUT_S
    )
    if ended is None:
        return False
    if ended.state is State.PROMOTED and ended.model is not None:
        return wait_served(story, {ended.model: version}, timeout_s=_SERVED_WITHIN_S)
    return True


def _worse(story: Story, rollouts: "Rollouts", use: Callable[[], None]) -> bool:
    """Plant a worse challenger that says it gains 5 % offline; return whether the canary rolled it back."""
    from cluster.rollout.experiment import State

    serving = versions(story.session)["ranker"]
    planted = plant_ranker(rollouts.registry)
    story.tell("planted a worse challenger", version=planted, made_of=serving)
    rollouts.registry.set_alias("ranker", "challenger", planted)
    ended = watch_canary(
        story, rollouts, layer="ranker", candidate=planted, use=use, timeout_s=_CANARY_TIMEOUT_S
    )
    story.tell("after it", **versions(story.session))
    rolled_back = ended is not None and ended.state is State.ROLLED_BACK
    return rolled_back and versions(story.session)["ranker"] == serving


def _figures(groups: "list[GroupFigures]") -> Any:
    rows = [
        (
            g.route,
            ", ".join(g.group.values()),
            g.answers,
            *(g.figures[m].mean if m in g.figures else None for m in _SHOWN),
        )
        for g in groups
    ]
    return table("simulated figures by version", ("route", "versions", "answers", *_SHOWN), rows)
