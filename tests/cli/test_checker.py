"""The outside check on answers: right answers pass, each kind of wrong one is found."""

from typing import Any

import pytest

from naviyam.evaluation.language import Asked, Known, check_answer, on_topic


def shown(name: str = "맛있는치킨", price: int = 9_000, **changes: Any) -> dict[str, Any]:
    return {
        "rank": 1,
        "shop_id": f"s_{name}",
        "name": name,
        "category": "치킨",
        "address": "강원특별자치도 춘천시 효자로 12",
        "menus": [{"name": "반 마리", "price_won": price}],
        "meal_card": "yes",
        "is_good_influence_shop": False,
        "walk_minutes": 5,
        "distance_m": 260,
        "open_now": True,
    } | changes


SECOND = shown("학교앞치킨", 6_500, walk_minutes=8, distance_m=410, open_now=None)
GOOD = (
    "치킨 좋죠! 🍗 급식카드로 먹을 수 있는 곳이에요. 1. 맛있는치킨: 반 마리 9,000원, 걸어서 5분, 지금 열려 있어요."
    " 2. 학교앞치킨: 반 마리 6,500원, 걸어서 8분이에요. 어디로 갈까요?"
)
PAGE = {
    "s_맛있는치킨": {"name": "맛있는치킨", "hours": '{"mon": [["11:00", "21:00"]]}', "rating": 4.5}
}


def kinds(
    text: str, *, shops: tuple[dict[str, Any], ...] = (shown(), SECOND), **asked: Any
) -> set[str]:
    known = Known(shops=PAGE, names=("맛있는치킨", "학교앞치킨", "옆동네김밥천국"))
    answer = {"response": text, "recommendations": list(shops)}
    return {f.kind for f in check_answer(Asked(message="치킨", **asked), answer, known)}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "맛있는치킨은 밤 9시까지 해요. 오전 11시에 열어요.",
        "반 마리가 9,000원이라 한 끼 한도 9,500원보다 500원 싸요. 맛있는치킨이에요.",
        "학교앞치킨은 6,500원이에요. 아까보다 2,500원 싸요.",
        "딱 맞는 곳이 없었어요. 7천 원까지 볼까요?",
        "급식카드가 되는지는 아직 확인되지 않았어요. 가기 전에 물어보면 좋아요.",
        "지금 위험하면 112에 전화해 주세요. 1388에서도 24시간 이야기를 들어 줘요.",
        "학교앞치킨 좋아요! 가게는 효자로 12에 있고, 걸어서 8분이에요.",
        "학교앞치킨은 전주점이에요. 맛있는치킨도 있어요.",
    ],
)
def test_true_answers_pass(text: str) -> None:
    assert kinds(text) == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("맛있는치킨: 반 마리 8,000원이에요.", "ungrounded price"),
        ("맛있는치킨: 반 마리 8천원이에요.", "ungrounded price"),
        ("맛있는치킨은 6,500원, 학교앞치킨은 9,000원이에요.", "price of another shop"),
        ("맛있는치킨은 걸어서 7분이에요.", "ungrounded minutes"),
        ("맛있는치킨은 걸어서 8분이에요.", "ungrounded minutes"),
        ("맛있는치킨은 900m 가면 돼요.", "ungrounded distance"),
        ("맛있는치킨은 밤 10시까지 해요.", "ungrounded hour"),
        ("맛있는치킨은 별점 4.9점이에요.", "ungrounded rating"),
        ("맛있는치킨은 오늘 20% 싸요.", "ungrounded percent"),
        ("1. 없는치킨: 반 마리 9,000원이에요.", "unknown shop named"),
        ("옆동네김밥천국도 맛있어요.", "unknown shop named"),
        ("학교앞치킨은 지금 열려 있어요.", "open claimed, not known"),
        ("결식아동을 위한 식당이에요.", "stigma word"),
        ("맛있는치킨은 생맥주도 팔아요.", "alcohol"),
        ("맛있는치킨 최고예요 🍗🍗🍗", "too many emoji"),
        ("OK", "no Korean text"),
        ("맛있는치킨은 걸어서 5분이에요. 값은 아직 몰라요.", "price called unknown"),
    ],
)
def test_each_kind_of_wrong_answer_is_found(text: str, kind: str) -> None:
    assert kind in kinds(text)


def test_a_card_that_is_not_known_to_work_must_not_be_promised() -> None:
    unknown = shown(meal_card="unknown")
    assert kinds("맛있는치킨은 급식카드로 먹을 수 있어요.", shops=(unknown,)) == {
        "card claimed, not known"
    }


def test_what_was_asked_for_is_held_against_the_shops() -> None:
    closed = shown(open_now=False)
    assert kinds("맛있는치킨이에요. 가 봐요.", shops=(closed,), open_now=True) == {
        "closed shop shown"
    }
    assert kinds("맛있는치킨이에요. 가 봐요.", budget_won=5_000) == {"budget broken"}
    assert "card refused there" in kinds(
        "가 볼까요? 좋아요.", shops=(shown(meal_card="no"),), card=True
    )


def test_shops_shown_before_may_be_named() -> None:
    assert kinds("학교앞치킨보다 가까워요. 좋죠!", shops=(shown(),), earlier=(SECOND,)) == set()
    assert kinds("학교앞치킨보다 가까워요. 좋죠!", shops=(shown(),)) == {"unknown shop named"}


def test_cheaper_needs_a_price_below_what_was_told_before() -> None:
    told = "더 싸요! 맛있는치킨이에요. 가 봐요."
    assert kinds(told, shops=(shown(price=6_000),), earlier=(SECOND,)) == set()
    for now in (shown(price=7_000), shown(menus=[])):
        assert kinds(told, shops=(now,), earlier=(SECOND,)) == {"cheaper claimed, not so"}


def test_two_branches_of_one_name_are_told_with_the_facts_of_either() -> None:
    twin = shown(walk_minutes=22) | {"shop_id": "s_twin"}
    text = "1. 맛있는치킨: 걸어서 5분이에요. 2. 맛있는치킨: 걸어서 {}분이에요."
    assert kinds(text.format(22), shops=(shown(), twin)) == set()
    assert kinds(text.format(9), shops=(shown(), twin)) == {"ungrounded minutes"}


def test_a_menu_named_like_another_shop_is_that_shops_own() -> None:
    menu = [{"name": "학교앞치킨", "price_won": 7_000}]
    text = "1. 맛있는치킨: 학교앞치킨 7,000원이에요. 2. 학교앞치킨: 반 마리 6,500원이에요."
    assert kinds(text, shops=(shown(menus=menu), SECOND)) == set()
    assert kinds(text.replace("6,500", "7,000"), shops=(shown(menus=menu), SECOND)) == {
        "price of another shop"
    }


def test_a_shop_is_on_topic_by_its_name_or_menus() -> None:
    assert on_topic(("치킨",), shown())
    assert not on_topic(("피자",), shown())
