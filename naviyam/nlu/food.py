"""Finds dishes, kinds of food, exclusions and allergies in a cleaned text. Pure; data in `lexicon`.

A dish sets `food_type`, a kind of food `category`; what is said as unwanted is returned negated.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from naviyam.nlu.fuzzy import nearest_words
from naviyam.nlu.lexicon import (
    CATEGORY_WORDS,
    DISH_ALIASES,
    INGREDIENTS,
    NOT_AFTER,
    SAFE_INSIDE,
    SINGLE_SYLLABLE,
)
from naviyam.nlu.spans import Span, overlaps
from naviyam.text.dishes import DISHES
from naviyam.text.morphemes import is_name
from naviyam.text.spelling import VARIANTS, unify

_EATING = re.compile(
    r"\s?(?:집|가게|이나|이랑|을|도|은|이)?\s?(?:먹|못\s?먹|안\s?먹|사|파는|시키|땡|추천|말고|말구|빼고|ㄱㄱ|ㅊㅊ|좋|어디|있|집|가게|맛집|싫|$|[?!.,])"
)
_BAD_FOLLOW = re.compile(r"을\s?(?:것|거|뻔|만큼|듯|래|까)|고\s|겠|어|네")
_UNWANTED = re.compile(
    r"\s?(?:집|가게|종류|음식|요리|류)?(?:\s?(?:들어[간가]|넣은|들은)\s?(?:거|것|음식|메뉴)?)?(?:은|는|을|를|만|이|가|도|로|으로|같은\s?(?:거|것)|\s?(?:이런|그런|저런)\s?(?:거|것|건)|거|건|것)?\s?(?:[가-힣]{1,6}(?:니까|서|라)\s)?(?:다\s|전부\s|모두\s|진짜\s|너무\s|이제\s|좀\s|오늘은\s|별로\s)?"
    r"(?:말고|말구|말곤|마고|빼고|빼구|뺴고|빼줘|빼\s?주|빼면|뺀|제외|아닌|아니고|아니라|아냐|아닌거|됐[고어]|없이|안\s?들어|싫|안\s?먹[고을어는]|질[려렸림리]|물[려렸]|지겨|지겹|그만|패스|노노|ㄴㄴ|별로(?!\s?안)|안\s?땡|안\s?좋아|(?:또\s|막\s)?먹었(?!던|으면|을\s?때|니|냐|나|어\?)|(?:또\s)?먹어서|먹은\s?지|땡기지\s?않|먹기\s?싫|좋아하지\s?않|(?:어제|아까|방금|그제|점심에|아침에|저녁에|매일|맨날|오늘)[가-힣\s]{0,6}먹[었어])"
)
_AND = re.compile(r"\s?(?:이랑|랑|하고|과|와|나|이나|또는|,|·|/|&|도)\s?")
_ALL_OF_THEM = re.compile(r"\s?(?:은|는|도|이랑|랑)?\s?(?:다|전부|모두|둘\s?다|셋\s?다)\s")
"""After a row of foods (햄버거 피자 치킨 다 질림) it speaks of each."""

_TIRED_OF = re.compile(r"[가-힣]{0,2}\s?(?:말[고구]|마고|아니|지겨|지겹|질[려렸림리]|싫|됐[고어])")
"""What it follows is named in full by the food before it (편의점 도시락 말고); 빼고 takes a part out (비빔밥 고기 빼고)."""

_BOTH_OUT = re.compile(r"[가-힣]{0,2}\s?(?:말[고구]|빼[고구줘])")
"""After two kinds of food in a row it takes both out (치킨 피자 빼고)."""

_CORRECTED = re.compile(r"(?:\s?먹을[래게])?[\s,.]*(?:아\s)?아니(?:다|야|지)?[\s,.]+")
"""Between a food said by mistake and the right one (치킨 아니 피자)."""

_ALLERGY_AFTER = re.compile(
    r"\s?(?:이랑|을|를|은|는|에|한테|만|이|가)?\s?(?:심한\s?)?(?:알레르기|알러지|알레르지|알래르기|알러쥐|앨러지|엘러지|알레기)(?!\s?(?:없|는\s?없|는없))|\s?(?:이|가|은|는|도)?\s?들어[간가가-힣]{1,2}\s?(?:거|건|것|음식)?(?:은|는|을)?\s?(?:(?:절대|다|전부|모두|아예|진짜)\s)?(?:안\s?[돼되]|못\s?먹|먹으면|큰일)|\s?(?:은|는|을|를|만|도|이|가)?\s?(?:아예\s|진짜\s|절대\s|잘\s)?못\s?(?:먹(?!었|은|을\s?정도)|마[시셔])|\s?(?:을|를|만)?\s?먹으면\s?(?:안\s?[돼되]|큰일|두드러기|배\s?아|배가\s?아|몸이|(?:목이|입이|입술이|입안이|혀가|얼굴이)\s?(?:막\s)?(?:간지|가려|부어|붓|따가|아파)|간지|가려|숨|토|아파|죽)"
)
_NO_ALLERGEN = frozenset(
    ("밥", "면", "국물", "고기", "치킨", "피자", "배달", "프랜차이즈", "체인점", "술집")
)
"""Not to have eaten one of these says something else (밥을 못 먹었다, 고기 못 먹는다)."""

_MAY_NOT = re.compile(r"\s?(?:은|는|이|도)?\s?(?:절대\s)?안\s?[돼되됨](?!나|니|냐|는지|요?\?)")
"""Said of an ingredient it is an allergy (계란 안 돼요)."""

_ALLERGY_BEFORE = re.compile(
    r"(?:알레르기|알러지|알레르지|알래르기|알러쥐)(?:가|는|이)?\s?(?:있(?:어|어요|음|다|습니다))?[\s,.:]*$"
)
_OTHER_ALLERGY = re.compile(
    r"([가-힣]{1,5})\s?(?:알레르기|알러지|알레르지|알래르기|알러쥐)(?!\s?(?:없|는\s?없|는없))"
)
_NOT_FOOD = frozenset(
    (
        "나",
        "저",
        "무슨",
        "내가",
        "제가",
        "음식",
        "심한",
        "다른",
        "좀",
        "친구",
        "동생",
        "특별한",
        "혹시",
    )
)


def _build() -> Mapping[str, tuple[tuple[str, str, str], ...]]:
    """Index every word by its first letter, longest first: (word, key, value)."""
    words: dict[str, tuple[str, str]] = {}
    for dish in DISHES:
        words[dish] = ("food_type", dish)
        if len(dish) > 1 and not dish.endswith("집"):
            words.setdefault(dish + "집", ("food_type", dish))
    for alias, dish in DISH_ALIASES.items():
        if dish:
            words[alias] = ("food_type", unify(dish))
    for word, category in CATEGORY_WORDS.items():
        words[word] = ("category", category)
    for wrong, right in VARIANTS.items():
        for known, entry in list(words.items()):
            if right != wrong and right in known and wrong not in known:
                words.setdefault(known.replace(right, wrong), entry)
    index: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for word, (key, value) in words.items():
        bare = word.replace(" ", "").lower()
        index[bare[0]].append((bare, key, value))
    return {c: tuple(sorted(set(v), key=lambda w: (-len(w[0]), w))) for c, v in index.items()}


_WORDS = _build()
_TYPED = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ]{3,}")
_ONLY_JAMO = re.compile(r"[ㄱ-ㅎ]+")
_A_THING = re.compile(r"(?<=[한긴단짠진운])[건걸것]$")
_INGREDIENT = re.compile(
    "|".join(re.escape(w) for w in sorted(INGREDIENTS, key=lambda w: (-len(w), w)))
)


def find_food(text: str, taken: Sequence[Span] = ()) -> tuple[Span, ...]:
    """Find food mentions, unwanted food and allergies.

    >>> [(s.key, s.value, s.negated) for s in find_food("치킨 말고 자장면 먹을래")]
    [('category', '치킨', True), ('food_type', '짜장면', False)]
    >>> [(s.key, s.value) for s in find_food("땅콩이랑 새우 알레르기 있어")]
    [('dietary', 'allergy:땅콩'), ('dietary', 'allergy:새우')]
    """
    mentions = _mentions(text.lower(), taken)
    mentions += _mistyped(text.lower(), [*mentions, *taken])
    ingredients = _ingredients(text, [*mentions, *taken])
    allergies = _allergies(text, sorted([*mentions, *ingredients], key=lambda s: s.start))
    rest = [s for s in mentions if not overlaps(s.start, s.end, allergies)]
    marked = _mark_unwanted(
        text, sorted([*rest, *_outside(ingredients, allergies)], key=lambda s: s.start)
    )
    wanted = [s for s in marked if s.key != "ingredient" or s.negated]
    return tuple(sorted([*wanted, *allergies], key=lambda s: s.start))


def _outside(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    return [s for s in spans if not overlaps(s.start, s.end, taken)]


def _mentions(text: str, taken: Sequence[Span]) -> list[Span]:
    """Match dictionary words on the text without spaces; a word may cross a space only from a word's start."""
    where = [i for i, c in enumerate(text) if c != " "]
    bare = "".join(text[i] for i in where)
    found: list[Span] = []
    at = 0
    while at < len(bare):
        hit = next(
            (w for w in _WORDS.get(bare[at], ()) if _fits(text, bare, where, at, w[0])), None
        )
        if hit is None:
            at += 1
            continue
        word, key, value = hit
        start, end = where[at], where[at + len(word) - 1] + 1
        if not overlaps(start, end, taken):
            found.append(Span(key=key, value=value, start=start, end=end))
        at += len(word)
    return found


_CLOSE = nearest_words({w: (k, v) for words in _WORDS.values() for w, k, v in words})


_NO_SLIP = ("테이크아웃", "테이크")
"""Words that lie one key from a dish."""


def _mistyped(text: str, taken: Sequence[Span]) -> list[Span]:
    """Match words that are one key away from a dish (돈가쓰, 떡뽂이), where nothing else was read."""
    found = []
    for m in _TYPED.finditer(text):
        if m.group().startswith(_NO_SLIP) or overlaps(m.start(), m.end(), taken):
            continue
        if (hit := _CLOSE(m.group())) is None:
            continue
        length, (key, value) = hit
        found.append(Span(key=key, value=value, start=m.start(), end=m.start() + length))
    return found


def _fits(text: str, bare: str, where: list[int], at: int, word: str) -> bool:
    if not bare.startswith(word, at):
        return False
    start, end = where[at], where[at + len(word) - 1] + 1
    if _ONLY_JAMO.fullmatch(word) and (
        _ONLY_JAMO.match(text, end) or _ONLY_JAMO.match(text[:start][-1:])
    ):
        return False
    at_word_start = start == 0 or not ("가" <= text[start - 1] <= "힣")
    parts = text[start:end].split(" ")
    if len(parts) > 1 and not (at_word_start and len(word) >= 4 and min(map(len, parts)) >= 1):
        return False
    if len(parts) > 1 and (len(parts) > 2 or len(parts[-1]) < 2) and not word.endswith("집"):
        return False
    after = text[end:]
    if any(after.startswith(bad) for bad in NOT_AFTER.get(word, ())):
        return False
    if len(word) == 1:
        eaten = _EATING.match(after) is not None and _BAD_FOLLOW.match(after) is None
        return at_word_start and word in SINGLE_SYLLABLE and eaten
    return at_word_start or len(word) >= 3 or word in SAFE_INSIDE


def _ingredients(text: str, taken: Sequence[Span]) -> list[Span]:
    found = []
    for m in _INGREDIENT.finditer(text):
        start = m.start()
        if start and "가" <= text[start - 1] <= "힣":
            continue
        if not overlaps(start, m.end(), taken):
            found.append(
                Span(
                    key="ingredient",
                    value=_A_THING.sub("거", m.group().replace(" ", "")),
                    start=start,
                    end=m.end(),
                )
            )
    return found


def _allergies(text: str, candidates: Sequence[Span]) -> list[Span]:
    """Turn foods before (or after) an allergy word into allergies, with those joined to them."""
    out: list[Span] = []
    backwards = not any(_ALLERGY_AFTER.match(text, s.end) for s in candidates)
    for i, span in enumerate(candidates):
        if span.value in _NO_ALLERGEN or not (
            _ALLERGY_AFTER.match(text, span.end)
            or (span.key == "ingredient" and _MAY_NOT.match(text, span.end))
            or (backwards and _ALLERGY_BEFORE.search(text[: span.start]))
        ):
            continue
        group = [span]
        while i > 0 and _AND.fullmatch(text[candidates[i - 1].end : group[0].start]):
            i -= 1
            group.insert(0, candidates[i])
        out += [
            replace(s, key="dietary", value=f"allergy:{s.value}", negated=False)
            for s in group
            if s.start not in {o.start for o in out}
        ]
    if not out and (m := _OTHER_ALLERGY.search(text)) and m[1] not in _NOT_FOOD:
        food = re.sub(r"(?:에|한테|가|이)$", "", m[1]) if len(m[1]) > 1 else m[1]
        if food and food not in _NOT_FOOD and is_name(food):
            at = m.start(1)
            out.append(Span(key="dietary", value=f"allergy:{food}", start=at, end=at + len(food)))
    return out


def _mark_unwanted(text: str, spans: Sequence[Span]) -> list[Span]:
    out = list(spans)
    row = False
    for i in range(len(out) - 1, -1, -1):
        span = out[i]
        row = row and text[span.end : out[i + 1].start] in (" ", ", ", ",")
        row = row or (i + 2 == len(out) and out[-1].negated and _BOTH_OUT.match(text, out[-1].end) is not None and text[span.end : out[-1].start] == " " and span.key == out[-1].key == "category")  # fmt: skip
        row = row or _ALL_OF_THEM.match(text, span.end) is not None
        named = i + 1 < len(out) and text[span.end : out[i + 1].start] in ("", " ")
        row = row or (named and _TIRED_OF.match(text, out[i + 1].end) is not None)
        if _UNWANTED.match(text, span.end) or (
            i + 1 < len(out)
            and out[i + 1].negated
            and (row or _AND.fullmatch(text[span.end : out[i + 1].start]))
        ):
            out[i] = replace(span, negated=True)
    return [s for s, after in zip_longest(out, out[1:]) if not _mistaken(text, s, after)]


def _mistaken(text: str, span: Span, after: Span | None) -> bool:
    if after is None or after.negated or span.negated:
        return False
    return _CORRECTED.fullmatch(text[span.end : after.start]) is not None
