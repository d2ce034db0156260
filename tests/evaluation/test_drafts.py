"""What a model's own words are worth: good ones get 1, and each kind of fault lowers its own measure."""

import pytest

from naviyam.evaluation.drafts import judge_draft, offline_score
from naviyam.nlg.brief import WriteRequest
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Filters, Intent, Understanding
from naviyam.settings import Evaluation

GOOD = "@0 좋죠! 🍗 @1: #1 $1, %1. @2: #2 $2, %2. 어디로 가요?"


def _shop(rank: int) -> Recommendation:
    return Recommendation(
        rank=rank, shop_id=f"s{rank}", name=f"참새{rank}치킨", category="치킨", address="효자로 1",
        menus=(ShownMenu(name="양념치킨", price_won=9_000 + rank),), meal_card="unknown",
        distance_m=300 * rank, walk_minutes=6 * rank,
    )  # fmt: skip


@pytest.fixture
def request_() -> WriteRequest:
    return WriteRequest(
        question="치킨 먹고 싶어",
        understanding=Understanding(
            intent=Intent.FOOD_RECOMMENDATION, confidence=1.0, filters=Filters(category="치킨")
        ),
        recommendations=(_shop(1), _shop(2)),
        limit_won=9_500,
    )


def test_an_answer_of_the_style_is_worth_one(request_: WriteRequest) -> None:
    found = judge_draft(request_, GOOD + "<|im_end|>")
    assert found == {"keywords": 1.0, "quality": 1.0, "grounded": 1.0, "safe": 1.0}
    assert offline_score(found, Evaluation()) == 1


@pytest.mark.parametrize(
    ("draft", "worse"),
    [
        ("@0 좋죠! 🍗 @1: #1 $1, %1. 어디로 가요?", {"keywords"}),
        (GOOD.replace("어디로 가요?", "어디로 가요? 어디로 가요?"), {"quality"}),
        (GOOD.replace("@2:", "@3:"), {"keywords", "grounded"}),
        (GOOD.replace("%2.", "%2. 제일 가까워요."), {"grounded"}),
        (GOOD.replace("좋죠!", "맥주도 좋죠!"), {"quality", "grounded", "safe"}),
        ("Chicken is good! @1: #1 $1. @2: #2 $2. @0", {"quality", "grounded"}),
    ],
)
def test_each_fault_lowers_its_measure(request_: WriteRequest, draft: str, worse: set[str]) -> None:
    found = judge_draft(request_, draft)
    assert {name for name, value in found.items() if value < 1} == worse
    assert 0 <= offline_score(found, Evaluation()) < 1


def test_silence_is_worth_nothing_but_is_safe(request_: WriteRequest) -> None:
    assert judge_draft(request_, "<|im_end|>") == {
        "keywords": 0.0,
        "quality": 0.0,
        "grounded": 0.0,
        "safe": 1.0,
    }


def test_the_score_is_the_mean_by_the_weights_of_the_settings() -> None:
    measures = {"keywords": 1.0, "quality": 0.5, "grounded": 0.0, "safe": 1.0}
    weights = Evaluation(keyword_weight=2, quality_weight=4, grounded_weight=3, safe_weight=1)
    assert offline_score(measures, weights) == pytest.approx(0.5)
