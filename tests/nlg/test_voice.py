"""Spec 8's table, row by row, as the template writer says it; and what the child must not stumble over."""

import random
from dataclasses import replace

import pytest

from naviyam.clock import SystemClock
from naviyam.conversation import Turns
from naviyam.dialogue import replies
from naviyam.evaluation.korean import emoji_count, impolite, sentences
from naviyam.evaluation.language import STIGMA
from naviyam.nlg import style
from naviyam.nlg.brief import WriteRequest, dong_of
from naviyam.nlg.wording import off_theme, said
from naviyam.nlg.writer import Writer, Written
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Emotion, Filters, Intent, Understanding
from naviyam.settings import Writing


def shop(rank: int, name: str, **known: object) -> Recommendation:
    values: dict[str, object] = {
        "rank": rank, "shop_id": f"s{rank}", "name": name, "category": "치킨",
        "address": "강원특별자치도 춘천시 효자로 12 (효자동)", "meal_card": "yes",
        "menus": (ShownMenu(name="반 마리", price_won=9000 - 1000 * rank),),
        "distance_m": 300 * rank, "walk_minutes": 6 * rank, "open_now": True,
    }  # fmt: skip
    return Recommendation(**{**values, **known})  # type: ignore[arg-type]


def ask(
    *shops: Recommendation, intent: Intent = Intent.FOOD_RECOMMENDATION, **more: object
) -> WriteRequest:
    filters = more.pop("filters", Filters(category="치킨"))
    name = shops[0].name if intent in (Intent.MEAL_CARD_INQUIRY, Intent.MENU_INQUIRY) else None
    understanding = Understanding(
        intent=intent,
        confidence=0.9,
        filters=filters,  # type: ignore[arg-type]
        emotion=more.pop("emotion", Emotion.NEUTRAL),  # type: ignore[arg-type]
        shop_name=name,
    )
    values = {"question": "치킨", "understanding": understanding, "recommendations": shops}
    return WriteRequest(**{**values, "limit_won": 9_500, **more})  # type: ignore[arg-type]


class Scripted:
    """A model that writes one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def stream(self, prompt: str, *, adapter: str | None, request_id: str):  # type: ignore[no-untyped-def]
        yield self.text


async def answer(request: WriteRequest, model: str | None = None) -> Written:
    writer = Writer(Writing(), Scripted(model) if model else None, SystemClock())
    *_, last = [p async for p in writer.write(request)]
    assert isinstance(last, Written)
    return last


async def test_a_plain_request_is_an_opening_a_list_with_facts_and_a_choice() -> None:
    text = (await answer(ask(shop(1, "맛있는치킨"), shop(2, "학교앞치킨", open_now=None)))).text
    first, one, two, last = text.splitlines()
    assert "치킨" in first
    assert one.startswith("1. 맛있는치킨: 반 마리 8,000원, 걸어서 6분, 지금 열려 있어요.")
    assert two.startswith("2. 학교앞치킨: 반 마리 7,000원, 걸어서 12분이에요.")
    assert last in style.ENDINGS_MANY


async def test_above_the_limit_the_difference_is_said_and_what_fits_is_offered() -> None:
    dear = ShownMenu(name="양념치킨", price_won=16_000, over_limit_won=6_500)
    fits = ShownMenu(name="반 마리", price_won=9_000)
    text = (await answer(ask(shop(1, "맛있는치킨", menus=(dear, fits))))).text
    assert "한 끼 한도 9,500원보다 6,500원이 더 들어요." in text
    assert "반 마리(9,000원)는 카드로 다 낼 수 있어요." in text
    unknown = (
        await answer(ask(shop(1, "맛있는치킨", menus=(dear, fits), meal_card="unknown")))
    ).text
    assert "카드로 다 낼 수" not in unknown


async def test_what_is_left_to_pay_stands_with_the_shop_it_is_about() -> None:
    dear = (ShownMenu(name="양념치킨", price_won=16_000, over_limit_won=6_500),)
    less = (ShownMenu(name="한 마리", price_won=12_000, over_limit_won=2_500),)
    request = ask(shop(1, "맛있는치킨", menus=dear), shop(2, "참새통닭", menus=less))
    for model in (None, "@0 좋죠! 🍗 @1: #1 $1, %1, &1. @2: #2 $2, %2, &2."):
        lines = (await answer(request, model)).text.splitlines()
        assert "한 끼 한도 9,500원보다 6,500원이 더 들어요." in lines[1]
        assert "여기는 2,500원이 더 들어요." in lines[2]


async def test_cheaper_says_the_difference_and_is_never_claimed_without_one() -> None:
    filters = Filters(sort="cheapest")
    before = Turns(last_shown=(shop(1, "비싼집", menus=(ShownMenu(name="밥", price_won=9_500),)),))
    request = ask(shop(1, "참맛김밥"), intent=Intent.REFINE, filters=filters, turns=before)
    assert "아까보다 1,500원 싸요." in (await answer(request)).text
    unknown = replace(request, recommendations=(shop(1, "참맛김밥", menus=()),))
    for seed in range(12):
        assert "싸" not in (await answer(replace(unknown, seed=seed))).text
    told = await answer(unknown, "더 싸요! 😊 @1: %1, &1.")
    assert "saved" in told.rejected
    assert "싸" not in told.text


async def test_whether_the_card_works_is_answered_before_anything_else() -> None:
    for card, words in (("yes", "먹을 수 있는 곳"), ("unknown", "확인되지 않았어요")):
        request = ask(shop(1, "참맛김밥", meal_card=card), intent=Intent.MEAL_CARD_INQUIRY)
        text = (await answer(request)).text
        assert text.startswith("참맛김밥은 급식카드")
        assert words in text.split(".")[0]


async def test_asked_for_menus_more_than_one_is_told() -> None:
    menus = (ShownMenu(name="김밥", price_won=3_000), ShownMenu(name="라면", price_won=4_000))
    request = ask(shop(1, "참맛김밥", menus=menus), intent=Intent.MENU_INQUIRY)
    assert "라면 4,000원도 있어요." in (await answer(request)).text


async def test_asked_for_menus_that_nobody_knows_it_says_so() -> None:
    request = ask(shop(1, "참맛김밥", menus=()), intent=Intent.MENU_INQUIRY)
    text = (await answer(request)).text
    assert "무슨 메뉴가 있는지도 아직 몰라요." in text
    assert text.count("값은") == 1, "once is enough"


async def test_an_opening_takes_the_picture_of_the_food_asked_for() -> None:
    text = (
        await answer(ask(shop(1, "가게"), shop(2, "나게")), "@0 좋아요! 🍝 @1: %1. @2: %2.")
    ).text
    assert text.splitlines()[0].endswith("🍗")


async def test_where_nobody_knows_the_place_it_is_the_only_question() -> None:
    text = (await answer(ask(shop(1, "가게"), shop(2, "나게"), place_known=False))).text
    assert text.endswith("어느 동네에 있어요?")
    assert text.count("?") == text.splitlines()[0].count("?") + 1


async def test_two_loosened_wishes_are_one_sentence_and_near_shops_are_not_called_far() -> None:
    far = shop(1, "먼집", distance_m=4_200, walk_minutes=82)
    text = (await answer(ask(far, relaxed=("food_type", "location")))).text
    assert text.startswith("딱 맞는 곳이 적어서 비슷한 가게랑 조금 더 먼 곳도 봤어요.")
    near = (await answer(ask(shop(1, "앞집"), relaxed=("location",)))).text
    assert "먼 곳" not in near


async def test_shops_with_nothing_but_a_name_are_a_list_with_their_place() -> None:
    bare = {"menus": (), "distance_m": None, "walk_minutes": None, "open_now": None}
    request = ask(shop(1, "가게", **bare), shop(2, "나게", **bare))
    for model in (None, "@0 좋죠! 😋 @1도 좋아요. @2도 있어요."):
        text = (await answer(request, model)).text
        assert "\n1. 가게: 효자동에 있어요.\n2. 나게: 효자동에 있어요." in text
        assert "값은 아직 몰라요." in text


async def test_a_far_shop_is_no_walk_of_kilometres() -> None:
    far = shop(1, "먼집", distance_m=4_200, walk_minutes=82)
    text = (await answer(ask(far, intent=Intent.SELECT), "@1 좋죠! ^1에 있어요. %1이면 가요.")).text
    assert "약 4.2km 거리예요." in text
    assert "효자로 12에 있어요." in text


async def test_an_untrue_claim_or_a_strange_opening_is_left_out_and_the_answer_goes_on() -> None:
    request = ask(shop(1, "맛있는치킨", meal_card="unknown"), shop(2, "참새통닭"))
    for opening, reason in (
        ("카드 되는 곳이에요! 😋", "meal_card"),
        ("힘내요! 😋", "off_theme"),
        ("아직 어때요? 😋", "fluency"),
        ("여기 밥! 😋", "impolite"),
        ("값은 아직 몰라요.", "price_known"),
        ("지금 가요! 😋", "off_theme"),
    ):
        written = await answer(request, f"{opening} @1: #1 $1, %1, &1. @2: #2 $2, %2, &2.")
        assert (written.written_by, written.degraded_reason) == ("llm", None)
        assert written.rejected == (reason,)
        assert written.opening
        assert not written.text.startswith("1.")


@pytest.mark.parametrize("pool", [p for pool in style.OPENINGS.values() for p in pool])
def test_every_opening_keeps_its_slots_however_it_is_said(pool: str) -> None:
    request = ask(shop(1, "맛있는치킨"), shop(2, "참새통닭"), filters=Filters(category="카페"))
    for seed in range(4):
        spoken = said(f"{pool} 🍗", replace(request, seed=seed), named=False)
        assert ("@0" in spoken, "$0" in spoken) == ("@0" in pool, "$0" in pool)
        assert spoken[:-2].endswith(("!", "?", "."))
        assert "카페 먹" not in spoken.replace("@0", "카페")


def test_one_opening_is_said_in_more_than_one_way() -> None:
    request = ask(shop(1, "맛있는치킨"))
    seeds = random.Random(1).sample(range(10_000), 20)
    assert len({said("@0 먹어요!", replace(request, seed=s), named=False) for s in seeds}) > 1


def test_tiredness_may_be_answered_only_where_it_was_felt() -> None:
    assert off_theme("힘들었죠? 😊", ask(shop(1, "가게")))
    assert not off_theme("힘들었죠? 😊", ask(shop(1, "가게"), emotion=Emotion.TIRED))


def test_a_place_without_a_dong_is_told_by_its_road() -> None:
    assert dong_of("경기도 성남시 분당구 황새울로 3") == "황새울로 3"


def test_every_fixed_reply_is_short_polite_and_shames_nobody() -> None:
    tables = (getattr(replies, name) for name in vars(replies) if name.isupper())
    texts = [t for table in tables for t in (table if isinstance(table, tuple) else (table,))]
    texts = [t for t in texts if isinstance(t, str)]
    assert len(texts) > 25
    for text in texts:
        assert impolite(text, ()) == [], text
        assert len(sentences(text, ())) <= 4, text
        assert emoji_count(text) <= 2, text
        assert not any(word in text for word in STIGMA), text


def test_another_topic_is_turned_down_with_something_to_eat() -> None:
    for text in replies.OUT_OF_SCOPE:
        assert any(word in text for word in ("간식", "먹고 싶", "맛집", "맛있는")), text


async def test_where_everything_was_left_out_the_answer_says_that_it_is_degraded() -> None:
    written = await answer(ask(shop(1, "가게"), shop(2, "나게")), "여기 밥! 좋은 밥! 가는 길.")
    assert (written.written_by, written.degraded_reason) == ("template", "incomplete")


async def test_what_nobody_knows_of_all_is_said_in_one_breath() -> None:
    bare = [shop(i, f"집{i}", menus=(), open_now=None) for i in (1, 2, 3)]
    request = ask(*bare, filters=Filters(open_now=True))
    text = (await answer(request)).text
    assert "세 곳 모두 몇 시까지 하는지, 값은 얼마인지 아직 몰라요." in text
    assert text.count("아직 몰라요") == 1


async def test_of_one_shop_by_name_the_particle_is_not_said_twice() -> None:
    request = ask(shop(1, "앞집"), shop(2, "뒷집", open_now=None), filters=Filters(open_now=True))
    assert "뒷집은 몇 시까지 하는지 아직 몰라요." in (await answer(request)).text


async def test_how_far_the_search_went_is_told_as_it_is() -> None:
    far = [shop(i, f"집{i}", distance_m=4_000, walk_minutes=None) for i in (1, 2)]
    nowhere = [shop(i, f"집{i}", distance_m=None, walk_minutes=None) for i in (1, 2)]
    near_and_far = [shop(1, "집1"), far[1]]
    for shops, words in (
        (far, "멀리까지"),
        (nowhere, "다른 동네도"),
        (near_and_far, "조금 더 먼 곳도"),
    ):
        assert words in (await answer(ask(*shops, relaxed=("location",)))).text


async def test_what_was_shown_before_is_not_called_new() -> None:
    before = Turns(last_shown=(shop(1, "앞집"),))
    request = ask(shop(1, "앞집"), intent=Intent.REFINE, turns=before, relaxed=("shown",))
    for seed in range(8):
        assert "새로 찾" not in (await answer(replace(request, seed=seed))).text
    told = await answer(request, "새로 찾았어요! 😊 @1: #1 $1, %1, &1.")
    assert "새로 찾" not in told.text
