"""`naviyam loop`: the learning loop once, on one machine, with simulated children; its story is the answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.session import Session, table

if TYPE_CHECKING:
    from naviyam.simulation.figures import GroupFigures

_SERVED_WITHIN_S = 60.0
_SHOWN = ("ctr", "order_rate", "satisfaction", "expected_clicks")


@dataclass(slots=True, kw_only=True)
class Story:
    """What happened when, in seconds since the command began."""

    session: Session
    began_s: float
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, what: str, **facts: object) -> None:
        """Add a line and show it at once."""
        at_s = round(time.monotonic() - self.began_s, 1)
        self.events.append({"at_s": at_s, "what": what, **facts})
        self.session.say(f"[{at_s:7.1f} s] {what}: {_facts(facts)}")


def loop(
    ctx: typer.Context,
    users: Annotated[int, typer.Option(min=1, help="Simulated children before learning.")] = 2_000,
    after: Annotated[int, typer.Option(min=0, help="Simulated children after it.")] = 400,
    chat_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of visits that talk.")
    ] = 0.2,
    days: Annotated[int, typer.Option(min=1, help="Virtual days.")] = 1,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Calls at a time.")] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    plant: Annotated[
        list[str] | None,
        typer.Option(help="Train on this data set instead of the log's.", metavar="NAME=FOLDER"),
    ] = None,
    shops: Annotated[
        Path | None, typer.Option(help="Public shop list (CSV) to begin with.", metavar="CSV")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running.")] = False,
) -> None:
    """Start, let simulated children use it, learn, promote what is better, serve it, and stop."""
    from cluster.cli.down import stop
    from cluster.cli.up import start

    session: Session = ctx.obj
    story = Story(session=session, began_s=time.monotonic())
    started = start(session, shops=shops, wait=True, keep=False, timeout_s=300)
    story.tell("service up", **_versions(session))
    try:
        before = _simulate(story, users, seed, days, chat_share, clients)
        outcome = _learn(story, plant)
        served = _wait_served(story, outcome)
        again = _simulate(story, after, seed + 1, 1, 0.0, clients) if after else ()
    finally:
        if started["started"] and not keep:
            stop(session)
            story.tell("service stopped")
    session.answer(
        {"simulated": True, "story": story.events, "outcome": outcome, "served": served},
        table(
            "the loop (simulated children)",
            ("second", "what", ""),
            (
                (
                    e["at_s"],
                    e["what"],
                    _facts({k: v for k, v in e.items() if k not in ("at_s", "what")}),
                )
                for e in story.events
            ),
        ),
        _figures((*before, *again)),
    )
    if not served:
        raise typer.Exit(1)


def _simulate(
    story: Story, users: int, seed: int, days: int, chat_share: float, clients: int
) -> "tuple[GroupFigures, ...]":
    from datetime import timedelta

    from cluster.cli.simulate import play
    from naviyam.clock import SEOUL, SystemClock
    from naviyam.simulation.days import Plan

    today = SystemClock().now().astimezone(SEOUL).date()
    plan = Plan(
        seed=seed,
        start=today - timedelta(days=days),
        users=users,
        days=days,
        chat_share=chat_share,
    )
    document, groups = play(story.session, plan, clients=clients)
    story.tell(
        "simulated",
        children=users,
        visits=document["visits"],
        seconds=document["seconds"],
        calls_per_s=document["calls_per_s"],
        feedback=sum(document["feedback"].values()),
        problems=document["problems"] or 0,
    )
    return groups


def _learn(story: Story, plant: list[str] | None) -> dict[str, Any]:
    from cluster.cli.learn import decision_of, run, why_of

    outcome = run(story.session, plant=plant)
    for name, found in outcome.items():
        if isinstance(found, dict):
            story.tell(f"learned {name}", decision=decision_of(found), why=why_of(found))
    if "skipped" in outcome:
        story.tell("nothing learned", why=outcome["skipped"])
    return outcome


def _wait_served(story: Story, outcome: Mapping[str, Any]) -> bool:
    """Wait until what was promoted answers; return whether it does in time."""
    wanted = {
        name: str(found["version"])
        for name, found in outcome.items()
        if isinstance(found, dict) and found.get("decision") == "promoted"
    }
    deadline_s = time.monotonic() + _SERVED_WITHIN_S
    began_s = time.monotonic()
    while True:
        now = _versions(story.session)
        if all(version in now.get(name, "") for name, version in wanted.items()):
            story.tell("serving", after_s=round(time.monotonic() - began_s, 1), **now)
            return True
        if time.monotonic() > deadline_s:
            story.tell("not served in time", wanted=wanted, **now)
            return False
        time.sleep(0.2)


def _versions(session: Session) -> dict[str, str]:
    """Return the versions of what learns, by its name in the registry."""
    from cluster.cli.client import ServiceClient

    with ServiceClient(session.base_url) as client:
        found = client.call("GET", "/version")
    return {"ranker": str(found.get("ranker")), "nlg": str(found.get("adapter"))}


def _figures(groups: "tuple[GroupFigures, ...]") -> Any:
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


def _facts(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{k} {v}" for k, v in facts.items())
