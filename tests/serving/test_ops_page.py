"""The operations page in a real browser, against the real application and its stores."""

import json
import re

import httpx
import pytest

from tests.serving.ops_world import EVIL, world_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory, state, service_of):
    with world_of(tmp_path_factory.mktemp("ops"), state, service_of) as made:
        yield made


@pytest.fixture
def page(desktop, world):
    """A page of an operator who is in."""
    faults = []
    desktop.on("pageerror", lambda error: faults.append(str(error)))
    desktop.on(
        "console",
        lambda m: (
            faults.append(m.text) if "Content Security" in m.text or "Trusted" in m.text else None
        ),
    )
    enter(desktop, world)
    yield desktop
    assert faults == []


def enter(page, world, name="민수"):
    page.goto(f"{world.url}/ops")
    page.fill("#name", name)
    page.fill("#key", world.key)
    page.press("#key", "Enter")
    page.wait_for_selector("#state[data-state=live]")
    page.wait_for_selector(".experiment .verdict p:not(:empty)")


def until(page, check, told="it did not come to pass"):
    for _ in range(100):
        if check():
            return
        page.wait_for_timeout(50)
    raise AssertionError(told)


def card(page, layer):
    return page.locator(
        "article.experiment", has_text={"ranker": "순위 모델", "adapter": "말투 모델"}[layer]
    ).first


def test_a_wrong_key_is_refused_kindly_and_nothing_is_shown(desktop, world):
    desktop.goto(f"{world.url}/ops")
    assert desktop.locator("#board").is_hidden()
    for key, words in (("nv_" + "x" * 43, "들어갈 수 없어요"), ("한글열쇠", "한글 자판")):
        desktop.fill("#key", key)
        desktop.press("#key", "Enter")
        until(desktop, lambda words=words: words in desktop.locator("#key-error").inner_text())
    assert desktop.locator("#board").is_hidden()
    assert desktop.evaluate("sessionStorage.getItem('naviyam-ops-key')") is None
    assert desktop.evaluate("JSON.stringify(localStorage)") == "{}"


def test_figures_move_with_what_is_asked(page, world):
    tile = page.locator(".tile", has_text="초당 요청").locator("dd").first
    until(page, lambda: tile.inner_text() == "0.00")
    world.chat(6)
    until(page, lambda: tile.inner_text() not in ("0.00", "…"))
    until(page, lambda: page.locator("#stages tr").count() == 8)
    assert "낮춘 답" in page.locator("#tiles").inner_text()
    assert page.locator("#traffic-chart path").count() >= 1
    page.focus("#traffic-chart")
    page.keyboard.press("ArrowLeft")
    assert "정상" in page.locator("#traffic-read").inner_text()


def test_the_weight_is_changed_with_a_reason_and_audited(page, world):
    card(page, "ranker").get_by_role("button", name="비율 바꾸기").click()
    yes = page.locator("#ask-yes")
    assert yes.is_disabled()
    page.fill("#ask-share", "25")
    page.fill("#ask-why", "괜찮아 보여서")
    yes.click()
    page.wait_for_selector(".toast")
    assert world.experiment("ranker").weight == 0.25
    act = world.acts()[0]
    assert (act["what"], act["said_by"], act["why"]) == (
        "experiment.weight",
        "민수",
        "괜찮아 보여서",
    )
    assert (act["before"]["weight"], act["after"]["weight"]) == (0.1, 0.25)
    until(page, lambda: "25 %" in card(page, "ranker").inner_text())
    until(page, lambda: "괜찮아 보여서" in page.locator("#audit-rows").inner_text())
    until(page, lambda: "25 %" in card(page, "ranker").locator("svg").text_content())


def test_a_rollback_wants_its_name_typed(page, world):
    held = world.experiment("adapter")
    card(page, "adapter").get_by_role("button", name="되돌리기").click()
    page.fill("#ask-why", "답이 이상해서")
    page.fill("#ask-typed", "ranker")
    assert page.locator("#ask-yes").is_disabled()
    page.fill("#ask-typed", "adapter")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast")
    assert world.part.rollouts.experiments.get(held.id).state.value == "rolled_back"
    assert world.part.fleet.held.splits[0].layer == "ranker"
    assert "답이 이상해서" in world.part.rollouts.registry.get("nlg", held.candidate).refused
    until(page, lambda: "되돌려짐" in card(page, "adapter").inner_text())
    until(page, lambda: "experiment.rollback" in page.locator("#audit-rows").inner_text())
    card(page, "adapter").get_by_role("button", name="자세히").click()
    until(page, lambda: "되돌림" in (page.locator("#sheet svg").text_content() or ""))
    assert page.locator("#sheet .axis-zero").count() == 1
    assert "구간" in page.locator("#sheet svg").get_attribute("aria-label")


def test_a_model_goes_back_to_the_version_that_was_chosen(page, world):
    registry = world.part.rollouts.registry
    first, second = [v.version for v in registry.versions("ranker")][:2]
    assert registry.alias("ranker", "champion").version == second
    page.locator("#model-rows tr", has_text="순위").get_by_role("button", name="내력").click()
    page.get_by_role("button", name="이 버전으로 되돌리기").click()
    page.fill("#ask-why", "어제가 나았어요")
    page.fill("#ask-typed", "ranker")
    page.click("#ask-yes")
    until(page, lambda: registry.alias("ranker", "champion").version == first)
    until(page, lambda: world.acts()[0]["outcome"] == "done")
    act = world.acts()[0]
    assert (act["what"], act["before"]["serves"], act["after"]["serves"]) == ("model.rollback", second, first)  # fmt: skip
    assert registry.history("ranker")[-1].who == "민수"


def test_the_schedule_is_paused_and_a_job_cancelled(page, world):
    page.locator("#schedule-rows tr", has_text="배우기").get_by_role(
        "button", name="멈추기"
    ).click()
    page.fill("#ask-why", "밤새 지켜보려고")
    page.click("#ask-yes")
    page.wait_for_selector(".toast")
    assert world.control.schedule.show()["learn"]["paused"] == "민수: 밤새 지켜보려고"
    until(page, lambda: "밤새 지켜보려고" in page.locator("#schedule-rows").inner_text())
    page.locator("#job-rows tr", has_text="순위 학습").get_by_role("button", name="취소").click()
    page.fill("#ask-why", "잘못 냈어요")
    page.click("#ask-yes")
    until(
        page,
        lambda: (world.acts()[0]["what"], world.acts()[0]["outcome"]) == ("job.cancel", "done"),
    )
    until(page, lambda: "취소를 기다려요" in page.locator("#job-rows").inner_text())


def test_a_refusal_is_told_and_written_down(page, world):
    world.part.rollouts.pause(world.experiment("ranker").id, who="other", why="먼저")
    until(page, lambda: card(page, "ranker").get_by_role("button", name="다시 시작").count() == 1)
    card(page, "ranker").get_by_role("button", name="다시 시작").click()
    world.part.rollouts.resume(world.experiment("ranker").id, who="other", why="먼저")
    page.fill("#ask-why", "이어서")
    page.click("#ask-yes")
    page.wait_for_selector("#ask-error:not(:empty)")
    assert "하지 못했어요" in page.locator("#ask-error").inner_text()
    assert world.acts()[0]["outcome"] == "refused"


def test_names_and_errors_stay_text(page, world):
    assert EVIL in page.locator("#job-rows").inner_text()
    page.locator("#job-rows tr", has_text="말투 학습").get_by_role("button", name="기록").click()
    page.wait_for_selector("#sheet pre")
    assert EVIL in page.locator("#sheet pre").inner_text()
    page.click("#sheet-close")
    card(page, "ranker").get_by_role("button", name="자세히").click()
    page.wait_for_selector("#sheet table")
    assert EVIL in page.locator("#sheet").inner_text()
    assert page.evaluate("window.evil") is None
    assert page.locator("main script, main img, dialog img").count() == 0


def test_everything_is_reached_by_the_keyboard(page, world):
    page.keyboard.press("Control+Home")
    button = card(page, "ranker").get_by_role("button", name="비율 바꾸기")
    button.focus()
    page.wait_for_timeout(700)
    assert button.evaluate("node => node === document.activeElement"), "a snapshot took the focus"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "ask-share"
    page.keyboard.press("Escape")
    assert page.locator("#ask").is_hidden()
    assert button.evaluate("node => node === document.activeElement")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    names = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, svg[role=img]')]
        .filter(n => n.getClientRects().length && !(n.textContent.trim() || n.getAttribute('aria-label') || n.labels?.length))
        .map(n => n.outerHTML)"""
    )
    assert names == []


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_nothing_runs_over_the_edge(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(250)
    wide = page.evaluate(
        """width => [...document.querySelectorAll('body *')]
        .filter(n => n.getBoundingClientRect().right > width + 1 && !n.closest('.scroll, dialog'))
        .map(n => `${n.tagName} ${n.className} ${n.id}`)""",
        width,
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_comes_back_after_the_service_was_started_again(page, world):
    world.stop()
    page.wait_for_selector("#state[data-state=cut]")
    until(page, lambda: "끊김" in page.locator("#state").inner_text())
    assert re.search("연결이 끊겼어요.*까지의 내용", page.locator("#cut").inner_text())
    world.start()
    page.click("#again")
    page.wait_for_selector("#state[data-state=live]")
    assert page.locator("#cut").is_hidden()
    assert page.locator("#traffic-read").inner_text()
    assert viewers(world) == 2
    page.goto("about:blank")
    until(page, lambda: viewers(world) == 1, "who left is still counted")


def viewers(world):
    """Return how many watch, this look among them; the first snapshot was made before it came."""
    headers = {"authorization": f"Bearer {world.key}"}
    told_of = []
    with httpx.stream("GET", f"{world.url}/admin/live", headers=headers, trust_env=False) as told:
        for line in told.iter_lines():
            found = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            told_of += [found["viewers"]] if "viewers" in found else []
            if len(told_of) == 2:
                return told_of[1]
