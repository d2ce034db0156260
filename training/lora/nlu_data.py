"""The first `nlu` data set: messages of `training.nlu` as prompt and completion, and hand-written ones kept apart to measure on.

Hand-written messages carry their own intents and filters. Messages filled from patterns carry their pattern's intent, and the
filters that the rules find with that intent in mind: what the adapter learns of filters there it learns from the rules.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from naviyam.conversation import Turns
from naviyam.nlu.lexicon import BRANDS
from naviyam.nlu.llm import END, build_prompt, completion
from naviyam.nlu.rules import RuleUnderstander
from naviyam.recommendation import Recommendation
from naviyam.request import Filters, Intent, Understanding
from training.lora.data import Sample
from training.nlu.data import HERE, known_places, load_data

GOLD = ("utterances", "utterances_later", "utterances_more")
_SMALL_TALK = 400
_FILLS = 3
"""How often the patterns are filled, each time with other words."""

_GOLD_TIMES = 2
_HELD_OUT_EVERY = 4
_AFTER_AN_ANSWER = {
    Intent.REFINE: 0.8, Intent.SELECT: 0.85, Intent.COMPLAINT: 0.4, Intent.THANKS: 0.4, Intent.SHOP_INQUIRY: 0.4,
    Intent.MENU_INQUIRY: 0.4, Intent.MEAL_CARD_INQUIRY: 0.3,
}  # fmt: skip
_AT_MOST = {Intent.FOOD_RECOMMENDATION: 380, Intent.OUT_OF_SCOPE: 260}
_AT_MOST_OF_OTHERS = 140
_AT_LEAST = 120
"""Samples of one intent: wishes for food would otherwise be half of all, and greetings hardly seen. All of them together
are what a CPU shared with others learns in an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A message with its gold answer."""

    text: str
    intent: Intent
    filters: Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class NluSamples:
    """What is trained on, and every fourth hand-written message, which is not."""

    samples: tuple[Sample, ...]
    held_out: tuple[Labelled, ...]


def make_nlu_samples(shared: Path, *, count: int, seed: int) -> NluSamples:
    """Return at most `count` samples in a seeded order."""
    rng = random.Random(seed)
    rules = RuleUnderstander(known_places(), BRANDS)
    kept, held_out = hand_written(shared, rng)
    apart = {row.text for row in (*kept, *held_out)}
    gold: dict[Intent, list[Sample]] = {}
    for row in kept * _GOLD_TIMES:
        read = replace(_read(rules, row.text, row.intent), filters=row.filters)
        gold.setdefault(row.intent, []).append(_sample(row.text, read, rng))
    filled: dict[Sample, Intent] = {}
    for fill in range(_FILLS):
        data = load_data(shared, small_talk=_SMALL_TALK, seed=seed + fill)
        for example in data.examples:
            if example.text not in apart:
                read = _read(rules, example.text, example.intent)
                filled.setdefault(_sample(example.text, read, rng), example.intent)
    return NluSamples(samples=_balanced(gold, filled, count, rng), held_out=held_out)


def hand_written(
    shared: Path, rng: random.Random
) -> tuple[tuple[Labelled, ...], tuple[Labelled, ...]]:
    """Return the hand-written messages to learn from, and every fourth, which is kept apart.

    Both are those that `load_data` lets through: none that `naviyam evaluate` measures on.
    """
    data = load_data(shared, small_talk=0, seed=0)
    rows = list(_lines(frozenset(e.text for e in data.examples if e.source in GOLD)))
    rng.shuffle(rows)
    learned = (r for i, r in enumerate(rows) if i % _HELD_OUT_EVERY)
    return tuple(learned), tuple(rows[::_HELD_OUT_EVERY])


def _lines(allowed: frozenset[str]) -> Iterator[Labelled]:
    for name in GOLD:
        for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row: dict[str, Any] = json.loads(line)
            if row["text"] in allowed:
                filters = Filters.from_dict(row["filters"])
                yield Labelled(text=row["text"], intent=Intent(row["intent"]), filters=filters)


def _read(rules: RuleUnderstander, text: str, intent: Intent) -> Understanding:
    turns = Turns()
    decided = Understanding(intent=intent, confidence=1.0)
    return rules.express(rules.read(text, turns), turns, decided)


def _sample(text: str, meant: Understanding, rng: random.Random) -> Sample:
    after = rng.random() < _AFTER_AN_ANSWER.get(meant.intent, 0.1)
    turns = _shown(rng.choice((1, 2, 3, 3, 3))) if after else Turns()
    answer = completion(meant.intent, meant.filters, _colour(meant))
    return Sample(build_prompt(text, turns), answer + END)


def _colour(meant: Understanding) -> str:
    """Return the semantic query of a wish that its filters do not hold already (뜨끈한 국물); elsewhere the rules' words are noise."""
    named = meant.filters.category or meant.filters.food_type
    if meant.intent is not Intent.FOOD_RECOMMENDATION or (named and not meant.filters.atmosphere):
        return ""
    return meant.semantic_query


def _shown(count: int) -> Turns:
    """Return a memory in which `count` shops were shown; the prompt says no more of them."""
    shops = (
        Recommendation(rank=i, shop_id=str(i), name=str(i), category="기타", address="")
        for i in range(1, count + 1)
    )
    return Turns(last_shown=tuple(shops))


def _balanced(
    gold: dict[Intent, list[Sample]], filled: dict[Sample, Intent], count: int, rng: random.Random
) -> tuple[Sample, ...]:
    """Return samples with no intent above its limit, hand-written ones first, and the rare ones repeated up to theirs."""
    out: list[Sample] = []
    for intent in Intent:
        drawn = [s for s, of in filled.items() if of is intent]
        rng.shuffle(drawn)
        samples = [*gold.get(intent, ()), *drawn]
        few = samples * (_AT_LEAST // max(1, len(samples)))
        out += (few or samples)[: _AT_MOST.get(intent, _AT_MOST_OF_OTHERS)]
    rng.shuffle(out)
    return tuple(out[:count])
