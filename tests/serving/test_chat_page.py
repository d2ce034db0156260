"""The chat page in a real Chromium against the real application; only the line between them can be made slow or bad."""

import asyncio
import re
import threading
from contextlib import contextmanager
from importlib import resources
from types import SimpleNamespace

import pytest
import uvicorn

from deployments.ingress import create_app
from naviyam.feedback.reader import read_events

pytestmark = pytest.mark.slow

SEEN = ".turn:last-of-type [data-part=answer]:not(.waiting)"
SMALL = """() => [...document.querySelectorAll('button, a, summary, input, textarea')]
    .filter(e => e.checkVisibility() && !e.disabled && !e.closest('.unseen') && !e.matches('.skip'))
    .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
    .filter(([, box]) => box.width < 44 || box.height < 44)
    .filter(([html]) => !html.includes('role="switch"')).map(([html]) => html)"""


WATCH = """() => {
    const watched = window.watched = {};
    const $ = (selector) => document.querySelector(selector);
    new MutationObserver(() => {
        if ($(".shop")) watched.answerAtShops ??= $("#talk .turn:last-of-type [data-part=answer]").textContent;
        if ($("#live").children.length > 2) watched.sendAtSentence ??= $("#send").textContent;
    }).observe(document.body, {childList: true, subtree: true});
}"""
"""Notes what the answer was when the shops came, and whether it was still being written when a sentence was spoken."""


class Line:
    """ASGI middleware: a line that is slow, or breaks off after so many pieces of a stream."""

    def __init__(self, app):
        self.app, self.pause_s, self.pieces = app, 0.0, None

    async def __call__(self, scope, receive, send):
        sent = 0

        async def through(message):
            nonlocal sent
            if scope.get("path") == "/chat" and message["type"] == "http.response.body":
                await asyncio.sleep(self.pause_s)
                sent += 1
                if self.pieces is not None and sent > self.pieces:
                    raise ConnectionResetError
            await send(message)

        await self.app(scope, receive, through)


@pytest.fixture(scope="module")
def world(state, service_of):
    service = service_of(state)
    line = Line(create_app(service))
    server = uvicorn.Server(uvicorn.Config(line, port=0, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    catalog = service.runtimes.current.catalog
    yield SimpleNamespace(
        url=f"http://127.0.0.1:{port}/",
        line=line,
        catalog=catalog,
        district=catalog.districts[0],
        log=lambda kind: list(read_events(state / "events", kind)),
    )
    server.should_exit = True
    thread.join()


@pytest.fixture
def chat(world, phone):
    """The page of one child, and what the browser complained about."""
    complaints = []
    phone.on(
        "console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else 0
    )
    phone.on("pageerror", lambda e: complaints.append(str(e)))
    phone.goto(world.url)
    yield Chat(phone, world, complaints)
    assert [c for c in complaints if "the server responded with" not in c and "ERR_" not in c] == []
    world.line.pause_s, world.line.pieces = 0.0, None


class Chat:
    def __init__(self, page, world, complaints):
        self.page, self.world, self.complaints = page, world, complaints

    @property
    def user(self):
        return self.page.evaluate("localStorage.getItem('naviyam-user')")

    def at(self, district):
        self.page.click("#open-place")
        self.page.fill("#district", district)
        self.page.keyboard.press("Enter")

    def ask(self, text, *, answered=True):
        self.page.fill("#text", text)
        self.page.keyboard.press("Enter")
        if answered:
            self.page.wait_for_selector("#send:has-text('보내기')")
            return self.page.locator(SEEN).inner_text()
        return None

    def spoken(self):
        return self.page.locator("#live p").all_inner_texts()


@contextmanager
def answering(page, status, headers=None):
    page.route("**/chat", lambda r: r.fulfill(status=status, headers=headers or {}, body="{}"))
    yield
    page.unroute("**/chat")


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
    answer = page.locator(SEEN).inner_text()
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
    with answering(page, 503, {"Retry-After": "9"}):
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
        with answering(page, status, headers):
            chat.ask("김밥", answered=False)
            page.wait_for_selector(".turn:last-of-type .trouble")
            said[status] = page.locator(".turn:last-of-type .trouble p").inner_text()
    assert "천천히" in said[429]
    assert "짧게" in said[413]
    assert "쉬운 말" in said[422]
    assert "조금 뒤에" in said[500]
    with answering(page, 503, {"Retry-After": "1"}):
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
    assert page.locator(SEEN).inner_text() == answer
    assert page.locator(".shop").count() >= 1
    assert "무서워" not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    chat.ask("더 싼 데는?")
    assert page.evaluate("JSON.parse(sessionStorage['naviyam-talk']).id") == session
    page.click("#fresh")
    page.reload()
    assert page.locator("#talk .turn").count() == 1
