"""Invariants of the Korean text functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naviyam.text.clean import normalise, squash
from naviyam.text.dishes import DISHES, search_terms
from naviyam.text.easy import STIGMA_WORDS, count_emoji, friendly
from naviyam.text.josa import final_consonant, fix_josa, josa
from naviyam.text.morphemes import keywords, tokens
from naviyam.text.numbers import find_amounts, native_count, parse_number
from naviyam.text.personal import mask
from naviyam.text.spelling import VARIANTS, unify

KOREAN = st.text(
    st.one_of(
        st.sampled_from(
            "ㅊㅣㅋㅏㄴㅠㅜㅋ 치킨먹고싶어만원오천을를이가12,0!~🍗\u200d\u3164\u1112\u1161\u11ab각"
        ),
        st.characters(),
    ),
    max_size=40,
)
_DIGITS = "영일이삼사오육칠팔구"


def spell(n: int) -> str:
    """Write 1..99,999,999 in Sino-Korean as people say it (만오천, not 일만오천)."""
    out = ""
    high, low = divmod(n, 10_000)
    if high:
        out += ("" if high == 1 else spell(high)) + "만"
    for size, unit in ((1_000, "천"), (100, "백"), (10, "십")):
        digit, low = divmod(low, size)
        if digit:
            out += ("" if digit == 1 else _DIGITS[digit]) + unit
    return out + (_DIGITS[low] if low else "")


@given(KOREAN)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(KOREAN)
def test_every_span_points_into_the_original_in_order(text: str) -> None:
    cleaned = normalise(text)
    assert len(cleaned.spans) == len(cleaned.text)
    last = 0
    for start, end in cleaned.spans:
        assert 0 <= start < end <= len(text)
        assert start >= last
        last = start
    for i in range(len(cleaned.text)):
        start, end = cleaned.to_original(i, len(cleaned.text))
        assert 0 <= start < end <= len(text)


@given(KOREAN)
def test_squash_is_idempotent(text: str) -> None:
    assert squash(squash(text)) == squash(text)


@given(
    st.text(max_size=20),
    st.sampled_from(("을/를", "이/가", "은/는", "(으)로", "과/와", "이에요/예요")),
)
def test_josa_answers_for_any_word(word: str, pair: str) -> None:
    assert josa(word, pair).startswith(word)
    assert len(josa(word, pair)) > len(word)


@given(st.integers(1, 9_999))
def test_amounts_round_trip_through_words(hundreds: int) -> None:
    won = hundreds * 100
    if won >= 1_000:
        assert parse_number(spell(won)) == won
    assert [a.won for a in find_amounts(spell(won) + "원")] == [won]
    assert [a.won for a in find_amounts(f"{won:,}원")] == [won]


@given(KOREAN)
def test_text_functions_take_anything(text: str) -> None:
    for amount in find_amounts(text):
        assert 0 <= amount.start < amount.end <= len(text)
    assert isinstance(mask(text), str)
    shown = friendly(text, 2)
    assert count_emoji(shown) <= 2
    assert not any(word in shown for word in STIGMA_WORDS)
    assert isinstance(fix_josa(text, ("치킨", "")), str)


def test_spelling_is_unified_once_and_for_all() -> None:
    for wrong, right in VARIANTS.items():
        assert unify(unify(wrong)) == unify(wrong)
        assert unify(right) == right


def test_there_are_enough_dishes_and_each_finds_itself() -> None:
    assert len(DISHES) >= 250
    assert all(search_terms(dish)[0] == dish for dish in DISHES)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("01012345678로 연락해", "[전화번호]로 연락해"),
        ("02-123-4567", "[전화번호]"),
        ("990101-1234567", "[주민번호]"),
        ("1234-5678-9012-3456", "[카드번호]"),
        ("나 관악로 12길 34에 살아", "나 관악로 [주소]에 살아"),
        ("101동 1203호", "[주소]"),
        ("5천원으로 2명", "5천원으로 2명"),
        ("만원 정도로 3명이 먹을 데", "만원 정도로 3명이 먹을 데"),
        ("급식카드로 5000원", "급식카드로 5000원"),
        ("학교 끝나고 길 건너", "학교 끝나고 길 건너"),
        ("1388 112 109", "1388 112 109"),
    ],
)
def test_personal_data_is_masked_and_nothing_else(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("hard", "easy"),
    [
        ("이용 가능한 업소를 안내드립니다", "쓸 수 있는 가게를 알려 줄게요"),
        ("급식카드 결제가 가능합니다.", "급식카드 낼 수 있어요."),
        ("현재 영업 중입니다", "현재 열려 있어요"),
        ("추천드립니다!", "추천해요!"),
        ("영업시간은 9시까지입니다.", "문 여는 시간은 9시까지예요."),
        ("가난한 이웃을 위한 밥", "이웃을 위한 밥"),
    ],
)
def test_hard_words_become_easy_ones(hard: str, easy: str) -> None:
    assert friendly(hard) == easy


def test_counts_and_finals() -> None:
    assert native_count("다섯") == 5
    assert final_consonant("") is None


def test_keywords_and_tokens_of_the_running_example() -> None:
    assert keywords("급식카드 되는 치킨집 추천해줘") == ("급식카드", "치킨집", "추천")
    assert "치킨" in tokens("급식카드 되는 치킨집 추천해줘")
    assert "돈까스" in tokens("돈가스 먹고 싶어")
