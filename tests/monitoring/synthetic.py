"""Three weeks of made-up use, written through the real event log: what is planted is known, the rest is chance by seed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from naviyam.clock import SEOUL, FakeClock
from naviyam.feedback.log import AppendLog
from naviyam.feedback.schema import FEEDBACK, INTERACTIONS
from naviyam.feedback.store import EventStore

START = datetime(2026, 11, 2, tzinfo=SEOUL)
"""A Monday."""

WEEK_S = 7 * 86_400.0
_HOURS = np.array([0, 0, 0, 0, 0, 0, 0, 2, 3, 2, 3, 6, 8, 5, 5, 8, 10, 9, 12, 8, 4, 2, 1, 0], float)
_INTENTS = ("FOOD_RECOMMENDATION", "NEARBY_INQUIRY", "REFINE", "OUT_OF_SCOPE")
_SHOPS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the log is to hold. A function of the seconds since `START` says what holds then."""

    answers_a_day: int = 100
    users: int = 120
    days: int = 21
    seed: int = 11
    click: float = 2.0
    simulated: bool = False
    click_factor: Callable[[float], float] = field(default=lambda s: 1.0)
    error_share: Callable[[float], float] = field(default=lambda s: 0.004)
    open: Callable[[float], bool] = field(default=lambda s: True)
    rating_shift: Callable[[float], float] = field(default=lambda s: 0.0)
    feature_shift: Callable[[float], float] = field(default=lambda s: 0.0)
    intents: Callable[[float], Sequence[float]] = field(default=lambda s: (0.6, 0.2, 0.1, 0.1))


PLAN = Plan()


def write(folder: Path, *plans: Plan) -> EventStore:
    """Write the events of plans below `folder`, as closed segments."""
    store = EventStore(folder / "events")
    rows: dict[str, list[dict[str, Any]]] = {INTERACTIONS: [], FEEDBACK: []}
    for kind, record in (found for plan in plans for found in events(plan)):
        rows[kind].append(record)
    end = START + timedelta(days=max(plan.days for plan in plans))
    for kind, records in rows.items():
        log = AppendLog(store.spool / kind, clock=FakeClock(current=end), max_records=10**9)
        for waiting in [log.append(r) for r in records]:
            waiting.result()
        log.close()
    return store


def events(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a plan's records by time."""
    rng = np.random.default_rng(plan.seed)
    taste = rng.beta(20, 20, plan.users) * 2  # of a user, 1 on average
    for day in range(plan.days):
        count = rng.poisson(plan.answers_a_day)
        hours = rng.choice(24, count, p=_HOURS / _HOURS.sum())
        seconds = np.sort(day * 86_400 + hours * 3_600 + rng.uniform(0, 3_600, count))
        for i, at in enumerate(seconds):
            if not plan.open(at):
                continue
            user = int(rng.integers(plan.users))
            name = f"i{plan.seed}{int(plan.simulated)}_{day:02d}_{i:05d}"
            yield from _answer(plan, rng, float(at), user, float(taste[user]), name)


def _answer(
    plan: Plan, rng: np.random.Generator, at: float, user: int, taste: float, name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    when = START + timedelta(seconds=at)
    own = {"user_id": f"u_{user:03d}"} | ({"simulated": True} if plan.simulated else {})
    record: dict[str, Any] = {
        "interaction_id": name,
        "recorded_at": when.isoformat(),
        "session_id": f"s{user}_{int(at // 86_400)}",
        "route": "chat",
        **own,
    }
    if rng.random() < plan.error_share(at):
        yield (
            INTERACTIONS,
            record | {"error": "timeout", "shown": [], "response_time_s": 12.0, "degraded": True},
        )
        return
    intent = str(rng.choice(_INTENTS, p=plan.intents(at)))
    shops = rng.choice(_SHOPS, 3, replace=False) if intent != "OUT_OF_SCOPE" else ()
    yield (
        INTERACTIONS,
        record
        | {
            "input": "가" * int(rng.integers(3, 30)),
            "understanding": {
                "intent": intent,
                "confidence": float(rng.uniform(0.6, 1)),
                "filters": {"category": "치킨"} if rng.random() < 0.5 else {},
                "decided_by": "rules" if rng.random() < 0.8 else "classifier",
            },
            "shown": [_shown(plan, rng, at, int(s), rank) for rank, s in enumerate(shops, 1)],
            "response_time_s": float(rng.gamma(4, 0.1)),
            "written_by": "llm" if rng.random() < 0.7 else "template",
            "degraded": False,
        },
    )
    for s in shops:
        if rng.random() >= plan.click * taste * plan.click_factor(at) / 3:
            continue
        yield FEEDBACK, _feedback(when + timedelta(seconds=30), name, int(s), "clicked", own)
        if rng.random() < 0.4:
            stars = float(np.clip(round(rng.normal(4.2 + plan.rating_shift(at), 0.8)), 1, 5))
            later = when + timedelta(seconds=3_000)
            yield (
                FEEDBACK,
                _feedback(later, name, int(s), "rated", own) | {"satisfaction_score": stars},
            )


def _shown(plan: Plan, rng: np.random.Generator, at: float, shop: int, rank: int) -> dict[str, Any]:
    wide = np.zeros(50)
    wide[5] = np.clip(rng.beta(2, 5) + plan.feature_shift(at), 0, 1)
    wide[7] = float(rng.random() < 0.3)
    numeric = np.round(rng.beta(2, 2, 10), 4)
    return {
        "shop_id": f"S-{shop}",
        "rank": rank,
        "score": float(rng.uniform(0.2, 0.9)),
        "propensity": 1.0,
        "wide": [float(v) for v in wide],
        "numeric": [float(v) for v in numeric],
    }


def _feedback(
    when: datetime, interaction: str, shop: int, kind: str, own: dict[str, Any]
) -> dict[str, Any]:
    key = f"{interaction}-{shop}-{kind}"
    return {
        "feedback_id": key,
        "idempotency_key": key,
        "recorded_at": when.isoformat(),
        "happened_at": when.isoformat(),
        "shop_id": f"S-{shop}",
        "feedback_type": kind,
        "interaction_id": interaction,
        **own,
    }


def planted(**changes: Any) -> Plan:
    """Return the plain plan with something planted."""
    return replace(PLAN, **changes)


def third_week(value: float, else_: float) -> Callable[[float], float]:
    """Return a function of time that has another value from the third week on."""
    return lambda s: value if s >= 2 * WEEK_S else else_
