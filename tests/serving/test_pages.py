import gzip
import re

import httpx
import pytest
from fastapi import FastAPI

from deployments.pages import ASSETS, FOLDER, MEDIA_TYPES, page_router
from naviyam.text.easy import STIGMA_WORDS


@pytest.fixture
async def client():
    app = FastAPI()
    app.include_router(page_router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as made:
        yield made


async def test_every_listed_file_comes_with_its_kind_and_a_strict_policy(client):
    for route, name in ASSETS.items():
        response = await client.get(route)
        assert response.status_code == 200, route
        assert response.content == (FOLDER / name).read_bytes()
        assert response.headers["content-type"] == MEDIA_TYPES["." + name.rsplit(".")[-1]]
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_browser_that_holds_a_file_gets_no_second_copy(client):
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == (FOLDER / "index.html").read_bytes()
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, mtime=0))
    tags = {plain.headers["etag"], packed.headers["etag"]}
    assert len(tags) == 2
    known = {"Accept-Encoding": "gzip", "If-None-Match": f'"old", W/{packed.headers["etag"]}'}
    again = await client.get("/", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == packed.headers["etag"]
    old = await client.get("/", headers={"If-None-Match": '"old"'})
    assert old.status_code == 200


async def test_only_what_is_listed_is_there(client):
    for path in (
        "/web/", "/web/../pages.py", "/web/%2e%2e/pages.py", "/web/..%2fpages.py",
        "/web/pages.py", "/index.html", "/web//etc/passwd",
    ):  # fmt: skip
        assert (await client.get(path)).status_code == 404, path
    assert (await client.post("/")).status_code == 405


def test_pages_hold_nothing_inline_and_name_only_listed_files():
    for name in (n for n in ASSETS.values() if n.endswith(".html")):
        text = (FOLDER / name).read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), name
        for target in re.findall(r'(?:src|href)="([^"]+)"', text):
            assert "/" + target in ASSETS or re.match(r"(tel:|#)", target), target


def test_the_folder_holds_nothing_that_is_not_listed():
    assert {p.name for p in FOLDER.iterdir()} == set(ASSETS.values())


def test_no_page_shames_or_tells_the_next_seat_how_a_child_pays():
    for name in ASSETS.values():
        text = (FOLDER / name).read_text()
        assert not [w for w in STIGMA_WORDS if w in text], name
    assert "급식카드" not in (FOLDER / "index.html").read_text() + (FOLDER / "words.js").read_text()
