"""`naviyam bench chaos`: an installation in use, with jobs and canaries, while its parts are killed; then the count."""

import random
import shutil
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster.cli import chaos
from cluster.cli.session import Session, table
from cluster.cli.story import Story
from naviyam.errors import ConflictError, NaviyamError

if TYPE_CHECKING:
    from cluster.rollout.rollouts import Rollouts

_DECIDED_WITHIN_S = 600.0
_JOBS_WITHIN_S = 600.0
_JOB_EVERY_S = 12.0
_STARTS = 10
"""Times that a killed head is started again before the bench gives up."""

_LEARN_EVERY = 8
"""Every so manieth job learns; the others keep house."""


def run(
    session: Session,
    *,
    kills: int,
    pause_s: tuple[float, float],
    round_users: int,
    seed: int,
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Start, disturb, check and stop; return the outcome and its tables."""
    from cluster.cli.down import stop
    from cluster.cli.up import start

    story = Story(session=session)
    shutil.rmtree(session.settings.paths.state / "planted", ignore_errors=True)

    def bring_up() -> None:
        for attempt in range(1, _STARTS + 1):
            try:
                start(session, shops=None, wait=True, keep=True, timeout_s=300)
            except NaviyamError as e:
                story.tell("start failed", attempt=attempt, why=str(e).splitlines()[0])
                time.sleep(3)
            else:
                story.tell("service up")
                return

    bring_up()
    killer = chaos.Killer(story=story, restart=bring_up, rng=random.Random(seed), pause_s=pause_s)
    try:
        checks = _ordeal(session, story, killer, kills=kills, round_users=round_users, seed=seed)
    finally:
        stop(session)
    return chaos.document(checks, killer), (
        table("kills", ("what", "times"), sorted(killer.done.items())),
        table(
            "what must hold",
            ("what", "holds", "found"),
            [(c.what, c.holds, c.found) for c in checks],
        ),
    )


def _ordeal(
    session: Session,
    story: Story,
    killer: chaos.Killer,
    *,
    kills: int,
    round_users: int,
    seed: int,
) -> list[chaos.Check]:
    """Use, submit, try and kill at the same time; then let everything end in peace and check."""
    from cluster.rollout.opened import open_rollouts

    rollouts = open_rollouts(session.settings)
    rollouts.registry.adopt("ranker")
    calm = threading.Event()
    acknowledged = chaos.Acknowledged(
        base_url=session.base_url,
        shop_id=_some_shop(session),
        credentials=session.credentials,
    )
    acknowledged.start()
    jobs: list[str] = []
    verdicts: list[tuple[str, str]] = []
    threads = [
        threading.Thread(target=_children, args=(session, round_users, seed, calm), daemon=True),
        threading.Thread(target=_jobs, args=(session, jobs, calm), daemon=True),
    ]
    killing = threading.Thread(target=killer.run, args=(kills,), daemon=True)
    for thread in (*threads, killing):
        thread.start()
    turn = 0
    while killing.is_alive() or turn < 2:
        verdicts.append(_trial(session, story, rollouts, turn))
        turn += 1
    acknowledged.stop()
    calm.set()
    for thread in threads:
        thread.join(timeout=60)
    chaos.wait_for_jobs(session, jobs, timeout_s=_JOBS_WITHIN_S)
    wrong = [f"{want} wanted, {got}" for want, got in verdicts if want != got]
    fleet_holds, fleet = _traffic(session, rollouts)
    return [
        *chaos.check_jobs(session, jobs),
        chaos.check_events(session, acknowledged),
        chaos.Check(
            what="every canary came to the verdict of an undisturbed one",
            holds=not wrong,
            found=f"{len(verdicts) - len(wrong)} of {len(verdicts)}: {', '.join(wrong) or 'none wrong'}",
        ),
        chaos.Check(
            what="no arm is stuck: replicas hold the store's table", holds=fleet_holds, found=fleet
        ),
    ]


def _trial(session: Session, story: Story, rollouts: "Rollouts", turn: int) -> tuple[str, str]:
    """Try a worse ranker, or a better one over a bad champion, in turns; return the verdict that is right and the one that came."""
    from cluster.cli.story import watch_canary

    worse = turn % 2 == 0
    noise = 1e-4 * (turn + 1)
    if not worse:
        bad = chaos.planted(session, f"bad-{turn}", worse=True, noise=noise)
        rollouts.registry.promote(
            "ranker", bad, who="chaos", why="a bad one serves, to be replaced"
        )
    version = chaos.planted(
        session, f"{'worse' if worse else 'better'}-{turn}", worse=worse, noise=-noise
    )
    _started(rollouts, version)
    ended = watch_canary(
        story,
        rollouts,
        layer="ranker",
        candidate=version,
        use=lambda: time.sleep(1),
        timeout_s=_DECIDED_WITHIN_S,
    )
    got = "undecided" if ended is None else ended.state.value
    return ("rolled_back" if worse else "promoted"), got


def _started(rollouts: "Rollouts", version: str) -> None:
    """Begin an experiment, as an operator would: again where the database did not answer."""
    for _ in range(60):
        try:
            rollouts.start("ranker", version, who="chaos", why="a trial")
        except ConflictError:
            time.sleep(1)
        else:
            return


def _children(session: Session, users: int, seed: int, calm: threading.Event) -> None:
    """Let children use the service, round after round; a service that is away is tried again."""
    from datetime import timedelta

    from cluster.cli.simulate import play
    from naviyam.clock import SEOUL, SystemClock
    from naviyam.simulation.days import Plan

    quiet = replace(session, as_json=True)
    today = SystemClock().now().astimezone(SEOUL).date()
    first = 1
    while not calm.is_set():
        plan = Plan(
            seed=seed,
            start=today - timedelta(days=1),
            users=users,
            first_user=first,
            days=1,
            chat_share=0.02,
        )
        first += users
        try:
            play(quiet, plan, clients=8)
        except NaviyamError:
            time.sleep(1)


def _jobs(session: Session, ids: list[str], calm: threading.Event) -> None:
    """Submit a job now and then; only what the database took counts."""
    number = 0
    while not calm.wait(_JOB_EVERY_S):
        number += 1
        kind: Any = "learn" if number % _LEARN_EVERY == 0 else "housekeeping"
        arguments = ("--only", "ranker", "--hold") if kind == "learn" else ()
        identity = chaos.submit(session, kind, arguments)
        if identity is not None:
            ids.append(identity)


def _traffic(session: Session, rollouts: "Rollouts") -> tuple[bool, str]:
    from cluster.ray_io.fleet import ServeFleet
    from cluster.rollout.experiment import OPEN

    wanted = rollouts.experiments.traffic()
    held = ServeFleet.of(session.settings).revision()
    still_open = [e.id for e in rollouts.experiments.all() if e.state in OPEN]
    return (
        held == wanted.revision and not still_open,
        f"revision {held} held, {wanted.revision} wanted, {len(still_open)} experiments open",
    )


def _some_shop(session: Session) -> str:
    from naviyam.catalog.store import Catalog
    from naviyam.versions import current

    return str(Catalog.load(current(session.settings.paths.catalog)).shop_ids[0])
