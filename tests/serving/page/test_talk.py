"""What a child and the page say to each other, and what is written down of it."""

import re

import pytest

pytestmark = pytest.mark.slow

WATCH = """() => {
    const watched = window.watched = {};
    const $ = (selector) => document.querySelector(selector);
    new MutationObserver(() => {
        if ($(".shop")) watched.answerAtShops ??= $("#talk .turn:last-of-type [data-part=answer]").textContent;
        if ($("#live").children.length > 2) watched.sendAtSentence ??= $("#send").textContent;
    }).observe(document.body, {childList: true, subtree: true});
}"""
"""Notes what the answer was when the shops came, and whether it was still being written when a sentence was spoken."""


def test_an_answer_streams_beside_its_shops_and_every_feedback_reaches_the_log(chat, world):
    page = chat.page
    page.click("#agree")
    page.wait_for_selector("#ask-done:has-text('고마워요')")
    chat.at(world.district)
    world.line.pause_s = 0.15
    page.evaluate(WATCH)
    before = {r["interaction_id"] for r in world.log("interactions")}
    chat.ask("카드 되는 치킨집 추천해줘", answered=False)
    page.wait_for_selector(".shop")
    page.click(".shop >> nth=0 >> .title")
    page.wait_for_selector("#send:has-text('보내기')")
    answer = chat.answer()
    assert page.evaluate("window.watched") == {
        "answerAtShops": "설명을 쓰고 있어요…",
        "sendAtSentence": "그만",
    }
    names = page.locator(".shop .name").all_inner_texts()
    assert 1 <= len(names) <= 3
    assert all(name in answer for name in names)
    said = chat.spoken()
    assert len(said) == len(set(said))
    assert re.sub(r"\s", "", "".join(said[1:])) == re.sub(r"\s", "", answer)
    first = page.locator(".shop").first
    assert re.search(r"[\d,]+원", first.locator(".menus").inner_text())
    assert re.search("열려|닫혀|몰라요", first.locator(".fact").first.inner_text())
    first.locator("[data-part=favorite]").click()
    page.wait_for_selector(".shop .quiet:has-text('찜했어요')")
    first.locator("[data-part=order]").click()
    page.wait_for_selector(".shop .quiet:has-text('맛있게')")
    first.locator(".star input").nth(3).check()
    first.locator("[data-part=rate]").click()
    page.wait_for_selector(".shop .quiet:has-text('별점')")
    (asked,) = [r for r in world.log("interactions") if r["interaction_id"] not in before]
    given = [r for r in world.log("feedback") if r["interaction_id"] == asked["interaction_id"]]
    assert {r["feedback_type"]: r["satisfaction_score"] for r in given} == {
        "clicked": None,
        "favorited": None,
        "ordered": None,
        "rated": 4.0,
    }
    assert {world.catalog.row_of[r["shop_id"]] for r in given} == {
        world.catalog.row_of[asked["shown"][0]["shop_id"]]
    }
    world.line.pause_s = 0.0
    chat.ask("더 싼 데는?")
    page.click("#fresh")
    assert page.locator("#talk .turn").count() == 1
    chat.ask("떡볶이")
    sessions = [
        r["session_id"] for r in world.log("interactions") if r["user_id"] == asked["user_id"]
    ]
    assert len(sessions) == 3
    assert len(set(sessions)) == 2


def test_nothing_is_written_down_until_a_child_agrees_and_all_goes_when_it_says_so(chat, world):
    page = chat.page

    def ids():
        return {r["interaction_id"] for r in world.log("interactions")}

    before = ids()
    chat.ask("김밥")
    page.click(".shop >> nth=0 >> .title")
    page.click(".shop >> nth=0 >> [data-part=favorite]")
    page.wait_for_selector(".shop .quiet:has-text('남기지 않았어요')")
    assert ids() == before
    page.reload()
    page.wait_for_selector("#ask:not([hidden])")
    page.click("#decline")
    page.wait_for_selector("#ask-done:has-text('아무것도')")
    page.click("#open-settings")
    assert not page.is_checked("#consent")
    page.click(".switch")
    page.wait_for_selector("#consent-said:has-text('고마워요')")
    page.keyboard.press("Escape")
    chat.ask("김밥")
    assert len(ids() - before) == 1
    page.reload()
    page.wait_for_function("document.querySelector('#consent').checked")
    assert page.locator("#ask").is_hidden()
    user = chat.user
    page.click("#open-settings")
    page.click("#open-erase")
    page.click("#erase-now")
    page.wait_for_selector("#ask-done:has-text('모두 지웠어요')")
    assert ids() == before
    assert chat.user != user
    assert page.locator("#ask").is_visible()


def test_help_is_a_tap_away_and_no_word_becomes_markup(chat):
    page = chat.page
    text = chat.ask("아빠가 때려서 무서워")
    assert "네 잘못이 아니에요" in text
    calls = page.locator(".help a")
    assert [a.get_attribute("href") for a in calls.all()] == ["tel:1388", "tel:112", "tel:109"]
    assert page.locator(".turn:last-of-type .shop").count() == 0
    chat.ask("집에 먹을 게 하나도 없어요")
    assert page.locator(".turn:last-of-type .help").count() == 1
    assert page.locator(".next").count() == 0
    chat.ask("<img src=x onerror=document.title='bad'> 치킨 <b>집</b>")
    assert "<img src=x" in page.locator(".turn:last-of-type .me").inner_text()
    assert page.locator("#talk img, #talk b:not(.help b)").count() == 0
    assert "나비얌" in page.title()
    assert page.locator(".ai").inner_text() == "나는 AI예요"
    blocked = page.evaluate(
        "() => { try { document.body.innerHTML = '<p>'; return false } catch { return true } }"
    )
    assert blocked, "the policy refuses text as markup"
    assert chat.complaints.pop().startswith("This document requires 'TrustedHTML'")


def test_a_place_that_nobody_knows_is_said(chat):
    chat.at("없는동네이름")
    chat.ask("김밥")
    assert "없는동네이름" in chat.page.locator(".turn:last-of-type .quiet >> nth=-1").inner_text()


def test_a_page_loaded_anew_goes_on_where_it_was_but_for_what_was_confided(chat):
    page = chat.page
    answer = chat.ask("김밥")
    session = page.evaluate("JSON.parse(sessionStorage['naviyam-talk']).id")
    chat.ask("아빠가 때려서 무서워")
    page.reload()
    page.wait_for_selector(".next")
    assert page.locator("#talk .turn").count() == 2
    assert chat.answer() == answer
    assert page.locator(".shop").count() >= 1
    assert "무서워" not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    chat.ask("더 싼 데는?")
    assert page.evaluate("JSON.parse(sessionStorage['naviyam-talk']).id") == session
    page.click("#fresh")
    page.reload()
    assert page.locator("#talk .turn").count() == 1
