"""The `nlu` data set: what is learned, what is kept apart, and that nothing measured is in either."""

import random
from pathlib import Path

from naviyam.evaluation.understanding import SETS, UtteranceSet
from naviyam.nlu.llm import END, parse
from naviyam.request import Filters, Intent, Understanding
from naviyam.text.clean import squash
from training.lora.nlu_data import _balanced, _sample, hand_written


def test_what_is_kept_apart_or_measured_is_never_learned() -> None:
    learned, apart = hand_written(Path("absent"), random.Random(7))
    assert len(apart) > 60
    texts = {squash(row.text) for row in learned}
    assert texts.isdisjoint(squash(row.text) for row in apart)
    for path in SETS.glob("understanding_*.jsonl"):
        assert texts.isdisjoint(squash(r.text) for r in UtteranceSet.load(path).rows)


def test_a_sample_ends_and_answers_as_it_is_to_be_read() -> None:
    meant = Understanding(intent=Intent.SELECT, confidence=1.0, filters=Filters(category="치킨"))
    samples = [_sample("1번 갈래", meant, random.Random(seed)) for seed in range(40)]
    assert all(s.completion.endswith(END) for s in samples)
    found = parse(samples[0].completion.removesuffix(END))
    assert found is not None
    assert (found.intent, found.filters) == (meant.intent, meant.filters)
    after = sum("shown]" in s.prompt for s in samples)
    assert 20 < after < 40


def test_no_intent_crowds_out_another() -> None:
    def made(intent: Intent, count: int) -> list[Understanding]:
        return [Understanding(intent=intent, confidence=1.0)] * count

    rng = random.Random(1)
    gold = {Intent.GREETING: [_sample(f"안녕{i}", u, rng) for i, u in enumerate(made(Intent.GREETING, 10))]}  # fmt: skip
    filled = {_sample(f"밥{i}", u, rng): u.intent for i, u in enumerate(made(Intent.FOOD_RECOMMENDATION, 900))}  # fmt: skip
    samples = _balanced(gold, filled, 10_000, rng)
    assert sum("GREETING" in s.completion for s in samples) == 120
    assert 300 < sum("FOOD" in s.completion for s in samples) < 500
