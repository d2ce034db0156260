"""The chat page in a real Chromium against the real application; only the line between them can be made slow or bad."""

import asyncio
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import uvicorn

from deployments.ingress import create_app
from naviyam.feedback.reader import read_events

SEEN = ".turn:last-of-type [data-part=answer]:not(.waiting)"


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
            return self.answer()
        return None

    def spoken(self):
        return self.page.locator("#live p").all_inner_texts()

    def answer(self):
        return self.page.locator(SEEN).inner_text()

    @contextmanager
    def answered_with(self, status, headers=None):
        headers = headers or {}
        self.page.route("**/chat", lambda r: r.fulfill(status=status, headers=headers, body="{}"))
        yield
        self.page.unroute("**/chat")
