"""How 나비얌 talks, as phrase tables over slots: the template writer and the training targets both draw from here.

Change the style here and nowhere else. Every phrase is 해요체, short, and states only what its slots or flags allow.
Particles behind a slot are written in their first form (은, 이, 을, 으로); `brief.realise` sets the right one, and the
copula where a noun slot ends the sentence.
"""

from collections.abc import Mapping

OPENINGS: Mapping[str, tuple[str, ...]] = {
    "wish": ("@0 좋죠!", "@0 좋아요!", "@0 맛있죠!", "@0 찾았어요!", "@0이네요!", "@0 먹어요!", "@0 골랐어요!"),
    "card": ("모두 카드 돼요!", "카드 되는 곳이에요!", "모두 카드 되는 곳!"),
    "card wish": ("카드 되는 @0!", "@0 좋죠! 카드 돼요!", "카드 되는 @0이에요!"),
    "budget": ("$0이면 돼요!", "$0으로 먹어요!", "$0이면 충분해요!", "$0 좋죠!"),
    "plain": ("여기 어때요?", "이런 곳 어때요?", "골라 봤어요!", "찾아봤어요!", "찾았어요!", "이 집 어때요?", "밥 먹어요!"),
    "hungry": ("배고팠군요!", "배고프죠?", "얼른 먹어요!", "얼른 가요!"),
    "tired": ("힘들었죠?", "고생했어요!", "힘내요!", "수고했어요!", "푹 쉬어요!"),
    "upset": ("속상했죠?", "속상했군요.", "힘내요!"),
    "open": ("지금 가요!", "바로 가요!", "지금 열려 있어요!"),
    "near": ("가까워요!", "가까운 곳이에요!"),
    "good": ("착한가게예요!", "착한가게 찾았어요!"),
    "cheaper": ("더 싸요!", "이번엔 더 싸요!", "더 싼 곳이에요!", "더 싸게 먹어요!"),
    "others": ("다른 곳이에요!", "이번엔 여기요!", "그럼 여기요!", "여기는 어때요?", "새로 찾았어요!"),
    "friend": ("친구랑 가요!", "친구랑 먹어요!", "친구랑 좋죠!"),
    "family": ("가족이랑 가요!", "가족이랑 먹어요!", "같이 먹어요!"),
    "alone": ("혼자도 좋아요!", "혼자도 맛있죠!"),
    "group": ("다 같이 가요!", "같이 먹어요!"),
    "breakfast": ("아침 먹어요!", "아침 찾았어요!"),
    "lunch": ("점심 먹어요!", "점심 찾았어요!", "점심 어때요?"),
    "after_school": ("수고했어요!", "끝나고 가요!"),
    "dinner": ("저녁 먹어요!", "저녁 찾았어요!", "저녁 어때요?"),
    "late_night": ("밤이네요!", "늦었네요!", "조심해서 가요!"),
}  # fmt: skip
"""By theme; `template.themes` says which of them an answer may open with. All are short: with the tokenizer of the
small base a Korean syllable costs 2.5 tokens, and 20 tokens are a second on two cores."""

SHOP_MENU_WALK_OPEN = ("@1: #1 $1, %1, &1.",)
SHOP_MENU_WALK = ("@1: #1 $1, %1.",)
SHOP_MENU_OPEN = ("@1: #1 $1, &1.",)
SHOP_MENU = ("@1: #1 $1.",)
SHOP_WALK_OPEN = ("@1: %1, &1.",)
SHOP_WALK = ("@1: %1.",)
SHOP_OPEN = ("@1: &1.",)
SHOP_NAME = ("@1도 있어요.", "@1도 좋아요.")

SHOP_PLACE = "@1: ^1에 있어요."
SHOP_PLACE_ALONE = "@1은 ^1에 있어요."
SHOP_KNOWN = "@1 알아요!"
SHOP_ADDRESS_AGAIN = "가게는 ^1에 있어요."

CLAIM_NEAR = ("제일 가까워요.",)
CLAIM_CHEAP = ("제일 싸요.",)
CLAIM_GOOD = ("착한가게예요.",)
CLAIM_SAVED = ("아까보다 $9 싸요.",)
CLAIM_NO_MENU = ("값은 아직 몰라요.",)

ENDINGS_MANY = (
    "어때요?",
    "골라 봐요! 번호로 말해도 돼요.",
    "어디로 갈까요?",
    "어디로 가요?",
    "골라 볼까요?",
    "뭐가 좋아요?",
    "몇 번이 좋아요?",
    "마음에 드는 곳 있어요?",
    "어디가 제일 끌려요?",
)
ENDINGS_ONE = ("어때요?", "갈래요?", "가 볼까요?", "가 볼래요?", "여기로 갈까요?")
SELECT = (
    "@1 좋아요! ^1에 있어요. %1. 맛있게 먹어요 😊", "@1 좋죠! ^1에 있어요. %1이면 가요. 잘 다녀와요!",
    "@1으로 가요! ^1에 있어요. %1. 맛있게 먹어요!", "@1이네요! ^1에 있어요. %1이면 가요. 조심해서 가요 😊",
)  # fmt: skip
SELECT_NO_WALK = ("@1 좋아요! ^1에 있어요. 맛있게 먹어요 😊", "@1 좋죠! ^1에 있어요. 잘 다녀와요!")
SHOP_ADDRESS = ("@1은 ^1에 있어요.",)
ENDINGS_SHOP = ("더 궁금한 거 있어요?", "또 뭐가 궁금해요?", "가 볼래요?")

SAID: Mapping[str, tuple[str, ...]] = {
    "@0 먹어요!": ("@0 먹으러 가요!", "오늘은 @0이에요!"),
    "@0이네요!": ("@0 찾아봤어요!", "@0 먹고 싶었군요!"),
    "@0 좋죠!": ("@0 좋죠!", "@0 좋은 생각이에요!"),
    "@0 골랐어요!": ("@0 골라 왔어요!", "@0 골랐어요!"),
    "카드 되는 @0!": ("카드 되는 @0 찾았어요!",),
    "카드 되는 @0이에요!": ("카드 되는 @0 골랐어요!",),
    "카드 돼요!": ("카드로 먹을 수 있어요!", "카드 돼요!"),
    "모두 카드 돼요!": ("모두 카드로 먹을 수 있어요!", "모두 카드 돼요!"),
    "모두 카드 되는 곳!": ("모두 카드 되는 곳이에요!",),
    "$0 좋죠!": ("$0 안에서 찾았어요!",),
    "$0이면 돼요!": ("$0이면 돼요!", "$0 안에서 골랐어요!"),
    "$0으로 먹어요!": ("$0으로 먹을 수 있어요!",),
    "밥 먹어요!": ("밥 먹으러 가요!",),
    "얼른 먹어요!": ("얼른 먹으러 가요!",),
    "지금 가요!": ("지금 갈 수 있어요!",),
    "바로 가요!": ("바로 갈 수 있어요!",),
    "친구랑 먹어요!": ("친구랑 먹으면 더 맛있죠!",),
    "가족이랑 먹어요!": ("가족이랑 먹으면 더 맛있죠!",),
    "같이 먹어요!": ("같이 먹으면 더 맛있죠!",),
    "아침 먹어요!": ("아침 먹으러 가요!",),
    "점심 먹어요!": ("점심 먹으러 가요!",),
    "저녁 먹어요!": ("저녁 먹으러 가요!",),
    "더 싸게 먹어요!": ("더 싸게 먹을 수 있어요!",),
    "힘내요!": ("맛있는 거 먹고 힘내요!",),
    "푹 쉬어요!": ("맛있는 거 먹고 푹 쉬어요!",),
    "이번엔 여기요!": ("이번엔 여기예요!", "이번엔 여기 어때요?"),
    "그럼 여기요!": ("그럼 여기는 어때요?",),
    "다른 곳이에요!": ("다른 곳도 있어요!", "그럼 다른 곳이에요!"),
}
"""What the small base writes short, and how it is said. See `wording`."""

PLACES_TO_SIT = ("카페", "베이커리", "편의점", "패스트푸드")
"""Kinds of food that are places: nobody eats a café."""

SAID_OF_PLACES: Mapping[str, str] = {
    "@0 먹어요!": "@0 좋죠!",
    "@0 맛있죠!": "@0 좋아요!",
    "@0이네요!": "@0 찾아봤어요!",
}
SAID_ALONE: Mapping[str, str] = {
    "@1: #1 $1, %1, &1.": "@1은 #1이 $1이에요. %1이고 &1.",
    "@1: #1 $1, %1.": "@1은 #1이 $1이고, %1이에요.",
    "@1: #1 $1, &1.": "@1은 #1이 $1이고, &1.",
    "@1: #1 $1.": "@1은 #1이 $1이에요.",
    "@1: %1, &1.": "@1은 %1이고, &1.",
    "@1: %1.": "@1은 %1이에요.",
    "@1: &1.": "@1은 &1.",
    "@1: ^1.": "@1은 ^1에 있어요.",
    "@1: ^1이에요.": "@1은 ^1에 있어요.",
    "@1 ^1이에요.": "@1은 ^1에 있어요.",
}
"""One shop is no list: its line becomes a sentence."""

EMOJI_BY_WISH: Mapping[str, str] = {
    "치킨": "🍗", "피자": "🍕", "햄버거": "🍔", "패스트푸드": "🍔", "라면": "🍜", "국수": "🍜", "우동": "🍜", "김밥": "🍙",
    "짜장면": "🍜", "중식": "🥟", "만두": "🥟", "떡볶이": "😋", "분식": "😋", "돈까스": "😋", "카페": "🍰", "베이커리": "🥐", "빵": "🥐",
    "한식": "🍚", "비빔밥": "🍚", "일식": "🍣", "초밥": "🍣", "양식": "🍝", "파스타": "🍝", "고기": "🍖", "삼겹살": "🍖", "건강식": "🥗",
}  # fmt: skip
EMOJI_ANY = ("😊", "😋", "🍚")

NOTICE_CARD_UNKNOWN = "{names} 급식카드가 되는지{topic} 아직 확인되지 않았어요. 가기 전에 가게에 한번 물어보면 좋아요."
NOTICE_CARD_YES = "{names} 급식카드로 먹을 수 있는 곳이에요."
NOTICE_CARD_NO = "{names} 급식카드가 안 되는 곳이에요."
NOTICE_CARD: Mapping[str, str] = {
    "yes": NOTICE_CARD_YES,
    "no": NOTICE_CARD_NO,
    "unknown": NOTICE_CARD_UNKNOWN,
}
NOTICE_HOURS_UNKNOWN = "{names} 몇 시까지 하는지{topic} 아직 몰라요."
NOTICE_HOURS_AND_PRICES_UNKNOWN = "{names} 몇 시까지 하는지, 값은 얼마인지{topic} 아직 몰라요."
NOTICE_PRICES_UNKNOWN = "{names} 값은 아직 몰라요."
NOTICE_MENUS_UNKNOWN = "무슨 메뉴가 있는지랑 값은 아직 몰라요."
NOTICE_MENUS_UNKNOWN_TOO = "무슨 메뉴가 있는지도 아직 몰라요."
NOTICE_RATING_UNKNOWN = "별점은 아직 몰라요."
NOTICE_MORE_MENUS = "{menus}도 있어요."
NOTICE_OVER_LIMIT = "{menu} {price}이라 한 끼 한도 {limit}보다 {over} 더 들어요."
NOTICE_OVER_LIMIT_TOLD = "한 끼 한도 {limit}보다 {over} 더 들어요."
NOTICE_OVER_LIMIT_AGAIN = "여기는 {over} 더 들어요."
NOTICE_WITHIN_LIMIT = "{menu} 카드로 다 낼 수 있어요."
NOTICE_ALLERGY = '{food} 들어간 메뉴가 있는 곳은 뺐어요. 그래도 주문할 때 "{name} 알레르기가 있어요"라고 꼭 말해 주세요.'
NOTICE_PLACE = "동네를 알려 주면 더 가까운 곳을 찾아 줄게요. 어느 동네에 있어요?"
NOTICE_ALL_FAR = "가까이에는 없어서 멀리까지 찾아봤어요."
NOTICE_OTHER_TOWN = "그 동네에는 많지 않아서 다른 동네도 봤어요."
NOTICE_RELAXED: Mapping[str, str] = {
    "location": "가까이엔 많지 않아서 조금 더 먼 곳도 봤어요.",
    "food_type": "그 메뉴가 적힌 곳이 적어서 비슷한 가게도 골랐어요.",
    "category": "딱 그런 가게는 못 찾아서 다른 가게도 봤어요.",
    "atmosphere": "분위기까지는 아직 몰라서 음식으로 골랐어요.",
    "is_good_influence_shop": "가까이에는 착한가게가 없어서 다른 가게를 찾았어요.",
    "dietary": "메뉴 설명이 적어서 꼭 맞는지는 가게에 물어봐 주세요.",
    "budget_max": "말한 값 안에서는 없어서 조금 더 비싼 곳까지 봤어요.",
    "shown": "새로운 곳이 더 없어서 아까 본 곳도 골랐어요.",
}
RELAXED_TO: Mapping[str, str] = {
    "location": "조금 더 먼 곳",
    "food_type": "비슷한 가게",
    "category": "다른 가게",
    "shown": "아까 본 곳",
}
NOTICE_RELAXED_BOTH = "딱 맞는 곳이 적어서 {first} {second}도 봤어요."
"""Two loosened wishes in one breath."""
