"""One visit of a simulated child as a script of calls: ask, look, click, order, save, rate, perhaps ask again.

No I/O: the script yields what to send and is sent the answer, so HTTP, a pipeline in this process and a test drive it alike.
Its random draws come from the seed, the child and the visit: given the same answers it does the same.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naviyam.errors import ConflictError
from naviyam.simulation.asks import Wish, make_wish, refine, select
from naviyam.simulation.clicks import (
    Floats,
    click_chance,
    examination,
    favorite_chance,
    order_chance,
    satisfaction,
    stars,
)
from naviyam.simulation.days import Visit
from naviyam.simulation.users import User, World, degrees

CHAT, RECOMMENDATIONS, FEEDBACK = "/chat", "/recommendations", "/feedback"
TOP_K: Final = 10
MAX_ASKS: Final = 3
_RATES, _SAYS_CONTENT, _REVIEWS, _SELECTS = 0.35, 0.6, 0.3, 0.4
"""Shares of orders that are rated, of answers whose satisfaction is told, of ratings with words, of orders in a
conversation that are said as well."""

_PRAISE = ("맛있어요", "또 가고 싶어요", "양이 많아서 좋아요", "사장님이 친절해요")
_BLAME = ("별로였어요", "너무 오래 기다렸어요", "생각보다 비쌌어요")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to send. Every call may be repeated: a feedback carries its key, a profile replaces itself."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One answer with shops, what is true of it, and what the child did. Arrays [n] are in the order shown."""

    interaction_id: str
    user: int
    time: datetime
    route: str
    group: Mapping[str, str]
    """`variant` and the versions of ranker and adapter."""

    shop_ids: tuple[str, ...]
    utility: Floats
    relevance: Floats
    """Chance of a click once looked at."""

    examination: Floats
    """Chance of being looked at; 0 for a child who never clicks."""

    clicked: npt.NDArray[np.bool_]
    favorited: npt.NDArray[np.bool_]
    ordered: int | None
    """Index of the shop ordered from."""

    satisfaction: float
    response_time_s: float | None

    def truth(self) -> list[dict[str, Any]]:
        """Return one plain row a shop: what the log does not know beside what it does."""
        return [
            {
                "interaction_id": self.interaction_id,
                "user": self.user,
                "time": self.time.isoformat(),
                "route": self.route,
                "shop_id": shop_id,
                "position": i + 1,
                "relevance": round(float(self.relevance[i]), 6),
                "examination": round(float(self.examination[i]), 6),
                "utility": round(float(self.utility[i]), 4),
                "clicked": bool(self.clicked[i]),
                "ordered": self.ordered == i,
            }
            for i, shop_id in enumerate(self.shop_ids)
        ]


Script = Generator[Call | Seen, Mapping[str, Any] | None, None]
"""Yields calls, to be answered with the JSON answer, and what was seen, to be answered with None."""


def introduce(user: User) -> Call:
    """Return the call that makes the child's profile."""
    return Call(method="PUT", path=f"/users/{user.user_id}", body=user.profile())


def play(world: World, user: User, visit: Visit, *, seed: int) -> Script:
    """Play one visit.

    Raises:
        ConflictError: the service shows a shop that the world's catalogue does not hold.
    """
    rng = np.random.default_rng([seed, user.number, visit.day, visit.number + 1])
    profile = user.person.profile
    wish = make_wish(
        rng,
        likes=user.person.likes,
        dishes=user.dishes,
        slot=visit.slot,
        companion=user.companion,
        budget_won=profile.budget_won,
        dietary=profile.dietary,
    )
    text, session, shown = wish.text, None, list[str]()
    for turn in range(MAX_ASKS):
        answer = yield _ask(user, visit, turn, text, session, shown)
        assert answer is not None
        session = answer.get("session_id")
        seen = look(world, user, visit, wish, answer, turn=turn, rng=rng)
        if seen is None:
            return
        yield seen
        yield from _tell(world, user, visit, seen, turn, rng)
        if seen.ordered is not None and visit.talks and rng.random() < _SELECTS:
            yield _ask(user, visit, turn + 1, select(rng, seen.ordered + 1), session, [])
        if seen.ordered is not None or user.silent or rng.random() >= user.patience:
            return
        shown += seen.shop_ids
        text = refine(rng) if visit.talks else wish.text


def look(
    world: World,
    user: User,
    visit: Visit,
    wish: Wish,
    answer: Mapping[str, Any],
    *,
    turn: int,
    rng: np.random.Generator,
) -> Seen | None:
    """Return what the child does with an answer, None where it shows no shop.

    Raises:
        ConflictError: a shop is not in the world's catalogue.
    """
    shops: Sequence[Mapping[str, Any]] = answer["recommendations"]
    if not shops:
        return None
    place = user.place(at_school=visit.at_school)
    rows = _rows(world, [s["shop_id"] for s in shops])
    wanted = None if wish.food is None else world.has(rows, wish.food)
    closed = np.array([s.get("open_now") is False for s in shops])
    utility = world.utility(user, rows, place=place, slot=visit.slot, wanted=wanted, closed=closed)
    relevance = click_chance(utility)
    chance = examination(np.arange(1, len(shops) + 1), user.exponent) * (not user.silent)
    looked = rng.random(len(shops)) < chance
    clicked = looked & (rng.random(len(shops)) < relevance)
    taken = np.flatnonzero(clicked & (rng.random(len(shops)) < order_chance(utility)))
    saved = clicked & (rng.random(len(shops)) < favorite_chance(utility))
    best = float(relevance[looked].max()) if looked.any() else float(relevance[0])
    metadata = answer["metadata"]
    waited = float(answer["response_time_s"]) if visit.talks else None
    return Seen(
        interaction_id=answer["interaction_id"],
        user=user.number,
        time=_moment(visit, turn),
        route=CHAT if visit.talks else RECOMMENDATIONS,
        group=_group(metadata),
        shop_ids=tuple(s["shop_id"] for s in shops),
        utility=utility,
        relevance=relevance,
        examination=chance,
        clicked=clicked,
        favorited=saved,
        ordered=int(taken[0]) if len(taken) else None,
        satisfaction=satisfaction(
            best,
            response_time_s=waited or 0.0,
            degraded=bool(metadata.get("degraded")),
            noise=float(rng.normal(0.0, 0.5)),
        ),
        response_time_s=waited,
    )


def _ask(
    user: User, visit: Visit, turn: int, text: str, session: str | None, shown: Sequence[str]
) -> Call:
    context: dict[str, Any] = {"time": _moment(visit, turn).isoformat(), "simulated": True}
    if user.gives_point:
        latitude, longitude = degrees(user.place(at_school=visit.at_school))
        context |= {"latitude": latitude, "longitude": longitude}
    elif user.person.profile.district:
        context["district"] = user.person.profile.district
    body: dict[str, Any] = {"user_id": user.user_id, "context": context}
    if visit.talks:
        body["message"] = text
        if session is not None:
            body["session_id"] = session
        return Call(method="POST", path=CHAT, body=body)
    body |= {"query": text, "top_k": TOP_K}
    if shown:
        body["exclude"] = list(shown)
    return Call(method="POST", path=RECOMMENDATIONS, body=body)


def _tell(
    world: World, user: User, visit: Visit, seen: Seen, turn: int, rng: np.random.Generator
) -> Script:
    """Send what the child did; its satisfaction goes with the strongest of it."""
    told = seen.satisfaction if rng.random() < _SAYS_CONTENT else None
    at = seen.time + timedelta(seconds=20)

    def feedback(kind: str, i: int, after_s: int, **more: Any) -> Call:
        body = {
            "user_id": user.user_id,
            "shop_id": seen.shop_ids[i],
            "feedback_type": kind,
            "interaction_id": seen.interaction_id,
            "timestamp": (at + timedelta(seconds=after_s)).isoformat(),
            "idempotency_key": f"{visit.time.date()}.{visit.number}.{turn}:{kind}:{i + 1}",
            "simulated": True,
        }
        return Call(method="POST", path=FEEDBACK, body=body | more)

    for i in np.flatnonzero(seen.clicked).tolist():
        content = {} if told is None or seen.ordered is not None else {"satisfaction_score": told}
        yield feedback("clicked", i, 5 * i, **content)
        if seen.favorited[i]:
            yield feedback("favorited", i, 5 * i + 20)
    if seen.ordered is None:
        return
    i, price = seen.ordered, float(world.town.price[world.row_of[seen.shop_ids[seen.ordered]]])
    won = max(1_000, round(price * float(rng.uniform(0.85, 1.15)), -2))
    content = {} if told is None else {"satisfaction_score": told}
    yield feedback("ordered", i, 60, order_amount_won=int(won), **content)
    if rng.random() < _RATES:
        score = stars(float(seen.utility[i]), float(rng.normal(0.0, 0.6)))
        words = _PRAISE if score >= 4 else _BLAME
        review = {"review_text": str(rng.choice(words))} if rng.random() < _REVIEWS else {}
        yield feedback("rated", i, 3_600, satisfaction_score=score, actual_visit=True, **review)


def _moment(visit: Visit, turn: int) -> datetime:
    """Return when a turn is asked: a minute after the one before."""
    return visit.time + timedelta(minutes=turn)


def _rows(world: World, shop_ids: Sequence[str]) -> npt.NDArray[np.int64]:
    try:
        return np.array([world.row_of[shop_id] for shop_id in shop_ids], np.int64)
    except KeyError as e:
        raise ConflictError(
            f"the service shows shop {e}, which the catalogue of this configuration does not hold; "
            "simulate with the configuration that the service runs with (--config)"
        ) from None


def _group(metadata: Mapping[str, Any]) -> dict[str, str]:
    versions = metadata.get("versions", {})
    return {
        "variant": str(metadata.get("variant", "")),
        "ranker": str(versions.get("ranker", "none")),
        "adapter": str(versions.get("adapter", "none")),
    }
