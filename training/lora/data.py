"""The first `nlg` data set: template dialogues over the catalogue's shops, as prompt and completion.

Simulated questions, real shapes of facts (which shop has menus, hours, a card) from the catalogue at hand. No Ray.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from naviyam.catalog.store import Catalog
from naviyam.conversation import Turns
from naviyam.nlg.brief import MAX_SHOWN, WriteRequest, realise, slot_values
from naviyam.nlg.grounding import facts_of, named_shops, violations
from naviyam.nlg.prompt import END, build_prompt
from naviyam.nlg.template import compose
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Intent, Understanding
from training.lora.questions import Question, make_question


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sample; the loss is on `completion` only, which ends with the end token."""

    prompt: str
    completion: str


def make_samples(catalog: Catalog, *, count: int, seed: int) -> list[Sample]:
    """Draw `count` different dialogues. Every target passes the grounding check, or it is drawn again.

    Raises:
        RuntimeError: the catalogue is so small or the check so strict that nothing new comes.
    """
    rng = random.Random(seed)
    samples: dict[tuple[str, str], Sample] = {}
    for _ in range(count * 20):
        request = make_request(catalog, rng)
        sentences = compose(request, rng)
        if not _grounded(request, sentences):
            continue
        sample = Sample(build_prompt(request), " ".join(sentences) + END)
        samples.setdefault((sample.prompt, sample.completion), sample)
        if len(samples) == count:
            return list(samples.values())
    raise RuntimeError(f"only {len(samples)} of {count} dialogues could be made; ask for fewer")


def write_samples(path: Path, samples: Sequence[Sample]) -> str:
    """Write samples as JSON lines; return their SHA-256, the data set's identity."""
    text = "".join(json.dumps(asdict(s), ensure_ascii=False) + "\n" for s in samples)
    path.write_text(text, encoding="utf-8")
    return sha256(text.encode()).hexdigest()


def _grounded(request: WriteRequest, sentences: Sequence[str]) -> bool:
    facts, values, current = facts_of(request), slot_values(request), None
    for sentence in sentences:
        if violations(realise(sentence, values), sentence, facts, current=current):
            return False
        named = named_shops(sentence, len(request.recommendations))
        current = named[-1] if named else current
    return True


def make_request(catalog: Catalog, rng: random.Random) -> WriteRequest:
    """Draw a simulated question and shops of the catalogue that could answer it."""
    question = make_question(rng)
    one = question.intent in (Intent.SELECT, Intent.SHOP_INQUIRY)
    count = 1 if one else rng.choices((1, 2, 3), weights=(1, 2, 9))[0]
    distances = sorted(rng.sample(range(120, 3_000), count)) if rng.random() < 0.85 else None
    no_menu_share = 0.15 if rng.random() < 0.75 else 1.0
    shops = [
        _shown(catalog, rng, question, rank, distances, no_menu_share)
        for rank in range(1, count + 1)
    ]
    understanding = Understanding(
        intent=question.intent,
        confidence=1.0,
        filters=question.filters,
        emotion=question.emotion,
        shop_name=shops[0].name if question.intent is Intent.SHOP_INQUIRY else None,
    )
    request = WriteRequest(
        question=question.text.replace("{s}", shops[0].name),
        understanding=understanding,
        recommendations=tuple(shops),
        limit_won=9_500,
        relaxed=("location",) if rng.random() < 0.1 and not one else (),
    )
    cheaper = question.intent is Intent.REFINE and question.filters.sort == "cheapest"
    if cheaper and shops[0].menus:
        before = replace(
            shops[0],
            menus=(
                ShownMenu(
                    name="아까", price_won=shops[0].menus[0].price_won + 500 * rng.randint(1, 6)
                ),
            ),
        )
        return replace(request, turns=Turns(last_shown=(before,)))
    return request


def _shown(
    catalog: Catalog,
    rng: random.Random,
    question: Question,
    rank: int,
    distances: Sequence[int] | None,
    no_menu_share: float,
) -> Recommendation:
    while True:
        row = rng.randrange(catalog.size)
        if not catalog.alcohol[row]:
            break
    shop, menus = catalog.shop(row), catalog.menus(row)
    limit = question.filters.budget_max or 10**9
    shown = tuple(
        ShownMenu(name=m.name, price_won=min(m.price_won, limit)) for m in menus[:MAX_SHOWN]
    )
    if not question.filters.budget_max and rng.random() < no_menu_share:
        shown = ()
    card_asked = question.filters.payment_method == "meal_card"
    open_now = rng.choices(
        (True, None, False), weights=(5, 4, 0 if question.filters.open_now else 2)
    )[0]
    good = question.intent is Intent.GOOD_SHOP_INQUIRY or rng.random() < 0.12
    distance = distances[rank - 1] if distances else None
    return Recommendation(
        rank=rank,
        shop_id=shop.shop_id,
        name=shop.name,
        category=question.filters.category or shop.category,
        address=shop.address,
        menus=shown,
        meal_card="yes" if card_asked and rng.random() < 0.9 else shop.meal_card.value,
        is_good_influence_shop=good,
        distance_m=distance,
        walk_minutes=None if distance is None else max(1, round(distance * 1.3 / 67)),
        open_now=open_now,
    )
