"""The offline writer: real parts, a file that is continued, nothing kept of what never took place."""

import asyncio
import json
from itertools import islice

import pytest

from deployments.offline import run
from deployments.offline_ports import filled
from deployments.offline_talks import make_talk, talks
from naviyam.catalog.store import Catalog
from naviyam.errors import ConflictError
from naviyam.evaluation.judged import judge
from naviyam.evaluation.writing import figures
from naviyam.evaluation.written import read_answers
from naviyam.nlg.brief import WriteRequest
from naviyam.recommendation import Recommendation, ShownMenu
from naviyam.request import Intent, Understanding
from naviyam.versions import current


def write(settings, out, *, count, seed=3):
    return asyncio.run(run(settings, writer="template", count=count, seed=seed, out=out, at_once=2))


@pytest.fixture
def settings(state, settings_at):
    return settings_at(state)


def test_answers_are_written_judged_right_and_continued(settings, state, tmp_path):
    out = tmp_path / "answers.jsonl"
    kept = sorted(state.rglob("*"))
    first = write(settings, out, count=4)
    assert json.dumps(first)
    again = write(settings, out, count=8)
    assert again["answers"] == first["answers"] + again["written_now"] >= 8
    held = read_answers(out)
    assert len({(a.talk, a.turn) for a in held.answers}) == len(held.answers)
    assert {a.answer["metadata"]["written_by"] for a in held.generated} == {"template"}
    judged = judge(held.answers, Catalog.load(current(settings.paths.catalog)), limit_won=9_500)
    assert figures(judged)["wrong_facts"]["count"] == 0
    assert sorted(state.rglob("*")) == kept
    with pytest.raises(ConflictError, match="another file"):
        write(settings, out, count=9, seed=4)


def test_a_conversation_is_decided_by_its_number_and_the_seed(settings):
    catalog = Catalog.load(current(settings.paths.catalog))
    drawn = list(islice(talks(catalog, seed=3), 40))
    assert make_talk(catalog, 7, seed=3) == drawn[7]
    assert make_talk(catalog, 7, seed=4) != drawn[7]
    assert len({t.context for t in drawn}) == 40
    assert any(t.turns[0].kind == "shop" for t in drawn)
    assert any(len(t.turns) > 1 for t in drawn)


def test_a_draft_is_told_with_its_facts_and_unknown_slots_stay():
    shop = Recommendation(
        rank=1, shop_id="s", name="참새분식", category="분식", address="효자로 1",
        menus=(ShownMenu(name="라면", price_won=4_000),),
    )  # fmt: skip
    request = WriteRequest(
        question="라면",
        understanding=Understanding(intent=Intent.FOOD_RECOMMENDATION, confidence=1.0),
        recommendations=(shop,),
        limit_won=9_500,
    )
    text = filled("여기 어때요? 😋 @1: #1 $1, %1. @2은 좋", request)
    assert text == "여기 어때요? 😋 참새분식: 라면 4,000원, %1이에요. @2는 좋"
