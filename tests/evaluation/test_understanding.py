"""The score of an understanding, and the labelled sets that come with the project."""

import json
from pathlib import Path

import numpy as np
import pytest

from naviyam.conversation import Turns
from naviyam.errors import ArtifactError, InputError
from naviyam.evaluation.understanding import SETS, Utterance, UtteranceSet, score
from naviyam.evaluation.understanding_baselines import most_frequent, nearest
from naviyam.nlu.replay import replay
from naviyam.nlu.rules import RuleUnderstander
from naviyam.request import Filters, Intent, Understanding

FOOD, THANKS = Intent.FOOD_RECOMMENDATION, Intent.THANKS
ROWS = (
    Utterance(text="치킨 피자 말고", intent=FOOD, filters=Filters(exclude=("치킨", "피자"))),
    Utterance(text="고마워", intent=THANKS, filters=Filters()),
)


def found(intent: Intent, **filters: object) -> Understanding:
    return Understanding(intent=intent, confidence=0.9, filters=Filters(**filters))  # type: ignore[arg-type]


def test_filters_count_pair_by_pair_and_lists_by_element() -> None:
    got = score(ROWS, [found(FOOD, exclude=("치킨",), sort="nearest"), found(FOOD)])
    assert (got.intent_accuracy, got.exact) == (0.5, 0.0)
    assert got.filter_f1 == pytest.approx(2 * 1 / (2 + 2))
    assert got.confusion == {("THANKS", "FOOD_RECOMMENDATION"): 1}
    assert got.by_key["exclude"].f1 == pytest.approx(2 / 3)
    assert got.by_intent["FOOD_RECOMMENDATION"].right == 1


def test_baselines_answer_with_what_they_remember() -> None:
    assert [u.intent for u in most_frequent(ROWS, (*ROWS, ROWS[0]))] == [FOOD, FOOD]
    vectors = np.eye(2, dtype=np.float32)
    neighbours = nearest(ROWS, vectors, ROWS, vectors)
    assert [u.intent for u in neighbours] == [THANKS, FOOD]


def test_the_sets_of_the_project_are_read() -> None:
    sets = [UtteranceSet.load(path) for path in sorted(SETS.glob("*.jsonl")) if path.stem.startswith("understanding")]  # fmt: skip
    assert {s.name for s in sets} >= {"understanding_dev", "understanding_dev_own", "understanding_dev_turns", "understanding_dev2", "understanding_dev2_turns"}  # fmt: skip
    assert all(len(s.version) == 12 and s.rows for s in sets)


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text('{"text": "안녕", "intent": "GREETING"}\n{"text": "응", "intent": "WELL"}\n', encoding="utf-8")  # fmt: skip
    with pytest.raises(ArtifactError, match="line 2"):
        UtteranceSet.load(path)


def test_the_development_sets_stay_understood() -> None:
    """A guard on what was mended, not a measure: `naviyam evaluate understanding` measures."""
    rules = RuleUnderstander(["신림역", "신림동", "봉천동", "강남구", "후평동", "노원구", "상계동", "노원역", "춘천시", "춘천역", "효자동", "신촌역", "화곡동", "관악구"])  # fmt: skip
    rows = UtteranceSet.load(SETS / "understanding_dev.jsonl").rows
    got = score(rows, [rules.understand(row.text, Turns()) for row in rows])
    assert got.intent_accuracy >= 0.95
    assert got.filter_f1 >= 0.95


def test_a_conversation_is_replayed_and_its_shape_checked() -> None:
    rules = RuleUnderstander(["신림역"])
    earlier = [
        {"text": "신림역 근처 치킨집", "shown": ["가가", {"name": "나나", "price_won": 7000}]},
        {"text": "고마워"},
    ]
    turns = replay(rules.understand, earlier)
    assert [(s.rank, s.name) for s in turns.last_shown] == [(1, "가가"), (2, "나나")]
    assert (turns.filters.category, turns.place) == ("치킨", "신림역")
    for bad in ([3], [{"text": 1}], [{"text": "치킨", "shown": [4]}]):
        with pytest.raises(InputError):
            replay(rules.understand, json.loads(json.dumps(bad)))
