"""The page by keyboard, by eye and by ear, on a narrow phone and on a bad line."""

import re
from importlib import resources

import pytest

pytestmark = pytest.mark.slow

SMALL = """() => [...document.querySelectorAll('button, a, summary, input, textarea')]
    .filter(e => e.checkVisibility() && !e.disabled && !e.closest('.unseen') && !e.matches('.skip'))
    .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
    .filter(([, box]) => box.width < 44 || box.height < 44)
    .filter(([html]) => !html.includes('role="switch"')).map(([html]) => html)"""


def test_the_keyboard_does_everything(chat):
    page = chat.page
    stops = []
    for _ in range(6):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert seen == "solid", stops[-1]
    assert stops == ["skip", "fresh", "open-settings", "open-place", "agree", "decline"]
    page.focus("#open-place")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('dialog').id") == "place"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "open-place"
    page.focus("#text")
    page.keyboard.type("치킨")
    page.evaluate(
        "document.querySelector('#text').dispatchEvent(new KeyboardEvent('keydown',"
        " {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"
    )
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("먹고 싶어")
    assert page.input_value("#text") == "치킨\n먹고 싶어"
    assert page.locator(".turn").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_selector(".shop")
    page.wait_for_selector("#send:has-text('보내기')")
    page.locator(".shop .title").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".shop .title").first.get_attribute("aria-expanded") == "true"
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(".stars legend").first.inner_text() == "별 3개, 괜찮아요"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".shop .quiet:not(:empty)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_by_everyone_on_a_narrow_phone(chat, world, scheme):
    page = chat.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) > 384) == (scheme == "light")
    page.set_viewport_size({"width": 320, "height": 640})
    page.context.grant_permissions(["geolocation"])
    shop = world.catalog.shop(0)
    page.context.set_geolocation({"latitude": shop.latitude, "longitude": shop.longitude})
    page.click("#open-place")
    page.click("#here")
    page.wait_for_selector("#place-name:has-text('지금 내 위치')")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert str(shop.latitude)[:5] not in stored
    checked(page, "start")
    chat.ask("가까운 밥집")
    assert "걸어서" in page.locator(".walk").first.inner_text()
    page.click(".shop >> nth=0 >> .title")
    page.click(".sketch summary")
    page.wait_for_selector(".map .spot")
    assert re.search(r"쪽", page.locator(".ways").inner_text())
    checked(page, "cards")
    chat.ask("집에 먹을 게 하나도 없어요")
    with chat.answered_with(503, {"Retry-After": "9"}):
        chat.ask("치킨", answered=False)
        page.wait_for_selector(".trouble")
    checked(page, "help and trouble")
    for opener in ("#open-place", "#open-settings", "#open-erase"):
        page.click(opener)
        checked(page, opener)
        if opener == "#open-place":
            page.keyboard.press("Escape")


def checked(page, what):
    """Nothing to scroll sideways, nothing too small to hit, nothing that axe finds."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, what
    assert page.evaluate("document.querySelector('main').scrollWidth") <= 320, what
    assert page.evaluate(SMALL) == [], what
    tree = page.locator("body").aria_snapshot()
    assert 'button ""' not in tree
    pytest.importorskip("axe_playwright_python")
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(v["id"], v["nodes"][0]["target"]) for v in found] == [], what


def test_trouble_is_told_kindly_and_passes(chat, world):
    page = chat.page
    said = {}
    for status, headers in ((429, {"Retry-After": "1"}), (413, {}), (422, {}), (500, {})):
        with chat.answered_with(status, headers):
            chat.ask("김밥", answered=False)
            page.wait_for_selector(".turn:last-of-type .trouble")
            said[status] = page.locator(".turn:last-of-type .trouble p").inner_text()
    assert "천천히" in said[429]
    assert "짧게" in said[413]
    assert "쉬운 말" in said[422]
    assert "조금 뒤에" in said[500]
    with chat.answered_with(503, {"Retry-After": "1"}):
        chat.ask("김밥", answered=False)
        again = page.locator(".turn:last-of-type .trouble button")
        assert again.is_disabled()
        assert "1초" in again.inner_text()
        page.wait_for_selector(".turn:last-of-type .trouble button:enabled")
    again.click()
    page.wait_for_selector(".turn:last-of-type .shop")
    assert page.locator(".turn:last-of-type .trouble").count() == 0
    world.line.pieces = 3
    chat.ask("떡볶이", answered=False)
    page.wait_for_selector(".turn:last-of-type .trouble:has-text('끊겼어요')")
    world.line.pieces = None
    page.click(".turn:last-of-type .trouble button")
    page.wait_for_selector(".turn:last-of-type .next")


def test_a_lost_connection_loses_no_feedback(chat, world):
    page = chat.page
    page.click("#agree")
    page.wait_for_selector("#ask-done:has-text('고마워요')")
    chat.ask("김밥")
    before = len(world.log("feedback"))
    page.context.set_offline(True)
    assert page.locator("#net").is_visible()
    page.click(".shop >> nth=0 >> .title")
    page.click(".shop >> nth=0 >> [data-part=favorite]")
    page.wait_for_selector(".shop .quiet:has-text('인터넷이 이어지면')")
    chat.ask("치킨", answered=False)
    page.wait_for_selector(".trouble:has-text('인터넷')")
    assert len(world.log("feedback")) == before
    page.context.set_offline(False)
    page.wait_for_selector(".shop .quiet:has-text('찜했어요')")
    assert len(world.log("feedback")) == before + 2
    assert page.evaluate("sessionStorage['naviyam-feedback']") == "[]"
    page.click(".trouble button")
    page.wait_for_selector(".turn:last-of-type .shop")
