"""Which of the shops that may be shown are shown, and in which order, when a turn may explore. Pure.

Only shops that already keep every hard wish are drawn from, and only among equals: the model's own order decides
nothing where the child asked for a sort, and there nothing is drawn. `pool_of` says which shops are equals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from naviyam.catalog.store import Catalog
from naviyam.dialogue.finder import Found
from naviyam.dialogue.present import View, present, serves_wish
from naviyam.feedback.events import DrawLog
from naviyam.ranker.explore import draw
from naviyam.ranker.order import SAME_BRAND
from naviyam.recommendation import Recommendation
from naviyam.settings import Ranker


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What is shown, ranked from 1, and how it came to stand there; `log` is None where nothing could be drawn."""

    shown: tuple[Recommendation, ...]
    log: DrawLog | None


def exploration_seed(interaction_id: str) -> int:
    """Return the seed of an answer's draw, apart from that of its wording and the same for the same interaction."""
    return int.from_bytes(blake2b(interaction_id.encode(), digest_size=6, person=b"order").digest())


def choose(found: Found, view: View, settings: Ranker, *, count: int, seed: int | None) -> Explored:
    """Return what is shown of what was found; without a seed nothing is drawn."""
    if seed is None or not may_explore(view, settings, ranked_by=found.ranked_by):
        return Explored(shown=present(found.candidates, view, count=count), log=None)
    ranked = present(found.candidates, view, count=max(count, settings.exploration_among))
    return explore(ranked, view, settings, count=count, seed=seed)


def may_explore(view: View, settings: Ranker, *, ranked_by: str) -> bool:
    """Return whether the order of this answer may be drawn.

    Not without the model's scores, not where a sort was asked for (cheapest and nearest stay exact), and not where a
    wish had to be loosened. (Who agreed to nothing being kept gets no seed: nothing would be learned.)
    """
    return (
        settings.exploration > 0
        and ranked_by == "wide_deep"
        and view.filters.sort is None
        and not view.relaxed
    )


def explore(
    ranked: Sequence[Recommendation], view: View, settings: Ranker, *, count: int, seed: int
) -> Explored:
    """Return `count` of the presentable shops, which come best first."""
    pool = pool_of(ranked[: settings.exploration_among], view)
    if len(pool) < 2:
        return Explored(shown=tuple(ranked[:count]), log=None)
    drawn = draw(
        [r.score for r in pool],
        count=count,
        share=settings.exploration,
        temperature=settings.exploration_temperature,
        seed=seed,
    )
    rest = ranked[len(pool) : len(pool) + count - len(drawn.order)]
    shown = [*(pool[i] for i in drawn.order), *rest]
    return Explored(
        shown=tuple(replace(r, rank=i) for i, r in enumerate(shown, start=1)),
        log=DrawLog(
            share=settings.exploration,
            temperature=settings.exploration_temperature,
            explored=drawn.explored,
            propensity=(*drawn.propensity, *(1.0 for _ in rest)),
            pool=tuple(r.shop_id for r in pool),
        ),
    )


def pool_of(ranked: Sequence[Recommendation], view: View) -> Sequence[Recommendation]:
    """Return the first shops that are equals but for their score.

    They serve the dish that was asked for as the first does, are as open where open shops were asked for, and no brand
    is among them more often than an answer may hold it.
    """
    brands: dict[int, int] = {}
    for i, r in enumerate(ranked):
        brand = _brand(r, view.catalog)
        brands[brand] = brands.get(brand, 0) + 1
        crowded = brand >= 0 and brands[brand] > SAME_BRAND
        if crowded or _class(r, view) != _class(ranked[0], view):
            return ranked[:i]
    return ranked


def _class(r: Recommendation, view: View) -> tuple[bool, bool | None]:
    return serves_wish(r, view), r.open_now if view.filters.open_now else None


def _brand(r: Recommendation, catalog: Catalog) -> int:
    return int(catalog.brand[catalog.row_of[r.shop_id]])
