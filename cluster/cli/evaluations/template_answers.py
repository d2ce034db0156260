"""Answers of the template writer over shops drawn from the catalogue published here. No Ray."""

import asyncio
import random
from dataclasses import replace

from cluster.cli.session import Session

_SHOWN = 3


def template_answers(session: Session, *, count: int, seed: int) -> list[tuple[str, str]]:
    """Return `count` answers to seeded questions, each about shops drawn at random: whole, and without names and menus.

    Raises:
        NotFoundError: no catalogue is published.
    """
    return asyncio.run(_answers(session, count, random.Random(seed)))


async def _answers(session: Session, count: int, rng: random.Random) -> list[tuple[str, str]]:
    from cluster.cli.questions import conversations
    from naviyam.catalog.store import Catalog
    from naviyam.clock import SystemClock
    from naviyam.conversation import Turns
    from naviyam.dialogue.present import Candidate, View, recommendation
    from naviyam.nlg.brief import WriteRequest
    from naviyam.nlg.draft import Sentence
    from naviyam.nlg.writer import Writer
    from naviyam.nlu.rules import RuleUnderstander
    from naviyam.request import Filters, RequestContext
    from naviyam.versions import current

    settings, clock = session.settings, SystemClock()
    catalog = Catalog.load(current(settings.paths.catalog))
    understander = RuleUnderstander((), ())
    view = View(
        catalog=catalog,
        settings=settings,
        filters=Filters(),
        context=RequestContext(time=clock.now()),
        place=None,
        pays_by_card=True,
    )
    opening = catalog.open_now(clock.now())
    writer = Writer(settings.writing, None, clock)
    asked = [q.text for turns in conversations(rng, count=count) for q in turns if q.wants_shops]
    out: list[tuple[str, str]] = []
    while len(out) < count:
        text = rng.choice(asked)
        rows = [rng.randrange(catalog.size) for _ in range(_SHOWN)]
        made = [
            recommendation(Candidate(row=r, score=0.5, funnels={}), view, open_code=int(opening[r]))
            for r in rows
        ]
        shown = [m for m in made if m is not None]
        if not shown:
            continue
        request = WriteRequest(
            question=text,
            understanding=understander.understand(text, Turns()),
            recommendations=tuple(replace(m, rank=i + 1) for i, m in enumerate(shown)),
            limit_won=view.limit_won,
            seed=rng.getrandbits(32),
        )
        pieces = [p.text async for p in writer.write(request) if isinstance(p, Sentence)]
        whole = bare = "".join(pieces)
        names = {x for m in shown for x in (m.name, *(menu.name for menu in m.menus))}
        for name in sorted(names, key=len, reverse=True):
            bare = bare.replace(name, " ")
        out.append((whole, bare))
    return out
