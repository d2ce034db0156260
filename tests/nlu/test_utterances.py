"""Hand-written utterances with gold intents and filters: accuracy of the rules, printed and checked."""

import json
import sys
from pathlib import Path

import pytest

from naviyam.conversation import Turns
from naviyam.nlu.rules import RuleUnderstander
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Filters, Intent, Understanding

HERE = Path(__file__).parents[2] / "training" / "nlu"
PLACES = ("관악구", "봉천동", "신림역", "효자동", "춘천시", "강남구", "서울특별시", "퇴계동", "홍대입구역", "대구광역시", "이천시")  # fmt: skip
SHOPS = (
    "맛있는치킨",
    "황금반점",
    "참맛김밥",
    "엄마손분식",
    "하루",
    "학교앞",
    "우리집",
    "치킨",
    "솔향",
)


def shown(rank: int, name: str, category: str, price_won: int) -> Recommendation:
    return Recommendation(
        rank=rank, shop_id=f"s{rank}", name=name, category=category, address="",
        menus=(ShownMenu(name="대표", price_won=price_won),),
    )  # fmt: skip


HISTORY = Turns(
    last_understanding=Understanding(intent=Intent.FOOD_RECOMMENDATION, confidence=0.9),
    last_shown=(
        shown(1, "춘천닭집", "치킨", 9_000),
        shown(2, "달빛피자", "피자", 8_000),
        shown(3, "은빛국수", "한식", 6_500),
    ),
    filters=Filters(category="치킨"),
)


@pytest.fixture(scope="module")
def rules() -> RuleUnderstander:
    return RuleUnderstander(PLACES, SHOPS)


def score(rules: RuleUnderstander, path: Path) -> tuple[float, float, list[str]]:
    """Return intent accuracy, micro F1 over (key, value) pairs, and what went wrong."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    right = hit = said = gold = 0
    wrong: list[str] = []
    for row in rows:
        got = rules.understand(row["text"], HISTORY if row.get("hist") else Turns())
        want, have = row["filters"], got.filters.to_dict()
        pairs = {(k, json.dumps(v, ensure_ascii=False)) for k, v in want.items()}
        found = {(k, json.dumps(v, ensure_ascii=False)) for k, v in have.items()}
        hit, said, gold = hit + len(pairs & found), said + len(found), gold + len(pairs)
        right += got.intent.value == row["intent"]
        extra = all(getattr(got, k) == row[k] for k in ("shop_name", "selection") if k in row)
        if got.intent.value != row["intent"] or pairs != found or not extra:
            wrong.append(f"{row['text']}: {row['intent']} {want} -> {got.intent} {have} {got.shop_name} {got.selection}")  # fmt: skip
        for e in got.entities:
            assert 0 <= e.start < e.end <= len(row["text"])
    return right / len(rows), 2 * hit / (said + gold), wrong


def test_hand_written_utterances_are_understood(rules: RuleUnderstander) -> None:
    accuracy, f1, wrong = score(rules, HERE / "utterances.jsonl")
    sys.stdout.write("\n".join((f"intent accuracy {accuracy:.3f}, filter F1 {f1:.3f}", *wrong, "")))
    assert accuracy >= 0.93
    assert f1 >= 0.9


def test_later_phrasings_stay_understood(rules: RuleUnderstander) -> None:
    """Written after the rules; the rules were then mended with them, so this guards, it does not measure."""
    accuracy, f1, wrong = score(rules, HERE / "utterances_later.jsonl")
    sys.stdout.write("\n".join((f"intent accuracy {accuracy:.3f}, filter F1 {f1:.3f}", *wrong, "")))
    assert accuracy >= 0.9
    assert f1 >= 0.85
