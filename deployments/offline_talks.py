"""Seeded conversations over a catalogue: what is asked, by whom, where and when. Values only, nothing of it is trained on."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from cluster.cli.questions import Question, conversations
from naviyam.catalog.store import Catalog
from naviyam.clock import SEOUL
from naviyam.request import RequestContext

_MONDAY = datetime(2026, 11, 16, tzinfo=SEOUL)
_HOURS = (8, 11, 12, 12, 13, 15, 16, 16, 17, 18, 18, 19, 20, 21)
_SHOP_SHARE = 0.12
_SHOP_FORMS = (
    "{} 어디 있어?", "{} 급식카드 돼?", "{} 메뉴 뭐 있어?", "{} 몇 시까지 해?", "{} 지금 열었어?", "{} 얼마야?",
)  # fmt: skip
_THEN = ("거기 갈래", "거기로 할게", "그럼 다른 데는?", "고마워")


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One conversation. `number` and the seed decide everything in it."""

    number: int
    turns: tuple[Question, ...]
    context: RequestContext


def talks(catalog: Catalog, *, seed: int) -> Iterator[Talk]:
    """Yield conversations without end, each from a source of its own, so that any of them can be left out."""
    for number in count():
        yield make_talk(catalog, number, seed=seed)


def make_talk(catalog: Catalog, number: int, *, seed: int) -> Talk:
    """Return conversation `number`: around a shop anywhere, in a district, or from nowhere; one to three turns."""
    rng = random.Random(f"{seed}:{number}")
    row = rng.randrange(catalog.size)
    while catalog.alcohol[row]:
        row = rng.randrange(catalog.size)
    context = _context(catalog, row, rng)
    if rng.random() < _SHOP_SHARE:
        turns = [Question(text=rng.choice(_SHOP_FORMS).format(catalog.names[row]), kind="shop")]
        if rng.random() < 0.4:
            turns.append(Question(text=rng.choice(_THEN), kind="follow"))
        return Talk(number=number, turns=tuple(turns), context=context)
    return Talk(number=number, turns=next(conversations(rng, count=3)), context=context)


def _context(catalog: Catalog, row: int, rng: random.Random) -> RequestContext:
    time = _MONDAY + timedelta(days=rng.randrange(7), hours=rng.choice(_HOURS), minutes=rng.randrange(60))  # fmt: skip
    kind = rng.random()
    latitude, longitude = float(catalog.latitude[row]), float(catalog.longitude[row])
    if kind < 0.75 and latitude == latitude:
        return RequestContext(
            time=time,
            latitude=latitude + rng.gauss(0, 0.003),
            longitude=longitude + rng.gauss(0, 0.003),
        )
    return RequestContext(time=time, district=catalog.shop(row).sigungu if kind < 0.95 else None)
